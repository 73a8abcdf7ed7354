"""What a subscriber is told: the state now, then what moved since, never more often than asked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from documents.log import Commit
from services.analytics import Analytics, Question
from services.answers import Position, instant
from services.errors import AnalyticsError
from services.events import EventType
from services.families import MetricFamily
from services.overview import Overview
from services.reading import Reading

MAX_INTERVAL_MS = 3_600_000


class UpdateReason(StrEnum):
    """Why an update is sent."""

    CURRENT = "CURRENT"
    """The subscription began; this is the current state."""
    BATCH = "BATCH"
    """Events were committed."""
    REORG = "REORG"
    """The chain was reorganised: something that stood was undone, or came back."""
    SNAPSHOT = "SNAPSHOT"
    """Snapshots were recorded or revised; no figure moved."""
    REBUILD = "REBUILD"
    """Everything was derived again from the log."""


@dataclass(frozen=True, kw_only=True)
class EventCount:
    """How many events of one type."""

    type: EventType
    """The type."""
    count: int
    """How many."""


@dataclass(frozen=True, kw_only=True)
class AnalyticsUpdate:
    """The state at a new position, and what moved since the last update."""

    position: Position
    """The position at which all of this was true; pass it as `after` to resume from here."""
    committed_at: datetime | None
    """When that position was committed; null before the first commit."""
    reason: UpdateReason
    """Why this was sent; REORG if any of the batches since the last update undid something."""
    families: list[MetricFamily]
    """The families whose figures moved since the last update; all of them in the first one."""
    events: list[EventCount]
    """Events that came to stand since the last update, by type."""
    undone: int
    """Events that ceased to stand since the last update."""
    missed: int
    """Positions since the last update, or since `after`, that had no update of their own."""
    metrics: Overview
    """The overview at this position."""
    reading: Reading = field(repr=False, compare=False, metadata={"private": True})
    """The snapshot from which the rest is answered."""
    executed: dict[Any, Any] = field(
        default_factory=dict, repr=False, compare=False, metadata={"private": True}
    )
    """What was made of it, by who asks what: the same for all who ask the same."""


async def updates(
    analytics: Analytics,
    *,
    after: int | None,
    families: Sequence[MetricFamily],
    min_interval_ms: int,
) -> AsyncIterator[AnalyticsUpdate]:
    """Yield the current state, then an update a commit at most, what was missed being merged.

    Raises `AnalyticsError` with code BAD_USER_INPUT for an interval or a position that is refused.
    """
    if after is not None and after > analytics.updates.position:
        # A client that was cut off from another process may know more than this one has heard.
        await analytics.look()
    _check(analytics, after, min_interval_ms)
    loop = asyncio.get_running_loop()
    reading = await analytics.reading()
    told = seen = reading.head.position
    yield await _update(analytics, reading, seen if after is None else after, first=True)
    while True:
        sent = loop.time()
        await analytics.updates.beyond(seen)
        await asyncio.sleep(max(0.0, sent + min_interval_ms / 1000 - loop.time()))
        reading = await analytics.reading()
        if reading.head.position <= seen:
            continue
        # Since the last one that was sent: what was passed over is merged into this one.
        update = await _update(analytics, reading, told, first=False)
        seen = update.position
        if _concerns(update, families):
            told = seen
            yield update


def _concerns(update: AnalyticsUpdate, families: Sequence[MetricFamily]) -> bool:
    """Return whether an update moves one of the families; by default, whether it moves anything.

    A reorganisation may replace every event and leave every figure as it was.
    """
    if families:
        return not set(families).isdisjoint(update.families)
    moves = update.families or update.events or update.undone
    return bool(moves) or update.reason is UpdateReason.SNAPSHOT


def _check(analytics: Analytics, after: int | None, min_interval_ms: int) -> None:
    if not 0 <= min_interval_ms <= MAX_INTERVAL_MS:
        raise AnalyticsError(
            "BAD_USER_INPUT",
            f"`minIntervalMs` is 0 to {MAX_INTERVAL_MS}.",
            minimum=0,
            maximum=MAX_INTERVAL_MS,
        )
    if after is not None and not 0 <= after <= analytics.updates.position:
        raise AnalyticsError(
            "BAD_USER_INPUT",
            f"`after` is a position that was reached: 0 to {analytics.updates.position}. "
            "If the service was set up anew, subscribe without it.",
            position=analytics.updates.position,
        )


async def _update(
    analytics: Analytics, reading: Reading, since: int, *, first: bool
) -> AnalyticsUpdate:
    """Return the update at a reading; all who were told last at the same position get the same."""
    key = ("update", since, first, reading.number)
    return await analytics.kept(
        key, lambda at: _work_out(analytics, at, since, first=first), reading
    )


async def _work_out(
    analytics: Analytics, reading: Reading, since: int, *, first: bool
) -> AnalyticsUpdate:
    position = reading.head.position
    commits = await analytics.commits(since, position)
    reason = UpdateReason.CURRENT if first else _reason(commits)
    counts: Counter[str] = Counter()
    for commit in commits:
        counts.update({kind: count for kind, count in commit.counts.items() if count})
    moved = {family for commit in commits for family in commit.families}
    committed = reading.head.committed
    return AnalyticsUpdate(
        position=Position(position),
        committed_at=None if committed is None else instant(committed),
        reason=reason,
        families=[each for each in MetricFamily if first or each in moved],
        events=[EventCount(type=EventType(each), count=n) for each, n in sorted(counts.items())],
        undone=sum(commit.undone for commit in commits),
        missed=max(0, position - since - 1) if not first else position - since,
        metrics=Overview(view=await analytics.view(Question(), reading)),
        reading=reading,
    )


def _reason(commits: Sequence[Commit]) -> UpdateReason:
    reasons = {commit.reason for commit in commits}
    for reason in (UpdateReason.REBUILD, UpdateReason.REORG, UpdateReason.BATCH):
        if reason in reasons:
            return reason
    return UpdateReason.SNAPSHOT
