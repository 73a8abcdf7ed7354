"""What happened: the events of the log, and the deliveries that bring them.

An event is a plain mapping, because the same object is parsed from a delivery, stored in the log
and read back by the processor some hundred thousand times a minute. `Event` gives its keys.

An event that came from the chain belongs to a block and stands exactly while that block is
canonical. An event that came through the API belongs to no block, carries its own time and
always stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import NotRequired, TypedDict


class EventType(StrEnum):
    """The kinds of events that the ledger understands."""

    BADGE_ISSUED = "badge_issued"
    """A badge was issued to a user."""
    BADGE_REVOKED = "badge_revoked"
    """A badge was revoked, softly or by burning it."""
    BADGE_UPDATED = "badge_updated"
    """The category or the level of a badge was changed."""
    TEMPLATE_REGISTERED = "template_registered"
    """A template of badges was registered."""
    COMMUNITY_CREATED = "community_created"
    """A community was created."""
    COMMUNITY_TRANSFERRED = "community_transferred"
    """A community got another owner."""
    COMMUNITY_DEACTIVATED = "community_deactivated"
    """A community was deactivated."""
    MEMBER_ADDED = "member_added"
    """A user became a member of a community."""
    USER_JOINED = "user_joined"
    """A user was registered outside of the chain."""


class Event(TypedDict):
    """One event. Which keys are present depends on `type`; an absent key means "not known".

    | type                  | keys beside `id`, `type`, `index` (chain) or `at` (API)              |
    |-----------------------|----------------------------------------------------------------------|
    | badge_issued          | badge, user (to); template, issuer, category, level, community       |
    | badge_revoked         | badge, hard (burned); by                                             |
    | badge_updated         | badge; category, level (the new ones)                                |
    | template_registered   | template; name, category, level (the default), community, by         |
    | community_created     | community, user (owner); name                                        |
    | community_transferred | community, user (new owner)                                          |
    | community_deactivated | community                                                            |
    | member_added          | community, user (member)                                             |
    | user_joined           | user                                                                 |
    """

    id: str
    """The identity, see `identity`."""
    type: str
    """A value of `EventType`."""
    index: NotRequired[int]
    """Place in its block: transaction position << 24 | place within the transaction."""
    tx: NotRequired[str]
    at: NotRequired[int]
    """Milliseconds since 1970, UTC. Chain events take their block's time instead."""
    badge: NotRequired[str]
    user: NotRequired[str]
    template: NotRequired[str]
    issuer: NotRequired[str]
    category: NotRequired[int]
    level: NotRequired[int]
    community: NotRequired[str]
    name: NotRequired[str]
    by: NotRequired[str]
    hard: NotRequired[bool]


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block that a delivery takes back."""

    height: int
    hash: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A block that a delivery applies, with the events that this delivery tells of.

    Another delivery may tell other events of the same block.
    """

    height: int
    hash: str
    parent: str
    at: int
    """Block time in milliseconds since 1970, UTC."""
    events: Sequence[Event] = ()
    burn: int | None = None
    """The height of the Bitcoin block to which it is anchored, if the delivery names it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One accepted message: blocks taken back, then blocks applied, then events of no block."""

    rollback: Sequence[BlockRef] = ()
    apply: Sequence[Block] = ()
    events: Sequence[Event] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    """How many parts were refused, by reason; see `ingest.chainhook.Refusal`."""
    undated: Sequence[int] = ()
    """Places in `events` of those whose time was not given, but taken from the clock."""


def identity(*parts: str | int) -> str:
    """Return the identity of an event: 32 hexadecimal digits of BLAKE2b over its parts.

    For a chain event the parts are network, index block hash, transaction id, type, and what it is
    about, see `ingest.chainhook`. They are the same for both Chainhook generations, and whatever
    part of a transaction a hook shows. Each part is preceded by its length, so no other parts
    give the same text.
    """
    texts = map(str, parts)
    text = "".join(f"{len(part)}:{part}" for part in texts)
    return blake2b(text.encode(), digest_size=16).hexdigest()
