"""Activity: the events that stand, the newest first, page by page."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.answers import Position, instant
from services.events import EventType
from services.facts import BadgeFacts, TemplateFacts, badge_entity, stored_badge
from services.paging import Page, PageInfo, bad_page, found
from services.reading import Reading


@dataclass(frozen=True, kw_only=True)
class BlockReference:
    """A block of the Stacks chain."""

    height: int
    """Its height."""
    hash: str
    """Its index block hash."""
    burn_height: int | None = None
    """The height of the Bitcoin block that it is anchored to; null if no delivery named it."""


async def blocks_of(
    reading: Reading, records: Iterable[Mapping[str, Any]]
) -> dict[str, BlockReference]:
    """Return the blocks of events, by hash."""
    hashes = sorted({record["block"] for record in records if record.get("height") is not None})
    if not hashes:
        return {}
    rows = await reading.find(reading.projection.blocks, {"_id": {"$in": hashes}})
    return {row["_id"]: block_reference(row) for row in rows}


async def badge_facts(reading: Reading, issues: Sequence[Mapping[str, Any]]) -> list[BadgeFacts]:
    """Return the facts of badges, given the live records of their issues."""
    named = {record["template"] for record in issues if record.get("template")}
    rows = await reading.find(reading.projection.templates, {"_id": {"$in": sorted(named)}})
    templates = {row["_id"]: TemplateFacts(template=row.pop("_id"), **row) for row in rows}
    return [
        stored_badge(dict(record), templates.get(record.get("template", ""))) for record in issues
    ]


def block_reference(row: Mapping[str, Any]) -> BlockReference:
    """Return a stored block as the API shows it."""
    return BlockReference(height=row["height"], hash=row["_id"], burn_height=row["burn"])


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
class Told:
    """Whose events are meant; of everybody and everything if neither is given."""

    user: str | None = None
    badge: str | None = None


async def answer(
    reading: Reading, page: Page, types: Sequence[EventType], told: Told
) -> ActivityConnection:
    """Return a page. Its cost grows with its size, and with the events of the user or the badge."""
    # All types are named, too, since the index of the newest begins with them.
    query: dict[str, Any] = {"live": True, "type": {"$in": sorted(types or EventType)}}
    if told.user is not None:
        query["user"] = told.user
    if told.badge is not None:
        query["entity"] = badge_entity(told.badge)
    counted = await _count(reading, types, told, {**query})
    if page.cursor is not None:
        order, id_ = _parsed(page.cursor)
        side = "$gt" if page.backward else "$lt"
        query["$or"] = [{"order": {side: order}}, {"order": order, "_id": {side: id_}}]
        query["order"] = {f"{side}e": order}
    direction = 1 if page.backward else -1
    rows = await reading.find(
        reading.projection.events,
        query,
        sort=(("order", direction), ("_id", direction)),
        limit=page.size + 1,
    )
    edges, info = found(page, rows, _cursor)
    issues = [row for _, row in edges if row.get("facts")]
    badges = await badge_facts(reading, issues)
    communities = {row["_id"]: badge.community for row, badge in zip(issues, badges, strict=True)}
    blocks = await blocks_of(reading, (row for _, row in edges))
    return ActivityConnection(
        position=Position(reading.head.position),
        edges=[
            ActivityEdge(cursor=cursor, node=_entry(row, blocks, communities.get(row["_id"])))
            for cursor, row in edges
        ],
        page_info=info,
        total_count=counted,
    )


async def _count(
    reading: Reading, types: Sequence[EventType], told: Told, query: dict[str, Any]
) -> int:
    if told == Told():
        return sum(await reading.totals("events", list(types or EventType)))
    return await reading.count(reading.projection.events, query)


def _entry(
    row: dict[str, Any], blocks: Mapping[str, BlockReference], community: str | None
) -> ActivityEntry:
    return ActivityEntry(
        id=row["_id"],
        type=EventType(row["type"]),
        occurred_at=instant(row["at"]),
        summary=_SUMMARIES[EventType(row["type"])].format_map(_Blank(row)),
        badge=row.get("badge"),
        community=row.get("community") or community,
        user=row.get("user"),
        block=blocks.get(row.get("block", "")),
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
    return base64.urlsafe_b64encode(f"{row['order']}:{row['_id']}".encode()).decode().rstrip("=")


def _parsed(cursor: str) -> tuple[str, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error) as error:
        raise bad_page("This is no cursor of this connection.") from error
    if _CURSOR.fullmatch(text) is None:
        raise bad_page("This is no cursor of this connection.")
    order, _, id_ = text.partition(":")
    return order, id_


_CURSOR = re.compile(r"[0-9.]{54}:[0-9a-f]{32}")
