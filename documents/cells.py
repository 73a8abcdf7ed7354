"""Counters: how many, and which users, for a series and a key, ever, by month and by day.

A series is what is counted (`issued.category`), a key one value of it (`3`); a series without
keys has the key `-`. Three resolutions make any range in any time zone a sum of few documents:

| collection | one document for         | `parts`                             | `users` |
|------------|--------------------------|-------------------------------------|---------|
| `totals`   | a series and a key       | none                                | ever    |
| `months`   | ... and a UTC month      | count by UTC day (0 to 30)          | month   |
| `days`     | ... and a UTC day        | count by quarter hour (0 to 95)     | apart   |

`parts` are numbers of four bytes. `users` are Roaring bitmaps of user ordinals. Those of a day are
documents of their own (`day_users`), with one for each quarter hour as well (`slots`): they are a
hundred times as large as its counts, which are read much more often. Every zone's offset since 2021
is a multiple of a quarter hour, which is why a range that begins at any zone's midnight is exact.

Only series without keys have days. With keys there would be as many days as events; what a range
holds of a keyed series beside whole UTC days is read from the fact table, see `documents.tables`.
"""

from typing import ClassVar

from beanie import Document
from pymongo import ASCENDING, DESCENDING, IndexModel


class TotalCell(Document):
    """The count of a key since ever. `_id` is `series|key`."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    series: str
    key: str
    rank: str
    """The key such that decimal numbers sort by their value; see `services.cells.rank`."""
    n: int
    users: bytes | None = None

    class Settings:
        """Collection and indexes."""

        name = "totals"
        indexes: ClassVar = [
            # It covers breakdowns, so that the bitmaps of users beside the counts are not read.
            IndexModel(
                [
                    ("series", ASCENDING),
                    ("n", DESCENDING),
                    ("rank", ASCENDING),
                    ("key", ASCENDING),
                ],
                name="counts",
            ),
        ]


class MonthCell(Document):
    """The count of a key in a UTC month. `_id` is `series|key|period`."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    series: str
    key: str
    period: int
    """Year * 12 + month - 1."""
    n: int
    parts: bytes
    users: bytes | None = None

    class Settings:
        """Collection and indexes."""

        name = "months"
        indexes: ClassVar = [
            IndexModel([("series", ASCENDING), ("period", ASCENDING)], name="series_period"),
        ]


class DayCell(Document):
    """The count of a key on a UTC day. `_id` is `series|key|period`."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    series: str
    key: str
    period: int
    """Days since 1970."""
    n: int
    parts: bytes

    class Settings:
        """Collection and indexes."""

        name = "days"
        indexes: ClassVar = [
            IndexModel([("series", ASCENDING), ("period", ASCENDING)], name="series_period"),
        ]


class DayUsers(Document):
    """The distinct users of a series on a UTC day. `_id` is `series|key|period`."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    series: str
    key: str
    period: int
    """Days since 1970."""
    n: int
    """The count, as in `DayCell`."""
    users: bytes
    slots: dict[str, bytes]
    """The users of each quarter hour."""

    class Settings:
        """Collection; `_id` is the only index needed."""

        name = "day_users"
