"""Activity: the events that stand, the newest first, page by page."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.answers import Position, instant
from services.errors import AnalyticsError
from services.events import EventType
from services.reading import Reading

MAX_PAGE = 100
DEFAULT_PAGE = 20


@dataclass(frozen=True, kw_only=True)
class BlockReference:
    """A block of the Stacks chain."""

    height: int
    """Its height."""
    hash: str
    """Its index block hash."""


@dataclass(frozen=True, kw_only=True)
class ActivityEntry:
    """Something that happened and stands."""

    id: str
    """Identifies the event, whatever delivered it and however often."""
    type: EventType
    """What kind of event it is."""
    occurred_at: datetime
    """The time of its block, or the time given with it."""
    summary: str
    """One sentence for people."""
    badge: str | None
    """The id of the badge that it is about."""
    community: str | None
    """The id of the community that it is about."""
    user: str | None
    """The principal that it is about."""
    block: BlockReference | None
    """The block that it is in; null for an event that came through the API."""


@dataclass(frozen=True, kw_only=True)
class PageInfo:
    """Where a page lies in its connection."""

    has_next_page: bool
    """Whether entries follow the last one of this page."""
    has_previous_page: bool
    """Whether entries precede the first one of this page."""
    start_cursor: str | None
    """The cursor of the first entry; null on an empty page."""
    end_cursor: str | None
    """The cursor of the last entry; null on an empty page."""


@dataclass(frozen=True, kw_only=True)
class ActivityEdge:
    """An entry and its place."""

    cursor: str
    """Pass it as `after` or `before` to go on from here."""
    node: ActivityEntry
    """The entry."""


@dataclass(frozen=True, kw_only=True)
class ActivityConnection:
    """A page of the activity."""

    position: Position
    """The position at which all of this was true."""
    edges: list[ActivityEdge]
    """The entries of this page, the newest first."""
    page_info: PageInfo
    """Where this page lies."""
    total_count: int
    """How many entries there are in all."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Which part of a connection is asked for: the first n after, or the last n before, a place."""

    size: int
    backward: bool
    cursor: tuple[int, str] | None
    """The time and the identity of the entry beside which the page lies."""

    @classmethod
    def of(
        cls, first: int | None, after: str | None, last: int | None, before: str | None
    ) -> "Page":
        """Check the arguments of a connection. Raises `AnalyticsError` with code BAD_PAGE."""
        if first is not None and last is not None:
            raise _bad_page("Ask for the first or the last entries, not both.")
        if (first is not None and before) or (last is not None and after) or (after and before):
            raise _bad_page("Ask for `first` with `after`, or for `last` with `before`.")
        backward = last is not None or (first is None and before is not None)
        size = last if last is not None else DEFAULT_PAGE if first is None else first
        if not 1 <= size <= MAX_PAGE:
            raise _bad_page(f"A page has 1 to {MAX_PAGE} entries.", minimum=1, maximum=MAX_PAGE)
        cursor = before if backward else after
        return cls(size=size, backward=backward, cursor=_parsed(cursor) if cursor else None)


async def answer(reading: Reading, page: Page, types: Sequence[EventType]) -> ActivityConnection:
    """Return a page. Its cost grows with its size alone."""
    query: dict[str, Any] = {"live": True}
    if types:
        query["type"] = {"$in": sorted(types)}
    if page.cursor is not None:
        at, id_ = page.cursor
        side = "$gt" if page.backward else "$lt"
        query["$or"] = [{"at": {side: at}}, {"at": at, "_id": {side: id_}}]
        query["at"] = {f"{side}e": at}
    direction = 1 if page.backward else -1
    rows = await reading.find(
        reading.projection.events,
        query,
        sort=(("at", direction), ("_id", direction)),
        limit=page.size + 1,
    )
    more, rows = len(rows) > page.size, rows[: page.size]
    if page.backward:
        rows.reverse()
    edges = [ActivityEdge(cursor=_cursor(row), node=_entry(row)) for row in rows]
    counted = await reading.totals("events", list(types or EventType))
    return ActivityConnection(
        position=Position(reading.head.position),
        edges=edges,
        page_info=PageInfo(
            has_next_page=page.cursor is not None if page.backward else more,
            has_previous_page=more if page.backward else page.cursor is not None,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
        total_count=sum(counted),
    )


def _entry(row: dict[str, Any]) -> ActivityEntry:
    height = row.get("height")
    facts = row.get("facts") or {}
    return ActivityEntry(
        id=row["_id"],
        type=EventType(row["type"]),
        occurred_at=instant(row["at"]),
        summary=_SUMMARIES[EventType(row["type"])].format_map(_Blank(row)),
        badge=row.get("badge"),
        community=row.get("community") or facts.get("community"),
        user=row.get("user"),
        block=None if height is None else BlockReference(height=height, hash=row["block"]),
    )


class _Blank(dict[str, Any]):
    """What an event does not say reads as `?`."""

    def __missing__(self, key: str) -> str:
        return "?"


_SUMMARIES = {
    EventType.BADGE_ISSUED: "Badge {badge} was issued to {user}",
    EventType.BADGE_REVOKED: "Badge {badge} was revoked",
    EventType.BADGE_UPDATED: "Badge {badge} was updated",
    EventType.TEMPLATE_REGISTERED: "Badge template {template} was registered: {name}",
    EventType.COMMUNITY_CREATED: "Community {community} was created: {name}",
    EventType.COMMUNITY_TRANSFERRED: "Community {community} was transferred to {user}",
    EventType.COMMUNITY_DEACTIVATED: "Community {community} was deactivated",
    EventType.MEMBER_ADDED: "{user} became a member of community {community}",
    EventType.USER_JOINED: "{user} joined",
}


def _cursor(row: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['at']}:{row['_id']}".encode()).decode().rstrip("=")


def _parsed(cursor: str) -> tuple[int, str]:
    try:
        at, _, id_ = (
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        )
        instant = int(at)
    except (ValueError, binascii.Error) as error:
        raise _bad_page("This is no cursor of this connection.") from error
    if abs(instant) >= 1 << 53:
        raise _bad_page("This is no cursor of this connection.")
    return instant, id_


def _bad_page(message: str, **details: object) -> AnalyticsError:
    return AnalyticsError("BAD_PAGE", message, **details)
