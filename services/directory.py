"""Communities and kinds of badges one by one: the lists behind their numbers."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from services.answers import Badge, Position
from services.columns import within
from services.community import Community, communities
from services.figures import matched, matching
from services.paging import Page, PageInfo, cut
from services.standings import kinds
from services.tables import COMMUNITY, MEMBERSHIP, NEVER, Rows
from services.view import View


class CommunityOrder(StrEnum):
    """How communities are sorted."""

    NEWEST = "NEWEST"
    """The ones created last first."""
    OLDEST = "OLDEST"
    """The ones created first first."""
    MOST_MEMBERS = "MOST_MEMBERS"
    """The ones with the most standing memberships first."""
    MOST_BADGES = "MOST_BADGES"
    """The ones in which the most badges were issued first."""


class TemplateOrder(StrEnum):
    """How kinds of badges are sorted."""

    MOST_ISSUED = "MOST_ISSUED"
    """The ones issued most in the range first."""
    NEWEST = "NEWEST"
    """The ones that were seen last for the first time first."""


@dataclass(frozen=True, kw_only=True)
class CommunityEdge:
    """A community, its figures and its place."""

    cursor: str
    """Pass it as `after` or `before` to go on from here."""
    members: int
    """Standing memberships."""
    badges_issued: int
    """Badges issued in it, ever."""
    node: Community
    """The community."""


@dataclass(frozen=True, kw_only=True)
class CommunityConnection:
    """A page of communities."""

    position: Position
    """The position at which all of this was true."""
    edges: list[CommunityEdge]
    """The communities of this page."""
    page_info: PageInfo
    """Where this page lies."""
    total_count: int
    """How many communities there are in all."""


@dataclass(frozen=True, kw_only=True)
class TemplateEdge:
    """A kind of badge, its figures and its place."""

    cursor: str
    """Pass it as `after` or `before` to go on from here."""
    issued: int
    """Badges of this kind issued in the range."""
    node: Badge
    """The kind of badge."""


@dataclass(frozen=True, kw_only=True)
class TemplateConnection:
    """A page of kinds of badges."""

    position: Position
    """The position at which all of this was true."""
    edges: list[TemplateEdge]
    """The kinds of this page."""
    page_info: PageInfo
    """Where this page lies."""
    total_count: int
    """How many kinds there are in all."""


async def community_list(
    view: View, is_deactivated: bool | None, order: CommunityOrder, page: Page
) -> CommunityConnection:
    """Return a page of the communities created in the window. Raises BAD_PAGE."""
    rows = (await view.reading.columns.facts()).rows
    there = rows[_meant(view, rows) & (rows["kind"] == COMMUNITY)]
    if view.range is not None:
        there = there[within(there["at"], *view.range)]
    if is_deactivated is not None:
        there = there[(there["end"] != NEVER) == is_deactivated]
    codes = there["community"].astype(np.int64)
    badges = rows[matching(rows, matched(view.reading, view.where))]
    members = _by_code(rows[rows["kind"] == MEMBERSHIP]["community"], codes)
    issued = _by_code(badges["community"], codes)
    keys = {
        CommunityOrder.NEWEST: -there["at"],
        CommunityOrder.OLDEST: there["at"],
        CommunityOrder.MOST_MEMBERS: -members,
        CommunityOrder.MOST_BADGES: -issued,
    }
    part = cut(page, keys[order], codes)
    ids = [view.reading.codes.key(int(codes[place])) for place in part.places]
    nodes = await communities(view, ids)
    return CommunityConnection(
        position=Position(view.reading.head.position),
        edges=[
            CommunityEdge(
                cursor=cursor,
                members=int(members[place]),
                badges_issued=int(issued[place]),
                node=node,
            )
            for cursor, place, node in zip(part.cursors, part.places, nodes, strict=True)
        ],
        page_info=part.info,
        total_count=len(codes),
    )


async def template_list(view: View, order: TemplateOrder, page: Page) -> TemplateConnection:
    """Return a page of the kinds of badges. Raises BAD_PAGE.

    With a range or a filter those of which a badge that is meant was issued in the range; without
    either all, those that were registered and never issued too.
    """
    rows = (await view.reading.columns.facts(*(view.range or (None, None)))).rows
    badges = rows[matching(rows, matched(view.reading, view.where))]
    if view.range is not None:
        badges = badges[within(badges["at"], *view.range)]
    codes = np.unique(badges["template"]).astype(np.int64)
    if view.range is None and not view.figures.is_filtered:
        codes = np.union1d(codes, await _registered(view))
    codes = codes[codes != 0]
    issued = _by_code(badges["template"], codes)
    part = cut(page, -issued if order is TemplateOrder.MOST_ISSUED else -codes, codes)
    ids = [view.reading.codes.key(int(codes[place])) for place in part.places]
    nodes = await kinds(view, ids)
    return TemplateConnection(
        position=Position(view.reading.head.position),
        edges=[
            TemplateEdge(cursor=cursor, issued=int(issued[place]), node=node)
            for cursor, place, node in zip(part.cursors, part.places, nodes, strict=True)
        ],
        page_info=part.info,
        total_count=len(codes),
    )


async def _registered(view: View) -> NDArray[np.int64]:
    reading = view.reading
    rows = await reading.find(reading.projection.templates, {}, {"_id": 1})
    codes = (reading.codes.code("template", row["_id"]) for row in rows)
    return np.array([code for code in codes if code is not None], np.int64)


def _meant(view: View, rows: Rows) -> NDArray[np.bool_]:
    """Return which rows are of the communities that a filter means, as in `services.filtered`."""
    codes = matched(view.reading, view.where)
    named = codes.get("community", [])
    if not codes:
        return np.ones(len(rows), np.bool_)
    if len(codes) > bool(named):
        found = np.unique(rows["community"][matching(rows, codes)])
        return np.isin(rows["community"], found[found != 0])
    return np.isin(rows["community"], named)


def _by_code(there: NDArray[np.uint32], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    counted = np.bincount(there, minlength=int(codes.max(initial=0)) + 1)
    return counted[codes]
