"""The append-only log of deliveries: the truth from which everything else is derived."""

from typing import Any, ClassVar

from beanie import Document
from pydantic import Field
from pymongo import ASCENDING, IndexModel


class LogEntry(Document):
    """One accepted delivery. `_id` is its sequence number: 1, 2, 3, ... without a hole.

    `rolled_back` and `applied` hold blocks as in `services.events`, `events` those of no block, and
    `refused` the counts of refused parts by reason.
    """

    id: int  # type: ignore[assignment]  # Beanie: any type
    source: str
    """`chainhook`, `api` or `import`."""
    received: int
    """Milliseconds since 1970, UTC."""
    size: int
    """Events in this entry; what a batch is measured by."""
    rolled_back: list[dict[str, Any]] = Field(default_factory=list)
    applied: list[dict[str, Any]] = Field(default_factory=list)
    events: list[dict[str, Any]] = Field(default_factory=list)
    client_ids: list[str] | None = None
    """The identities of `events`. A unique index over them refuses a second acceptance."""
    refused: dict[str, int] = Field(default_factory=dict)
    partial: bool = False
    """Whether the delivery goes on in the next entry, because one document cannot hold it."""
    original: int | None = None
    """The entry that this one repeats, which was in quarantine; it takes that one's place."""

    class Settings:
        """Collection and indexes."""

        name = "log"
        indexes: ClassVar = [
            IndexModel(
                [("client_ids", ASCENDING)],
                name="client_ids",
                unique=True,
                partialFilterExpression={"client_ids": {"$exists": True}},
            ),
            # It covers the question how much waits, which is asked before every commit.
            IndexModel(
                [("_id", ASCENDING), ("size", ASCENDING), ("received", ASCENDING)], name="waiting"
            ),
        ]


class QuarantinedEntry(Document):
    """An entry of the log that could not be committed and was set aside. `_id` is its number."""

    id: int  # type: ignore[assignment]  # Beanie: any type
    state: str
    """`set_aside`, `dropped`, or `retried` once a later entry repeats it."""
    reason: str
    """The error with which it failed."""
    at: int
    """When it was set aside, in milliseconds since 1970, UTC."""
    events: int

    class Settings:
        """Collection."""

        name = "quarantine"


class RefusedBody(Document):
    """The body of a delivery that was refused whole, cut off, for an operator to look at."""

    at: int
    """When it was refused, in milliseconds since 1970, UTC."""
    reason: str
    length: int
    """Bytes of the whole body, unpacked if that could be done."""
    body: bytes

    class Settings:
        """Collection."""

        name = "refused_bodies"


class Import(Document):
    """How far a file was taken into the log. `_id` tells its content and how it is read.

    It is written in the transaction that stores the entries, so it is never behind or ahead.
    """

    id: str  # type: ignore[assignment]  # Beanie: any type
    line: int
    """The last line that was taken, counted from 1."""
    tally: dict[str, Any]
    """What became of the lines; see `services.imports.Tally`."""

    class Settings:
        """Collection."""

        name = "imports"


class Commit(Document):
    """One committed batch. `_id` is its position: 1, 2, 3, ... without a hole."""

    id: int  # type: ignore[assignment]  # Beanie: any type
    at: int
    """When it was committed, in milliseconds since 1970, UTC."""
    reason: str
    """`BATCH`, `REORG`, `SNAPSHOT` or `REBUILD`."""
    families: list[str]
    """The metric families whose figures moved."""
    counts: dict[str, int]
    """Events of this batch that came to stand, by type."""
    undone: int
    """Events of this batch that ceased to stand."""
    since: int | None
    """The earliest instant whose figures moved, in milliseconds since 1970, UTC."""
    first_sequence: int
    last_sequence: int

    class Settings:
        """Collection; `_id` is the only index needed."""

        name = "commits"


class Head(Document):
    """Where the projections are: the one document that every commit moves."""

    id: str = "head"  # type: ignore[assignment]  # Beanie: any type
    position: int = 0
    sequence: int = 0
    """The last log entry that is contained."""
    generation: int = 1
    """Which set of projected collections answers; see `documents.projection`."""
    network: str | None = None
    """The Stacks network whose events these are; None as long as none has been claimed."""
    layout: int = 0
    """How those are laid out, as `documents.projection.LAYOUT`."""
    committed: int | None = None
    """When the last batch was committed, in milliseconds since 1970, UTC."""
    users: int = 0
    """How many user ordinals have been given out."""
    rows: int = 0
    """How many rows of the fact table have been given out."""
    codes: int = 0
    """How many codes have been given out."""
    processed: int = 0
    """Events contained, redelivered ones included."""
    earliest: int | None = None
    """The time of the earliest event that has effect, in milliseconds since 1970, UTC."""
    latest: int | None = None
    """The time of the latest event that has effect, in milliseconds since 1970, UTC."""
    delivered: int | None = None
    """When the last entry contained was received, in milliseconds since 1970, UTC."""
    refused: dict[str, int] = Field(default_factory=dict)

    class Settings:
        """Collection."""

        name = "head"
