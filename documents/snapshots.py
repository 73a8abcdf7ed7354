"""Snapshots: the metrics of a closed calendar bucket, kept."""

from typing import ClassVar

from beanie import Document
from pymongo import ASCENDING, DESCENDING, IndexModel


class SnapshotRecord(Document):
    """The snapshot of one bucket. `_id` is `PERIOD|start`, so that there is one at most."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    period: str
    start: int
    """The first instant of the bucket, in milliseconds since 1970, UTC."""
    end: int
    revision: int
    """1 at first, and one more each time that it was recorded again."""
    recorded: int
    """When it was recorded last, in milliseconds since 1970, UTC."""
    position: int
    """The position at which its values were true."""
    values: dict[str, float | None]
    """The value of each metric of the catalogue."""

    class Settings:
        """Collection and indexes."""

        name = "snapshots"
        indexes: ClassVar = [
            IndexModel([("period", ASCENDING), ("start", DESCENDING)], name="period_start"),
            IndexModel([("end", ASCENDING)], name="end"),
        ]


class SnapshotCursor(Document):
    """How far the scheduler has seen to it that commits of the past refresh snapshots."""

    id: str = "cursor"  # type: ignore[assignment]  # Beanie: any type
    position: int

    class Settings:
        """Collection."""

        name = "snapshot_cursor"
