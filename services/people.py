"""People one by one: the list behind every number of users."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from services.answers import Position, instant
from services.columns import within
from services.errors import AnalyticsError
from services.figures import bitmap, unknown_key
from services.paging import Page, PageInfo, cut
from services.reading import Range
from services.retention import RetentionMode
from services.tables import MEMBERSHIP, NEVER, Rows, UserRow
from services.view import View
from services.window import Granularity, reached


class PersonOrder(StrEnum):
    """How people are sorted."""

    NEWEST = "NEWEST"
    """The ones who joined last first."""
    OLDEST = "OLDEST"
    """The ones who joined first first."""
    MOST_HELD = "MOST_HELD"
    """The ones who hold the most badges first."""
    MOST_ISSUED = "MOST_ISSUED"
    """The ones who received the most badges first."""


class LifecycleState(StrEnum):
    """What an active user did before, or that a user ceased to be active."""

    ACTIVE = "ACTIVE"
    """Received a badge in the bucket."""
    NEW = "NEW"
    """Received the first one ever in the bucket."""
    RETURNING = "RETURNING"
    """Received one in the bucket, and one in the bucket before."""
    RESURRECTED = "RESURRECTED"
    """Received one in the bucket and one earlier, but none in the bucket before."""
    DORMANT = "DORMANT"
    """Received one in the bucket before and none in this one."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user: a principal with a standing appearance or a registration."""

    id: str
    """The principal."""
    joined_at: datetime
    """When it appeared first, or was registered if that is earlier."""
    first_badge_at: datetime | None
    """When the first of its badges that stand was issued; null if it has none."""
    badges_issued: int
    """Badges that it received, all of them."""
    badges_held: int
    """Badges that it holds, all of them."""


@dataclass(frozen=True, kw_only=True)
class PersonEdge:
    """A user and its place."""

    cursor: str
    """Pass it as `after` or `before` to go on from here."""
    node: Person
    """The user."""


@dataclass(frozen=True, kw_only=True)
class PersonConnection:
    """A page of users."""

    position: Position
    """The position at which all of this was true."""
    edges: list[PersonEdge]
    """The users of this page."""
    page_info: PageInfo
    """Where this page lies."""
    total_count: int
    """How many users there are in all."""


@dataclass(frozen=True)
class Joined:
    """Those who joined in the window."""


@dataclass(frozen=True)
class Active:
    """Those who received a badge in the window."""


@dataclass(frozen=True)
class Waiting:
    """Those who joined in the window and have received no badge that stands."""


@dataclass(frozen=True)
class Holding:
    """Those who hold at least so many of the badges that are meant, and at most so many."""

    least: int
    most: int | None = None


@dataclass(frozen=True)
class MemberOf:
    """The standing members of a community."""

    community: str


@dataclass(frozen=True)
class InCohort:
    """Those who joined in a calendar bucket; with an offset only those retained at it."""

    by: Granularity
    start: int
    """An instant in the bucket in which they joined."""
    offset: int | None = None
    mode: RetentionMode = RetentionMode.BOUNDED


@dataclass(frozen=True)
class InState:
    """Those in a state of the lifecycle in a calendar bucket."""

    by: Granularity
    start: int
    """An instant in the bucket."""
    state: LifecycleState


Group = Joined | Active | Waiting | Holding | MemberOf | InCohort | InState
MAX_OFFSET = 100


async def people(
    view: View, group: Group | None, order: PersonOrder, page: Page
) -> PersonConnection:
    """Return a page of users.

    Raises `AnalyticsError` with code BAD_PAGE, BAD_USER_INPUT, LIMIT_EXCEEDED or UNKNOWN_KEY.
    """
    members = await members_of(view, group)
    rows = await view.reading.columns.users()
    ordinals = np.frombuffer(members.to_array(), np.uint32).astype(np.int64)
    chosen = rows.take(ordinals)
    keys, numbers = _sorted_by(order, chosen, ordinals)
    part = cut(page, order, keys, numbers)
    nodes = await _nodes(view, [int(ordinals[place]) for place in part.places], rows)
    return PersonConnection(
        position=Position(view.reading.head.position),
        edges=[
            PersonEdge(cursor=cursor, node=node)
            for cursor, node in zip(part.cursors, nodes, strict=True)
        ],
        page_info=part.info,
        total_count=len(ordinals),
    )


async def members_of(view: View, group: Group | None) -> BitMap:
    """Return the ordinals of a group of users, of those that the filter means."""
    if group is None:
        return await view.figures.everyone()
    computed: dict[type, Callable[..., Awaitable[BitMap]]] = {
        Joined: _joined,
        Active: _active,
        Waiting: _waiting,
        Holding: _holding,
        MemberOf: _member_of,
        InCohort: _in_cohort,
        InState: _in_state,
    }
    return await computed[type(group)](view, group)


def _window(view: View) -> Range:
    return view.range or (0, _END_OF_TIME)


_END_OF_TIME = 1 << 62


async def _joined(view: View, _: Joined) -> BitMap:
    if view.range is None:
        return await view.figures.everyone()
    return (await view.figures.distinct("users", [view.range]))[0]


async def _active(view: View, _: Active) -> BitMap:
    return (await view.figures.distinct("issued", [_window(view)]))[0]


async def _waiting(view: View, _: Waiting) -> BitMap:
    rows = await view.reading.columns.users()
    wanted = (rows["appearances"] > 0) & (rows["first"] == NEVER)
    wanted &= within(rows["joined"], *_window(view))
    return bitmap(np.flatnonzero(wanted)) & await view.figures.everyone()


async def _holding(view: View, group: Holding) -> BitMap:
    if not 0 <= group.least <= (group.least if group.most is None else group.most):
        raise AnalyticsError("BAD_USER_INPUT", "`least` is 0 or more, and at most `most`.")
    held = await view.figures.held_by()
    wanted = held >= group.least
    if group.most is not None:
        wanted &= held <= group.most
    return bitmap(np.flatnonzero(wanted)) & await view.figures.everyone()


async def _member_of(view: View, group: MemberOf) -> BitMap:
    code = view.reading.codes.code("community", group.community)
    if not code:
        raise unknown_key("community", [group.community])
    members = await view.reading.columns.facts(
        lambda rows: (rows["kind"] == MEMBERSHIP) & (rows["community"] == code)
    )
    return bitmap(members.rows["user"])


async def _in_cohort(view: View, group: InCohort) -> BitMap:
    calendar = view.window.calendar
    start = calendar.floor(reached(group.start), group.by)
    bounds = [start, calendar.next(start, group.by)]
    if group.offset is not None and not 0 <= group.offset <= MAX_OFFSET:
        raise AnalyticsError(
            "LIMIT_EXCEEDED",
            f"`offset` is 0 to {MAX_OFFSET}, not {group.offset}.",
            limit="offset",
            minimum=0,
            maximum=MAX_OFFSET,
        )
    for _ in range(group.offset or 0):
        bounds.append(calendar.next(bounds[-1], group.by))
    cohort = (await view.figures.distinct("users", [(bounds[0], bounds[1])]))[0]
    if group.offset is None:
        return cohort
    ranges = list(pairwise(bounds))
    if group.mode is RetentionMode.BOUNDED:
        ranges = ranges[-1:]
    elif group.mode is RetentionMode.UNBOUNDED:
        # As in the cohorts, what is later than the range does not count.
        ranges = [(bounds[-2], max(bounds[-1], _end(view, group.by)))]
    for active in await view.figures.distinct("issued", ranges):
        cohort &= active
    return cohort


def _end(view: View, by: Granularity) -> int:
    calendar, window = view.window.calendar, view.window
    return calendar.next(min(window.now, window.end - 1), by)


async def _in_state(view: View, group: InState) -> BitMap:
    calendar = view.window.calendar
    start = calendar.floor(reached(group.start), group.by)
    end, before = calendar.next(start, group.by), calendar.back(start, 1, group.by)
    now, then, earlier = await view.figures.distinct(
        "issued", [(start, end), (before, start), (0, start)]
    )
    states = {
        LifecycleState.ACTIVE: now,
        LifecycleState.NEW: now - earlier,
        LifecycleState.RETURNING: now & then,
        LifecycleState.RESURRECTED: (now & earlier) - then,
        LifecycleState.DORMANT: then - now,
    }
    return states[group.state]


def _sorted_by(
    order: PersonOrder, rows: Rows, ordinals: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    match order:
        case PersonOrder.NEWEST:
            return -rows["joined"], -ordinals
        case PersonOrder.OLDEST:
            return rows["joined"], ordinals
        case PersonOrder.MOST_HELD:
            return -rows["held"].astype(np.int64), ordinals
        case PersonOrder.MOST_ISSUED:
            return -rows["issued"].astype(np.int64), ordinals


async def _nodes(view: View, ordinals: Sequence[int], rows: Rows) -> list[Person]:
    reading = view.reading
    found = await reading.find(reading.projection.users, {"ordinal": {"$in": list(ordinals)}})
    names = {row["ordinal"]: row["_id"] for row in found}
    people_ = []
    for ordinal in ordinals:
        row = UserRow(*rows[ordinal].item())
        people_.append(
            Person(
                id=names[ordinal],
                joined_at=instant(row.joined),
                first_badge_at=None if row.first == NEVER else instant(row.first),
                badges_issued=row.issued,
                badges_held=row.held,
            )
        )
    return people_
