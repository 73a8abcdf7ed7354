"""Everything that the log says, worked out again from its beginning, as simply as can be.

No counter, no table and none of the code that keeps them has a part in it, nor has the code that
decides which blocks are canonical. What is kept step by step must be equal to this.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from documents.log import LogEntry
from documents.projection import Database
from services import quarantine
from services.chain import RESTART_MS
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
    creator: str | None
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
    ineffective: Counter[str] = field(default_factory=Counter)
    """The other events that are canonical, by the reason."""
    sequence: int = 0
    """The last entry of the log."""


async def recount(
    database: Database, until: int, tell: Callable[[int], None] = lambda _: None
) -> Truth:
    """Return what the log says up to an entry; `tell` is told the number of entries read."""
    entries = database[LogEntry.Settings.name].find({"_id": {"$lte": until}}, sort=[("_id", 1)])
    standing, last = await _standing(entries, await quarantine.sequences(database), tell)
    truth = work_out(standing)
    truth.sequence = last
    return truth


@dataclass(slots=True)
class _Block:
    """A block, and what was said of it last."""

    hash: str
    height: int
    parent: str | None = None
    at: int | None = None
    applied: bool = False
    told: int = -1
    foreign: bool = False
    events: dict[str, Told] = field(default_factory=dict)
    children: "list[_Block]" = field(default_factory=list)


async def _standing(
    entries: AsyncIterator[Told], set_aside: set[int], tell: Callable[[int], None]
) -> tuple[list[Told], int]:
    blocks, last = dict[str, _Block](), 0
    by_height: defaultdict[int, list[_Block]] = defaultdict(list)
    events: list[Told] = []
    async for entry in entries:
        last = entry["_id"]
        if last in set_aside:
            continue
        said = [(told, False) for told in entry.get("rolled_back", ())]
        said += [(told, True) for told in entry["applied"]]
        for number, (told, is_applied) in enumerate(said, (entry.get("original") or last) << 24):
            block = blocks.get(told["hash"])
            if block is None:
                block = blocks[told["hash"]] = _Block(told["hash"], told["height"])
                by_height[block.height].append(block)
            if block.height == told["height"]:
                _hear(block, told, number, blocks, by_height, is_applied=is_applied)
        events += entry.get("events", ())
        tell(last)
    for block in _canonical(blocks, by_height):
        place = {"at": block.at, "height": block.height, "block": block.hash}
        events += ({**event, **place} for event in block.events.values())
    return events, last


def _hear(  # what is said, and what has been said before
    block: _Block,
    told: Told,
    number: int,
    blocks: dict[str, _Block],
    by_height: dict[int, list[_Block]],
    *,
    is_applied: bool,
) -> None:
    if not is_applied:
        block.parent = block.parent or told.get("parent")
        if number >= block.told:
            block.applied, block.told = False, number
        return
    parent = _at(blocks.get(told["parent"]), block.height - 1)
    if not block.applied:
        block.foreign = parent.foreign if parent else _begins_anew(block, told, by_height)
    if block.foreign:
        block.parent = told["parent"]
        return
    if block.at is None:
        block.parent, block.at = told["parent"], told["at"]
    if number >= block.told:
        block.applied, block.told = True, number
    for event in told["events"]:
        known = block.events.setdefault(event["id"], dict(event))
        block.events[event["id"]] = {**event, **known}


def _begins_anew(block: _Block, told: Told, by_height: dict[int, list[_Block]]) -> bool:
    for other in by_height[block.height]:
        if other is block or not other.applied:
            continue
        if block.height <= 1:
            return True
        has_child = any(
            each.applied and each.parent == other.hash
            for each in by_height.get(block.height + 1, ())
        )
        if has_child and other.at is not None and told["at"] > other.at + RESTART_MS:
            return True
    return False


def _at(block: _Block | None, height: int) -> _Block | None:
    return block if block is not None and block.height == height else None


def _canonical(blocks: dict[str, _Block], by_height: dict[int, list[_Block]]) -> Iterable[_Block]:
    """Yield the canonical blocks, the highest first: over all blocks, from the top down."""
    parents: dict[str, _Block | None] = {}
    for block in blocks.values():
        parent = parents[block.hash] = _at(blocks.get(block.parent or ""), block.height - 1)
        if parent is not None:
            parent.children.append(block)
    valid = _valid(by_height, parents)
    above: _Block | None = None
    for height in sorted(by_height, reverse=True):
        if above is not None and above.height == height + 1:
            chosen = parents[above.hash]
        else:
            able = [block for block in by_height[height] if block.hash in valid]
            chosen = max(able, key=lambda block: (block.told, block.hash), default=None)
        if chosen is not None:
            above = chosen
            yield chosen


def _valid(by_height: dict[int, list[_Block]], parents: dict[str, _Block | None]) -> set[str]:
    """Return the blocks of which neither they nor an ancestor is rolled back."""
    # The latest application in a block's tree that no later rollback on the way undoes.
    latest: dict[str, int | None] = {}
    for height in sorted(by_height, reverse=True):
        for block in by_height[height]:
            best = max((at for c in block.children if (at := latest[c.hash])), default=0)
            if block.applied:
                latest[block.hash] = max(block.told, best)
            else:
                latest[block.hash] = best if best > block.told > 0 else None
    valid: set[str] = set()
    for height in sorted(by_height):
        for block in by_height[height]:
            parent = parents[block.hash]
            if latest[block.hash] and (parent is None or parent.hash in valid):
                valid.add(block.hash)
    return valid


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


def order(event: Told) -> tuple[bool, int, int, str]:
    """Return the sort key in which a later event overrides an earlier one.

    The chain overrides the API, by height and place; the API is in the order of its times.
    """
    if "height" in event:
        return True, event["height"], event["index"], event["id"]
    return False, event["at"], 0, event["id"]


def as_happened(event: Told) -> tuple[int, int, int, str]:
    """Return the sort key of lists: time, height, place in the block, identity."""
    return event["at"], event.get("height") or 0, event.get("index") or 0, event["id"]


def _first(events: Iterable[Told]) -> list[Told]:
    """Return the events with those of the chain before those of the API."""
    return sorted(events, key=lambda event: "height" not in event)


def _say_why(truth: Truth, event: Told, why: str, made: Told | None = None) -> None:
    overruled = made is not None and "height" in made and "height" not in event
    truth.ineffective["chain_wins" if overruled else why] += 1


def _register(truth: Truth, registrations: list[Told]) -> None:
    for event in registrations:
        template = truth.templates.setdefault(event["template"], Template())
        template.name = event.get("name", template.name)
        template.category = event.get("category", template.category)
        template.level = event.get("level", template.level)
        template.community = event.get("community", template.community)
        truth.events.append(event)


def _found(truth: Truth, of_type: dict[str, list[Told]]) -> None:
    made: dict[str, Told] = {}
    for event in _first(of_type[EventType.COMMUNITY_CREATED]):
        if event["community"] not in made:
            made[event["community"]] = event
            truth.communities[event["community"]] = Founded(
                event["community"],
                event.get("name"),
                event.get("user"),
                event.get("user"),
                event["at"],
                None,
                "height" in event,
            )
            truth.events.append(event)
        else:
            _say_why(truth, event, "community_created_again", made[event["community"]])
    for event in of_type[EventType.COMMUNITY_TRANSFERRED]:
        if event["community"] in truth.communities:
            truth.communities[event["community"]].owner = event["user"]
            truth.events.append(event)
        else:
            _say_why(truth, event, "community_unknown")
    for event in _first(of_type[EventType.COMMUNITY_DEACTIVATED]):
        community = truth.communities.get(event["community"])
        if community:
            first = event["at"] if community.deactivated is None else community.deactivated
            community.deactivated = max(first, community.at)
            truth.events.append(event)
        else:
            _say_why(truth, event, "community_unknown")


def _issue(truth: Truth, of_type: dict[str, list[Told]]) -> None:
    issued: dict[str, Issued] = {}
    made: dict[str, Told] = {}
    for event in _first(of_type[EventType.BADGE_ISSUED]):
        if event["badge"] not in issued:
            made[event["badge"]] = event
            issued[event["badge"]] = _badge(event, truth.templates)
            truth.events.append(event)
        else:
            _say_why(truth, event, "badge_issued_again", made[event["badge"]])
    for event in of_type[EventType.BADGE_UPDATED]:
        badge = issued.get(event["badge"])
        if badge:
            badge.category = _text(event.get("category")) or badge.category
            badge.level = _text(event.get("level")) or badge.level
            truth.events.append(event)
        else:
            _say_why(truth, event, "badge_unknown")
    for event in _first(of_type[EventType.BADGE_REVOKED]):
        badge = issued.get(event["badge"])
        if badge:
            first = event["at"] if badge.revoked is None else badge.revoked
            badge.revoked = max(first, badge.at)
            badge.hard = badge.hard or bool(event.get("hard"))
            truth.events.append(event)
        else:
            _say_why(truth, event, "badge_unknown")
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
    for community in truth.communities.values():
        if community.creator is not None:
            seen.add((community.community, community.creator))
            truth.members.append((community.community, community.creator, community.at))
    for event in _first(of_type[EventType.MEMBER_ADDED]):
        if event["community"] not in truth.communities:
            _say_why(truth, event, "community_unknown")
        elif (event["community"], event["user"]) not in seen:
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
