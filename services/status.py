"""Status: where the service is, what waits, and what is known to be missing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from documents.log import LogEntry
from documents.projection import Database
from services import quarantine
from services.activity import BlockReference, block_reference
from services.answers import Position, instant
from services.events import EventType
from services.facts import WAITING, Ineffective, entity
from services.log import waiting
from services.reading import Reading
from services.waits import Waits

PLAUSIBLE = 1_000_000
"""How far an id may lie above the number of known ones and still be a sign of missing events."""


class GapKind(StrEnum):
    """What is numbered without a hole on the canonical chain."""

    BADGE = "badge"
    """Badges."""
    COMMUNITY = "community"
    """Communities."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Ids that the chain must have given out, and that no delivery told of."""

    kind: GapKind
    """What is missing."""
    missing: int
    """How many of them, up to the highest plausible id."""
    highest: str
    """The highest id that was seen; if it is plausible, all from 1 up to it exist on the chain."""
    implausible: int
    """How many ids lie more than 1,000,000 above the number of known ones. The chain gives ids out
    in turn, so they are no sign of missing events, but of a hook or a contract that misbehaves."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Parts of deliveries that were not taken, with the reason."""

    reason: str
    """Why."""
    count: int
    """How many."""


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """Where the service is."""

    position: Position
    """The number of the last committed batch."""
    events_processed: int
    """Events committed since ever, redelivered ones contained."""
    events_waiting: int
    """Events stored and not yet committed."""
    last_committed_at: datetime | None
    """When the last batch was committed."""
    last_delivery_at: datetime | None
    """When the last delivery was stored."""
    lag_seconds: float
    """For how long the oldest waiting delivery has been waiting; 0 if nothing waits."""
    last_block: BlockReference | None
    """The highest block that stands."""
    gaps: list[Gap]
    """What is certain to be missing; empty if nothing is."""
    cache_hit_rate: float | None
    """The share of answers that came from the cache; null before the first."""
    refused: list[Refused]
    """What deliveries contained that was not taken, and what was taken and has no effect because
    something else was said before it, by reason."""
    waiting: list[Refused]
    """Events that have no effect until what they need arrives, by reason: a revocation of a badge
    that was not issued yet, or a membership of a community that was not created yet."""
    quarantined: int
    """Deliveries that could not be committed and were set aside, so that the rest goes on; see
    `passportx quarantine`."""


async def answer(
    reading: Reading, database: Database, cache_hit_rate: float | None, waits: Waits
) -> ServiceStatus:
    """Compute the status. What waits is counted now, the rest is at the reading's position."""
    head = reading.head
    behind = await waiting(database[LogEntry.Settings.name], head.sequence)
    delivered = behind.until or head.delivered
    blocks = await reading.find(
        reading.projection.blocks,
        {"canonical": True},
        sort=(("height", -1),),
        limit=1,
    )
    counts = await reading.totals("ineffective", [str(reason) for reason in Ineffective])
    idle = dict(zip(map(str, Ineffective), counts, strict=True))
    return ServiceStatus(
        position=Position(head.position),
        events_processed=head.processed,
        events_waiting=behind.events,
        last_committed_at=None if head.committed is None else instant(head.committed),
        last_delivery_at=None if delivered is None else instant(delivered),
        lag_seconds=waits.age(behind.since),
        last_block=next(map(block_reference, blocks), None),
        gaps=await gaps(reading),
        cache_hit_rate=cache_hit_rate,
        refused=_by_reason(
            Counter(head.refused) + Counter({r: n for r, n in idle.items() if r not in WAITING})
        ),
        waiting=_by_reason({r: n for r, n in idle.items() if r in WAITING}),
        quarantined=await quarantine.waiting(database),
    )


def _by_reason(counts: Mapping[str, int]) -> list[Refused]:
    return [Refused(reason=reason, count=n) for reason, n in sorted(counts.items()) if n]


async def gaps(reading: Reading) -> list[Gap]:
    """Return which ids from 1 to the highest are not there; the chain gives them out in turn.

    Only those of the first deployment, whose ids are numbers.
    """
    kinds = {GapKind.BADGE: EventType.BADGE_ISSUED, GapKind.COMMUNITY: EventType.COMMUNITY_CREATED}
    counted = [(await reading.totals(f"chain.{kind}"))[0] for kind in kinds]
    found = []
    for (kind, created), count in zip(kinds.items(), counted, strict=True):
        last = entity(kind, str(count + PLAUSIBLE))
        highest = await _highest(reading, kind, created, {"$gt": f"{kind}:", "$lt": f"{kind}:99"})
        plausible = highest
        implausible = 0
        if int(highest) > count + PLAUSIBLE:
            above = {**_numbered(kind, created), "entity": {"$gt": last, "$lt": f"{kind}:99"}}
            implausible = await reading.count(reading.projection.events, above)
            plausible = await _highest(reading, kind, created, {"$gt": f"{kind}:", "$lte": last})
        missing = int(plausible) - (count - implausible)
        if missing or implausible:
            found.append(Gap(kind=kind, missing=missing, highest=highest, implausible=implausible))
    return found


def _numbered(kind: GapKind, created: EventType) -> dict[str, Any]:
    return {
        "type": created,
        "live": True,
        "height": {"$ne": None},
        str(kind): {"$regex": "^[0-9]+$"},
    }


async def _highest(
    reading: Reading, kind: GapKind, created: EventType, within: dict[str, str]
) -> str:
    rows = await reading.find(
        reading.projection.events,
        {**_numbered(kind, created), "entity": within},
        {str(kind): 1},
        sort=(("entity", -1),),
        limit=1,
    )
    return str(rows[0][str(kind)]) if rows else "0"
