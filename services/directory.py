"""Communities and kinds of badges one by one: the lists behind their numbers."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from services.answers import Badge, Position
from services.cells import NO_KEY
from services.columns import within
from services.community import Community, communities
from services.figures import matched
from services.paging import Page, PageInfo, cut
from services.standings import kinds
from services.tables import COMMUNITY, NEVER, Rows
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
    meant = await _meant(view)

    def wanted(rows: Rows) -> NDArray[np.bool_]:
        chosen: NDArray[np.bool_] = rows["kind"] == COMMUNITY
        if meant is not None:
            chosen &= np.isin(rows["community"], meant)
        if view.range is not None:
            chosen &= within(rows["at"], *view.range)
        if is_deactivated is not None:
            chosen &= (rows["end"] != NEVER) == is_deactivated
        return chosen

    there = (await view.reading.columns.facts(wanted)).rows
    codes = there["community"].astype(np.int64)
    ids = [view.reading.codes.key(int(code)) for code in codes]
    members = np.array(await view.figures.members(ids), np.int64)
    counted = await view.figures.breakdown("community", None)
    issued = np.array([counted.get(id_, 0) for id_ in ids], np.int64)
    keys = {
        CommunityOrder.NEWEST: -there["at"],
        CommunityOrder.OLDEST: there["at"],
        CommunityOrder.MOST_MEMBERS: -members,
        CommunityOrder.MOST_BADGES: -issued,
    }
    part = cut(page, order, keys[order], codes)
    nodes = await communities(view, [ids[place] for place in part.places])
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
    counted = await view.figures.breakdown("template", view.range)
    counted.pop(NO_KEY, None)
    ids = list(counted)
    if view.range is None and not view.figures.is_filtered:
        reading = view.reading
        rows = await reading.find(reading.projection.templates, {}, {"_id": 1})
        ids += [row["_id"] for row in rows if row["_id"] not in counted]
    issued = np.array([counted.get(id_, 0) for id_ in ids], np.int64)
    codes = np.array([view.reading.codes.code("template", id_) for id_ in ids], np.int64)
    keys = -issued if order is TemplateOrder.MOST_ISSUED else -codes
    part = cut(page, order, keys, codes)
    nodes = await kinds(view, [ids[place] for place in part.places])
    return TemplateConnection(
        position=Position(view.reading.head.position),
        edges=[
            TemplateEdge(cursor=cursor, issued=int(issued[place]), node=node)
            for cursor, place, node in zip(part.cursors, part.places, nodes, strict=True)
        ],
        page_info=part.info,
        total_count=len(codes),
    )


async def _meant(view: View) -> list[int] | None:
    """Return the codes of the communities that a filter means, None for all of them."""
    codes = matched(view.reading, view.where)
    if not codes:
        return None
    if len(codes) == 1 and "community" in codes:
        return codes["community"]
    keys = await view.figures.breakdown("community", None)
    found = (view.reading.codes.code("community", key) for key in keys)
    return [code for code in found if code]
