"""The records that the log is projected to: events, blocks, users, communities, templates."""

from typing import Any, ClassVar

from beanie import Document
from pymongo import ASCENDING, DESCENDING, IndexModel


class EventRecord(Document):
    """One event of the log, once, however often it was delivered. `_id` is its identity."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    type: str
    entity: str
    """What it tells of, such as `badge:17`: the events of one entity determine its facts."""
    stands: bool
    """Whether its block is canonical (always true for an event of no block)."""
    live: bool
    """Whether it stands and takes effect: a second issue of the same badge does not."""
    at: int
    order: str
    """By which events ascend as they happened: time, height, place in the block."""
    height: int | None = None
    block: str | None = None
    index: int = 0
    tx: str | None = None
    user: str | None = None
    badge: str | None = None
    template: str | None = None
    issuer: str | None = None
    category: int | None = None
    level: int | None = None
    community: str | None = None
    name: str | None = None
    by: str | None = None
    hard: bool | None = None
    facts: dict[str, Any] | None = None
    """On the live issue of a badge: its current category, level, community and revocation."""
    why: str | None = None
    """Why it has no effect although it stands, as `services.facts.Ineffective`; else absent."""
    row: int | None = None
    """Its row in the fact table, once it was the event that makes a badge, a membership or a
    community."""
    member_row: int | None = None
    """The row of the creator's membership, once it was the event that makes a community."""

    class Settings:
        """Collection and indexes."""

        name = "events"
        indexes: ClassVar = [
            IndexModel([("entity", ASCENDING)], name="entity"),
            IndexModel([("height", ASCENDING)], name="height", sparse=True),
            IndexModel([("template", ASCENDING)], name="template", sparse=True),
            IndexModel([("row", ASCENDING)], name="row", sparse=True),
            IndexModel(
                [("user", ASCENDING), ("at", ASCENDING)],
                name="user_at",
                partialFilterExpression={"live": True},
            ),
            IndexModel(
                [("type", ASCENDING), ("order", DESCENDING), ("_id", DESCENDING)],
                name="newest",
                partialFilterExpression={"live": True},
            ),
        ]


class BlockRecord(Document):
    """A block that a delivery named. `_id` is its index block hash."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    height: int
    parent: str | None
    at: int | None
    burn: int | None = None
    """The height of the Bitcoin block to which it is anchored, where a delivery names it."""
    applied: bool
    """Whether the last delivery that named it applied it."""
    told: int
    """When that was: the entry of the log and the place in it; see `services.chain`."""
    foreign: bool = False
    """Whether it was refused, as a block of a chain that begins anew."""
    valid: bool
    """Whether neither it nor any known ancestor is rolled back."""
    canonical: bool
    """Whether it is on the canonical chain, as far as that is known."""

    class Settings:
        """Collection and indexes."""

        name = "blocks"
        indexes: ClassVar = [
            IndexModel([("height", ASCENDING)], name="height"),
            # Blocks that are there only because of one that was built on them.
            IndexModel(
                [("applied", ASCENDING)],
                name="kept_by_descendant",
                partialFilterExpression={"valid": True, "applied": False},
            ),
        ]


class UserRecord(Document):
    """A principal that has appeared. `_id` is the principal; what is true of it is in its row."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    ordinal: int
    """Its number in bitmaps and tables; never given to another."""

    class Settings:
        """Collection and indexes."""

        name = "users"
        indexes: ClassVar = [IndexModel([("ordinal", ASCENDING)], name="ordinal", unique=True)]


class CommunityRecord(Document):
    """A community that stands. `_id` is its id."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    name: str | None
    owner: str | None
    creator: str | None
    created: int
    deactivated: int | None
    on_chain: bool

    class Settings:
        """Collection."""

        name = "communities"


class TemplateRecord(Document):
    """A badge template that stands. `_id` is its id."""

    id: str  # type: ignore[assignment]  # Beanie: any type
    name: str | None
    category: int | None
    level: int | None
    community: str | None
    creator: str | None
    registered: int
    """The time of its first registration, in milliseconds since 1970, UTC."""

    class Settings:
        """Collection."""

        name = "templates"
