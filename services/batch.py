"""One batch, worked out in memory: which events stand, what is true now, which counters move.

Everything here compares what was stored at the position before with what follows from the log
entries of the batch, so only the net effect is written: a block that is taken back and applied
again within a batch moves nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from documents.projection import Collection, Projection
from services import facts
from services.catalogue import FAMILIES, points
from services.cells import Counters, Move, Operation
from services.chain import BlockState, Chain
from services.events import EventType
from services.facts import (
    BadgeFacts,
    CommunityFacts,
    Facts,
    MembershipFacts,
    Record,
    TemplateFacts,
)
from services.roster import Roster

Changed = tuple[Facts | None, Facts | None]
T = TypeVar("T")


class Batch:
    """The work of one commit: after `work_out`, `operations` and the counters hold its writes."""

    def __init__(self, projection: Projection, counters: Counters, ordinals: int) -> None:
        self._projection = projection
        self._counters = counters
        self._chain = Chain()
        self._records: dict[str, Record] = {}
        self._fresh: set[str] = set()
        self._before: dict[str, tuple[bool, bool, Any]] = {}
        self._entities: defaultdict[str, list[Record]] = defaultdict(list)
        self._templates: dict[str, TemplateFacts | None] = {}
        self._changes: list[Changed] = []
        self._moves: list[Move] = []
        self._writes: list[tuple[Collection, Operation]] = []
        self.roster = Roster(projection, ordinals)
        self.contained = 0
        """Events in the batch, redelivered ones included."""
        self.earliest: int | None = None
        """The earliest time of its new events, in milliseconds since 1970."""
        self.latest: int | None = None
        """The latest time of its new events, in milliseconds since 1970."""
        self.reorganised = False
        """Whether a block that was known came back or left the chain."""
        self.counts: Counter[str] = Counter()
        """Events that came to be live, by type."""
        self.undone = 0
        """Events that ceased to be live."""
        self.families: set[str] = set()
        """The families whose figures move."""

    async def work_out(self, entries: list[dict[str, Any]]) -> None:
        """Read what is needed and determine every write."""
        await self._fold_blocks(entries)
        await self._gather(entries)
        await self._load_entities(set(self._entities))
        await self._resolve_templates()
        await self._resolve_communities()
        self._resolve_badges()
        self._resolve_firsts("member:")
        self._resolve_firsts("user:")
        self._write_records()
        await self.roster.resolve(self._records)
        self._changes.extend(self.roster.changes())
        self._count()
        await self._counters.move(self._moves)
        await self._retract()

    def operations(self) -> list[tuple[Collection, list[Operation]]]:
        """Return the writes by collection; those of the counters are in the counters."""
        grouped: dict[str, tuple[Collection, list[Operation]]] = {}
        for collection, operation in [*self._writes, *self.roster.writes()]:
            grouped.setdefault(collection.name, (collection, []))[1].append(operation)
        return list(grouped.values())

    # Which events stand

    async def _fold_blocks(self, entries: list[dict[str, Any]]) -> None:
        named = [b["height"] for e in entries for b in (*e.get("rolled_back", ()), *e["applied"])]
        near = sorted({height + step for height in named for step in (-1, 0, 1)})
        stored = self._projection.blocks.find({"height": {"$in": near}}) if near else None
        known = [_block_state(row) async for row in stored] if stored else []
        self._chain = chain = Chain(known)
        for entry in entries:
            for block in entry.get("rolled_back", ()):
                chain.rollback(block["hash"], block["height"])
            for block in entry["applied"]:
                chain.apply(block["hash"], block["height"], block["parent"], block["at"])
        self.reorganised = bool(chain.flipped())
        for block in chain.changed.values():
            row = _block_row(block)
            self._writes.append(
                (
                    self._projection.blocks,
                    ReplaceOne({"_id": block.hash}, row)
                    if block.hash in chain.known
                    else InsertOne(row),
                )
            )

    async def _gather(self, entries: list[dict[str, Any]]) -> None:
        """Collect the records that are new or whose block came back or left."""
        told: dict[str, Record] = {}
        doubtful: list[str] = []
        for entry in entries:
            self.contained += entry["size"]
            for block in entry["applied"]:
                stands = self._chain.stands(block["hash"])
                for event in block["events"]:
                    if event["id"] not in told:
                        told[event["id"]] = _record(event, block, stands=stands)
                        if block["hash"] in self._chain.known:
                            doubtful.append(event["id"])
            for event in entry.get("events", ()):
                told[event["id"]] = _record(event, None, stands=True)
        known = self._projection.events.find({"_id": {"$in": doubtful}}, {"_id": 1})
        for row in await known.to_list(None) if doubtful else []:
            del told[row["_id"]]
        self._fresh = set(told)
        self.earliest = min((record["at"] for record in told.values()), default=None)
        self.latest = max((record["at"] for record in told.values()), default=None)
        for block in self._chain.flipped():
            query = {"height": block.height, "block": block.hash}
            async for row in self._projection.events.find(query):
                self._know(row)
                row["stands"] = block.stands
                self._entities[row["entity"]].append(row)
        for record in told.values():
            self._know(record)
            if record["stands"]:
                self._entities[record["entity"]].append(record)

    def _know(self, record: Record) -> None:
        self._records[record["_id"]] = record
        self._before[record["_id"]] = record["stands"], record["live"], record.get("facts")

    async def _load_entities(self, entities: Iterable[str]) -> None:
        """Load the other records of the entities, and those records' entities with them."""
        query = {"entity": {"$in": list(entities)}}
        async for row in self._projection.events.find(query):
            if row["_id"] not in self._records:
                self._know(row)
                self._entities[row["entity"]].append(row)

    # What is true now

    def _of_kind(self, prefix: str) -> Iterator[tuple[str, list[Record], list[Record]]]:
        """Return each entity of a kind with its records and those of them that stand."""
        for entity, records in self._entities.items():
            if entity.startswith(prefix):
                yield entity, records, [record for record in records if record["stands"]]

    async def _resolve_templates(self) -> None:
        changed: dict[str, TemplateFacts | None] = {}
        for _, records, standing in self._of_kind("template:"):
            changed[records[0]["template"]] = facts.of_template(standing)
            for record in records:
                record["live"] = record["stands"]
        for template, now in changed.items():
            self._writes.append((self._projection.templates, _stored(template, now)))
        if changed:
            query = {"template": {"$in": list(changed)}, "type": EventType.BADGE_ISSUED}
            rows = self._projection.events.find({**query, "live": True}, {"entity": 1})
            await self._load_entities({row["entity"] async for row in rows})
        named = {
            record["template"]
            for _, _, standing in self._of_kind("badge:")
            for record in standing
            if record.get("template")
        }
        rows = self._projection.templates.find({"_id": {"$in": list(named - changed.keys())}})
        async for row in rows:
            template = row.pop("_id")
            self._templates[template] = TemplateFacts(template=template, **row)
        self._templates.update(changed)

    def _resolve_badges(self) -> None:
        templates = {key: known for key, known in self._templates.items() if known}
        for _, records, standing in self._of_kind("badge:"):
            issue = next((r for r in records if r["live"] and r.get("facts")), None)
            before = facts.stored_badge(issue) if issue else None
            found = facts.of_badge(standing, templates)
            now = found[1] if found else None
            for record in records:
                effective = record["type"] != EventType.BADGE_ISSUED
                if found and record is found[0]:
                    effective = True
                    record["facts"] = facts.as_stored(found[1])
                record["live"] = found is not None and record["stands"] and effective
            self._change(before, now)

    async def _resolve_communities(self) -> None:
        kind = list(self._of_kind("community:"))
        ids = [records[0]["community"] for _, records, _ in kind]
        stored = {}
        if ids:
            async for row in self._projection.communities.find({"_id": {"$in": ids}}):
                community = row.pop("_id")
                stored[community] = CommunityFacts(community=community, **row)
        for _, records, standing in kind:
            found = facts.of_community(standing)
            now = found[1] if found else None
            community = records[0]["community"]
            for record in records:
                follows = record["type"] != EventType.COMMUNITY_CREATED
                effective = found is not None and (follows or record is found[0])
                record["live"] = record["stands"] and effective
            self._change(stored.get(community), now)
            self._writes.append((self._projection.communities, _stored(community, now)))

    def _resolve_firsts(self, prefix: str) -> None:
        """Resolve entities of which the first standing record takes effect."""
        for _, records, standing in self._of_kind(prefix):
            before = next((r for r in records if r["live"]), None)
            now = min(standing, key=facts.order, default=None)
            for record in records:
                record["live"] = record is now
            if prefix == "member:":
                self._change(_map(_membership, before), _map(_membership, now))

    def _change(self, before: Facts | None, now: Facts | None) -> None:
        if before != now:
            self._changes.append((before, now))
            if isinstance(before, BadgeFacts):
                self.roster.badge(before, -1)
            if isinstance(now, BadgeFacts):
                self.roster.badge(now, 1)

    # Which counters move

    def _write_records(self) -> None:
        events = self._projection.events
        for id_, record in self._records.items():
            stood, lived, known = self._before[id_]
            if record["live"] != lived:
                self.counts[record["type"]] += record["live"]
                self.undone += lived
                sign = 1 if record["live"] else -1
                self._moves.append(Move("events", record["type"], None, sign, None))
                self.roster.appearance(record)
            if id_ in self._fresh:
                self._writes.append((events, InsertOne(record)))
            elif (record["stands"], record["live"], record.get("facts")) != (stood, lived, known):
                fields = {name: record.get(name) for name in ("stands", "live", "facts")}
                self._writes.append((events, UpdateOne({"_id": id_}, {"$set": fields})))

    def _count(self) -> None:
        for before, now in self._changes:
            old, new = points(before), points(now)
            if _same_user(before, now):
                counted = Counter(new)
                counted.subtract(old)
                signed = [(point, sign) for point, sign in counted.items() if sign]
            else:
                signed = [(point, -1) for point in old] + [(point, 1) for point in new]
            fact = before if now is None else now
            user = fact.recipient if isinstance(fact, BadgeFacts) else None
            for point, sign in signed:
                whose = user
                if sign < 0 and isinstance(before, BadgeFacts):
                    whose = before.recipient
                ordinal = self.roster.ordinal(whose) if point.unique and whose else None
                self._moves.append(Move(point.series, point.key, point.at, sign, ordinal))
        roots = {move.series.partition(".")[0] for move in self._moves}
        self.families = {family.name for family in FAMILIES if roots & family.reads}

    async def _retract(self) -> None:
        """Take users out of the distinct users where none of their badges is left."""
        falls = [move for move in self._moves if move.sign < 0 and move.ordinal is not None]
        if not falls:
            return
        ordinals = {move.ordinal for move in falls}
        users = [user for user in self.roster.users() if self.roster.ordinal(user) in ordinals]
        remaining: defaultdict[tuple[str, str, int], list[int]] = defaultdict(list)
        async for record in self.roster.appearances(users, self._records):
            if record["type"] == EventType.BADGE_ISSUED:
                ordinal = self.roster.ordinal(record["user"])
                for point in points(facts.stored_badge(record)):
                    if point.unique and point.at is not None:
                        remaining[point.series, point.key, ordinal].append(point.at)
        for move in falls:
            assert move.ordinal is not None  # noqa: S101  # filtered above
            self._counters.retract(move, remaining[move.series, move.key, move.ordinal])


def _same_user(before: Facts | None, now: Facts | None) -> bool:
    """Return whether points that stay the same may be left out: not if another user's."""
    if isinstance(before, BadgeFacts) and isinstance(now, BadgeFacts):
        return before.recipient == now.recipient
    return before is not None and now is not None


def _map(function: Callable[[Record], T], record: Record | None) -> T | None:
    return None if record is None else function(record)


def _membership(record: Record) -> MembershipFacts:
    return MembershipFacts(record["community"], record["user"], record["at"])


def _stored(key: str, now: TemplateFacts | CommunityFacts | None) -> Operation:
    """Return the write that makes the stored facts of a template or community those of now."""
    if now is None:
        return DeleteOne({"_id": key})
    fields = {name: getattr(now, name) for name in now.__slots__[1:]}
    return ReplaceOne({"_id": key}, {"_id": key, **fields}, upsert=True)


_CARRIED = (
    *("tx", "user", "badge", "template", "issuer", "category"),
    *("level", "community", "name", "by", "hard"),
)


def _record(event: dict[str, Any], block: dict[str, Any] | None, *, stands: bool) -> Record:
    record: Record = {
        "_id": event["id"],
        "type": event["type"],
        "entity": facts.entity_of(event),  # type: ignore[arg-type]  # what the log holds are events
        "stands": stands,
        "live": False,
    }
    if block is None:
        record["at"] = event["at"]
    else:
        record["at"] = block["at"]
        record["height"], record["block"] = block["height"], block["hash"]
        record["index"] = event["index"]
    for name in _CARRIED:
        if name in event:
            record[name] = event[name]
    return record


def _block_state(row: dict[str, Any]) -> BlockState:
    return BlockState(hash=row.pop("_id"), **row)


def _block_row(block: BlockState) -> dict[str, Any]:
    return {
        "_id": block.hash,
        "height": block.height,
        "parent": block.parent,
        "at": block.at,
        "applied": block.applied,
        "orphaned_by": block.orphaned_by,
    }
