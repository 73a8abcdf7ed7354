"""Facts and users as rows of columns, some hundreds of them in one document.

The counters of `documents.cells` answer what is asked most, at a cost that does not grow. These
tables answer everything else: several filters at once, the parts of a UTC day, the people and the
badges behind a number. A reader keeps the chunks that it has read and asks again for those that
have changed. `services.tables` says what a row holds.
"""

from typing import ClassVar

from beanie import Document
from pymongo import ASCENDING, IndexModel


class FactChunk(Document):
    """Rows of badges, memberships and communities. `_id` is the number of the chunk, from 0."""

    id: int  # type: ignore[assignment]  # Beanie: any type
    changed: int
    """The position at which it was written last; negative if a rebuild wrote it."""
    low: int
    """The earliest instant that a row of it tells of, in milliseconds since 1970, UTC."""
    high: int
    """The latest instant that a row of it tells of."""
    rows: bytes

    class Settings:
        """Collection and indexes."""

        name = "fact_chunks"
        indexes: ClassVar = [
            # It covers the question which chunks a range needs, and which of them have changed.
            IndexModel(
                [("low", ASCENDING), ("high", ASCENDING), ("_id", ASCENDING), ("changed", 1)],
                name="changed",
            ),
        ]


class UserChunk(Document):
    """Rows of users, by ordinal. `_id` is the number of the chunk, from 0."""

    id: int  # type: ignore[assignment]  # Beanie: any type
    changed: int
    """The position at which it was written last; negative if a rebuild wrote it."""
    rows: bytes

    class Settings:
        """Collection and indexes."""

        name = "user_chunks"
        indexes: ClassVar = [
            # A reader that knows the rows of an earlier position asks for what changed since.
            IndexModel([("changed", ASCENDING)], name="since"),
        ]


class CodeRecord(Document):
    """A number for a key of a dimension, for the tables. `_id` is the number, from 1."""

    id: int  # type: ignore[assignment]  # Beanie: any type
    name: str
    """The dimension and the key, such as `category|3`."""

    class Settings:
        """Collection; `_id` is the only index needed, for who writes codes knows all of them."""

        name = "codes"
