"""Counters: how many, and which users, for a series and a key, ever and by UTC month.

A series is what is counted (`issued.category`), a key one value of it (`3`); a series without
keys has the key `-`. Few documents make any range in any time zone:

| collection      | one document for                   | tells                                     |
|-----------------|------------------------------------|-------------------------------------------|
| `totals`        | a series and a key                 | the count, and the users, ever            |
| `months`        | ... and a month                    | the count by day (0 to 30), and the users |
| `quarter_hours` | a series without keys, and a month | the count by quarter hour (0 to 2975)     |
| `day_users`     | a series without keys, and a day   | the users, of each quarter hour too       |

Counts by part (`parts`) are numbers of four bytes; users are Roaring bitmaps of user ordinals. A
series tells its users only where somebody asks for the distinct ones. Every zone's offset since
1980 is a multiple of a quarter hour, which is why a range that begins at any zone's midnight is
exact.

Only series without keys go below the day. With keys there would be as many parts as events; what a
range holds of a keyed series beside whole UTC days is read from the fact table, see
`documents.tables`.
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
    user_count: int | None = None
    """How many users they are, so that who asks only that need not read which."""

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


class QuarterHourCell(Document):
    """The counts of a series in a UTC month by quarter hour. `_id` is `series|key|period`."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    series: str
    key: str
    period: int
    """Year * 12 + month - 1."""
    n: int
    """The count of the month, as in `MonthCell`."""
    parts: bytes

    class Settings:
        """Collection; `_id` is the only index needed."""

        name = "quarter_hours"


class DayUsers(Document):
    """The distinct users of a series on a UTC day. `_id` is `series|key|period`."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    series: str
    key: str
    period: int
    """Days since 1970."""
    n: int
    """The count of the day."""
    users: bytes
    slots: dict[str, bytes]
    """The users of each quarter hour."""

    class Settings:
        """Collection; `_id` is the only index needed."""

        name = "day_users"
