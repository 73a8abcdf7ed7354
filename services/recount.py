"""Everything that the log says, worked out again from its beginning, as simply as can be.

No counter, no table and none of the code that keeps them has a part in it; only the rule which
blocks are canonical is the same. What is kept step by step must be equal to this.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from documents.log import LogEntry
from documents.projection import Database
from services.chain import Chain
from services.events import EventType

Told = dict[str, Any]
"""An event with the time, the height and the hash of its block."""


@dataclass(slots=True)
class Issued:
    """A badge that is issued."""

    badge: str
    user: str
    at: int
    issuer: str | None
    template: str | None
    category: str | None
    level: str | None
    community: str | None
    revoked: int | None
    hard: bool
    on_chain: bool


@dataclass(slots=True)
class Founded:
    """A community that is created."""

    community: str
    name: str | None
    owner: str | None
    at: int
    deactivated: int | None
    on_chain: bool


@dataclass(slots=True)
class Template:
    """A template that is registered."""

    name: str | None = None
    category: int | None = None
    level: int | None = None
    community: str | None = None


@dataclass(slots=True)
class Person:
    """A user."""

    joined: int
    first: int | None = None
    issued: int = 0
    held: int = 0


@dataclass
class Truth:
    """What is true once everything in the log is known."""

    badges: list[Issued] = field(default_factory=list)
    communities: dict[str, Founded] = field(default_factory=dict)
    members: list[tuple[str, str, int]] = field(default_factory=list)
    """Community, user and time."""
    templates: dict[str, Template] = field(default_factory=dict)
    users: dict[str, Person] = field(default_factory=dict)
    events: list[Told] = field(default_factory=list)
    """The events that take effect."""
    sequence: int = 0
    """The last entry of the log."""


async def recount(
    database: Database, until: int, tell: Callable[[int], None] = lambda _: None
) -> Truth:
    """Return what the log says up to an entry; `tell` is told the number of entries read."""
    entries = database[LogEntry.Settings.name].find({"_id": {"$lte": until}}, sort=[("_id", 1)])
    standing, last = await _standing(entries, tell)
    truth = work_out(standing)
    truth.sequence = last
    return truth


async def _standing(
    entries: AsyncIterator[Told], tell: Callable[[int], None]
) -> tuple[list[Told], int]:
    chain, blocks, last = Chain(), dict[str, dict[str, Told]](), 0
    events: list[Told] = []
    async for entry in entries:
        last = entry["_id"]
        for block in entry.get("rolled_back", ()):
            chain.rollback(block["hash"], block["height"])
        for block in entry["applied"]:
            if not chain.apply(block["hash"], block["height"], block["parent"], block["at"]):
                continue
            known = blocks.setdefault(block["hash"], {})
            place = {"at": block["at"], "height": block["height"], "block": block["hash"]}
            for event in block["events"]:
                known.setdefault(event["id"], {**event, **place})
        events += entry.get("events", ())
        tell(last)
    for block_hash, known in blocks.items():
        if chain.stands(block_hash):
            events += known.values()
    return events, last


def work_out(standing: Iterable[Told]) -> Truth:
    """Return what follows from the events that stand."""
    truth = Truth()
    ordered = sorted(standing, key=order)
    of_type: defaultdict[str, list[Told]] = defaultdict(list)
    for event in ordered:
        of_type[event["type"]].append(event)
    _register(truth, of_type[EventType.TEMPLATE_REGISTERED])
    _found(truth, of_type)
    _issue(truth, of_type)
    _join(truth, of_type)
    _appear(truth)
    return truth


def order(event: Told) -> tuple[int, int, int, str]:
    """Return the sort key of chain order: time, height, place in the block, identity."""
    return event["at"], event.get("height") or 0, event.get("index") or 0, event["id"]


def _register(truth: Truth, registrations: list[Told]) -> None:
    for event in registrations:
        template = truth.templates.setdefault(event["template"], Template())
        template.name = event.get("name", template.name)
        template.category = event.get("category", template.category)
        template.level = event.get("level", template.level)
        template.community = event.get("community", template.community)
        truth.events.append(event)


def _found(truth: Truth, of_type: dict[str, list[Told]]) -> None:
    for event in of_type[EventType.COMMUNITY_CREATED]:
        if event["community"] not in truth.communities:
            truth.communities[event["community"]] = Founded(
                event["community"],
                event.get("name"),
                event.get("user"),
                event["at"],
                None,
                "height" in event,
            )
            truth.events.append(event)
    for event in of_type[EventType.COMMUNITY_TRANSFERRED]:
        if event["community"] in truth.communities:
            truth.communities[event["community"]].owner = event["user"]
            truth.events.append(event)
    for event in of_type[EventType.COMMUNITY_DEACTIVATED]:
        community = truth.communities.get(event["community"])
        if community:
            first = event["at"] if community.deactivated is None else community.deactivated
            community.deactivated = max(first, community.at)
            truth.events.append(event)


def _issue(truth: Truth, of_type: dict[str, list[Told]]) -> None:
    issued: dict[str, Issued] = {}
    for event in of_type[EventType.BADGE_ISSUED]:
        if event["badge"] not in issued:
            issued[event["badge"]] = _badge(event, truth.templates)
            truth.events.append(event)
    for event in of_type[EventType.BADGE_UPDATED]:
        badge = issued.get(event["badge"])
        if badge:
            badge.category = _text(event.get("category")) or badge.category
            badge.level = _text(event.get("level")) or badge.level
            truth.events.append(event)
    for event in of_type[EventType.BADGE_REVOKED]:
        badge = issued.get(event["badge"])
        if badge:
            first = event["at"] if badge.revoked is None else badge.revoked
            badge.revoked = max(first, badge.at)
            badge.hard = badge.hard or bool(event.get("hard"))
            truth.events.append(event)
    truth.badges = list(issued.values())


def _badge(event: Told, templates: dict[str, Template]) -> Issued:
    template = templates.get(event.get("template", ""), Template())
    category, level = event.get("category"), event.get("level")
    return Issued(
        badge=event["badge"],
        user=event["user"],
        at=event["at"],
        issuer=event.get("issuer"),
        template=event.get("template"),
        category=_text(template.category if category is None else category),
        level=_text(template.level if level is None else level),
        community=event.get("community", template.community),
        revoked=None,
        hard=False,
        on_chain="height" in event,
    )


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _join(truth: Truth, of_type: dict[str, list[Told]]) -> None:
    seen: set[tuple[str, str]] = set()
    for event in of_type[EventType.MEMBER_ADDED]:
        if (event["community"], event["user"]) not in seen:
            seen.add((event["community"], event["user"]))
            truth.members.append((event["community"], event["user"], event["at"]))
            truth.events.append(event)
    registered: set[str] = set()
    for event in of_type[EventType.USER_JOINED]:
        if event["user"] not in registered:
            registered.add(event["user"])
            truth.events.append(event)


_APPEARANCES = {
    EventType.BADGE_ISSUED,
    EventType.COMMUNITY_CREATED,
    EventType.COMMUNITY_TRANSFERRED,
    EventType.MEMBER_ADDED,
    EventType.USER_JOINED,
}


def _appear(truth: Truth) -> None:
    for event in truth.events:
        if event["type"] in _APPEARANCES and event.get("user"):
            person = truth.users.setdefault(event["user"], Person(event["at"]))
            person.joined = min(person.joined, event["at"])
    for badge in truth.badges:
        person = truth.users[badge.user]
        person.first = badge.at if person.first is None else min(person.first, badge.at)
        person.issued += 1
        person.held += badge.revoked is None
