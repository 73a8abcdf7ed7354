"""Badges one by one: the list behind every number of badges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from services.activity import BlockReference, badge_facts, blocks_of
from services.answers import Badge, Position, instant
from services.columns import FactRows, within
from services.community import Community, communities
from services.errors import AnalyticsError
from services.facts import BadgeFacts
from services.figures import matched, matching
from services.paging import Page, PageInfo, cut
from services.standings import kinds
from services.tables import NEVER, Rows
from services.view import View
from services.window import ATOM_MS, Weekday, hour_of_the_week

LAST_HOUR = 23


class BadgeOrder(StrEnum):
    """How issued badges are sorted."""

    NEWEST = "NEWEST"
    """The ones issued last first."""
    OLDEST = "OLDEST"
    """The ones issued first first."""


@dataclass(frozen=True, kw_only=True)
class IssuedBadge:
    """A badge that was issued and stands."""

    id: str
    """Its id on the chain, or the one that the API was given."""
    badge: Badge | None
    """The kind of badge; null if the issue named no template."""
    recipient: str
    """The principal who received it."""
    issuer: str | None
    """The principal who issued it."""
    category: str | None
    """The name of its current category."""
    level: int | None
    """Its current level."""
    community: Community | None
    """The community that it belongs to."""
    issued_at: datetime
    """When it was issued."""
    revoked_at: datetime | None
    """When it was revoked; null if it is held."""
    is_burned: bool
    """Whether a revocation burned it."""
    block: BlockReference | None
    """The block of its issue; null for one that came through the API."""


@dataclass(frozen=True, kw_only=True)
class IssuedBadgeEdge:
    """An issued badge and its place."""

    cursor: str
    """Pass it as `after` or `before` to go on from here."""
    node: IssuedBadge
    """The badge."""


@dataclass(frozen=True, kw_only=True)
class IssuedBadgeConnection:
    """A page of issued badges."""

    position: Position
    """The position at which all of this was true."""
    edges: list[IssuedBadgeEdge]
    """The badges of this page."""
    page_info: PageInfo
    """Where this page lies."""
    total_count: int
    """How many badges there are in all."""


@dataclass(frozen=True, kw_only=True)
class BadgesAsked:
    """Which issued badges are meant, beside the window and the filter."""

    order: BadgeOrder = BadgeOrder.NEWEST
    recipient: str | None = None
    """Only those of this user."""
    is_revoked: bool | None = None
    """Only those that are revoked, or only those that are held."""
    weekday: Weekday | None = None
    """Only those issued on this day of the week, by the local clock."""
    hour: int | None = None
    """Only those issued in this hour of the day, by the local clock."""


async def badges(view: View, asked: BadgesAsked, page: Page) -> IssuedBadgeConnection:
    """Return a page of the badges issued in the window. Raises BAD_PAGE."""
    found = await chosen(view, asked)
    at = found.rows["at"].astype(np.int64)
    sign = -1 if asked.order is BadgeOrder.NEWEST else 1
    part = cut(page, asked.order, sign * at, sign * found.numbers)
    nodes = await _nodes(view, [int(found.numbers[place]) for place in part.places])
    return IssuedBadgeConnection(
        position=Position(view.reading.head.position),
        edges=[
            IssuedBadgeEdge(cursor=cursor, node=node)
            for cursor, node in zip(part.cursors, nodes, strict=True)
        ],
        page_info=part.info,
        total_count=len(at),
    )


async def chosen(view: View, asked: BadgesAsked) -> FactRows:
    """Return the rows of the badges that are meant."""
    if asked.hour is not None and not 0 <= asked.hour <= LAST_HOUR:
        raise AnalyticsError(
            "LIMIT_EXCEEDED",
            f"`hour` is 0 to {LAST_HOUR}, not {asked.hour}.",
            limit="hour",
            minimum=0,
            maximum=LAST_HOUR,
        )
    low, high = view.range or (None, None)
    codes = matched(view.reading, view.where)
    recipient = None if asked.recipient is None else await _ordinal(view, asked.recipient)

    def wanted(rows: Rows) -> NDArray[np.bool_]:
        meant = matching(rows, codes)
        if view.range is not None:
            meant &= within(rows["at"], *view.range)
        if asked.is_revoked is not None:
            meant &= (rows["end"] != NEVER) == asked.is_revoked
        if recipient is not None:
            meant &= rows["user"] == recipient
        return meant

    found = await view.reading.columns.facts(wanted, low, high)
    if asked.weekday is not None or asked.hour is not None:
        found = found.only(_in_the_hour(view, asked, found.rows["at"]))
    return found


async def _ordinal(view: View, user: str) -> int:
    reading = view.reading
    rows = await reading.find(reading.projection.users, {"_id": user})
    return rows[0]["ordinal"] if rows else -1


def _in_the_hour(view: View, asked: BadgesAsked, instants: NDArray[np.int64]) -> NDArray[np.bool_]:
    hours = hour_of_the_week(view.window.calendar, instants // ATOM_MS)
    right = np.ones(len(hours), np.bool_)
    if asked.weekday is not None:
        right &= hours // 24 == asked.weekday
    if asked.hour is not None:
        right &= hours % 24 == asked.hour
    return right


async def _nodes(view: View, numbers: Sequence[int]) -> list[IssuedBadge]:
    reading = view.reading
    rows = await reading.find(reading.projection.events, {"row": {"$in": list(numbers)}})
    by_number = {row["row"]: row for row in rows}
    records = [by_number[number] for number in numbers]
    templates = list({row["template"] for row in records if row.get("template")})
    facts = dict(zip(numbers, await badge_facts(reading, records), strict=True))
    named = list({each.community for each in facts.values() if each.community})
    of_kind = dict(zip(templates, await kinds(view, templates), strict=True))
    of_id = dict(zip(named, await communities(view, named), strict=True))
    blocks = await blocks_of(reading, records)
    return [
        _node(
            view,
            badge,
            of_kind.get(badge.template or ""),
            of_id.get(badge.community or ""),
            blocks.get(row.get("block", "")),
        )
        for row, badge in zip(records, facts.values(), strict=True)
    ]


def _node(
    view: View,
    badge: BadgeFacts,
    kind: Badge | None,
    community: Community | None,
    block: BlockReference | None,
) -> IssuedBadge:
    category = badge.category
    return IssuedBadge(
        id=badge.badge,
        badge=kind,
        recipient=badge.recipient,
        issuer=badge.issuer,
        category=None if category is None else view.names.category(str(category)),
        level=badge.level,
        community=community,
        issued_at=instant(badge.at),
        revoked_at=None if badge.revoked is None else instant(badge.revoked),
        is_burned=badge.hard,
        block=block,
    )
