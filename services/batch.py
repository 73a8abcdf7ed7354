"""One batch, worked out in memory: which events stand, what is true now, which counters move.

Everything here compares what was stored at the position before with what follows from the log
entries of the batch, so only the net effect is written: a block that is taken back and applied
again within a batch moves nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from documents.projection import Collection, find_in
from services import facts
from services.cells import Operation
from services.chain import OTHER_HEIGHT, BlockState, Chain
from services.events import EventType
from services.facts import (
    BadgeFacts,
    Change,
    CommunityFacts,
    Facts,
    MembershipFacts,
    Record,
    TemplateFacts,
)
from services.roster import Roster
from services.tally import Tally
from services.workspace import Workspace

T = TypeVar("T")


class Batch:
    """The work of one commit: after `work_out`, `operations` and the workspace hold its writes."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._projection = workspace.projection
        self._chain = Chain()
        self._applied: list[dict[str, Any]] = []
        self._records: dict[str, Record] = {}
        self._fresh: set[str] = set()
        self._before: dict[str, tuple[Any, ...]] = {}
        self._entities: dict[str, defaultdict[str, list[Record]]] = {
            kind: defaultdict(list) for kind in facts.KINDS
        }
        self._templates: dict[str, TemplateFacts | None] = {}
        self._changes: list[Change] = []
        self._writes: list[tuple[Collection, Operation]] = []
        self._roster = Roster(workspace)
        self.tally = Tally(workspace)
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
        self.refused: Counter[str] = Counter()
        """Blocks of the batch that do nothing, by reason."""

    async def work_out(self, entries: list[dict[str, Any]]) -> None:
        """Read what is needed and determine every write."""
        await self._fold_blocks(entries)
        await self._gather(entries)
        await self._load_entities(entity for kind in self._entities.values() for entity in kind)
        await self._resolve_templates()
        await self._resolve_communities()
        self._resolve_badges()
        self._resolve_firsts("member")
        self._resolve_firsts("user")
        self._note_lives()
        await self._roster.resolve(self._records)
        changes = [*self._changes, *self._roster.changes]
        self.tally.count(changes, self._roster)
        await self.tally.store(self._changes, self._roster, self._records)
        self._write_records()

    def operations(self) -> list[tuple[Collection, list[Operation]]]:
        """Return the writes by collection; the workspace has its own."""
        grouped: dict[str, tuple[Collection, list[Operation]]] = {}
        for collection, operation in self._writes:
            grouped.setdefault(collection.name, (collection, []))[1].append(operation)
        return list(grouped.values())

    # Which events stand

    async def _fold_blocks(self, entries: list[dict[str, Any]]) -> None:
        named = [b for e in entries for b in (*e.get("rolled_back", ()), *e["applied"])]
        near = {block["height"] + step for block in named for step in (-1, 0, 1)}
        blocks = self._projection.blocks
        known = {
            row["_id"]: row
            for field, keys in (("height", near), ("_id", {block["hash"] for block in named}))
            async for row in find_in(blocks, field, keys)
        }
        self._chain = chain = Chain(map(_block_state, known.values()))
        for entry in entries:
            for block in entry.get("rolled_back", ()):
                if not chain.rollback(block["hash"], block["height"]):
                    self.refused[OTHER_HEIGHT] += 1
            for block in entry["applied"]:
                if chain.apply(block["hash"], block["height"], block["parent"], block["at"]):
                    self._applied.append(block)
                else:
                    self.refused[OTHER_HEIGHT] += 1
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
        for block in self._applied:
            stands = self._chain.stands(block["hash"])
            for event in block["events"]:
                if event["id"] not in told:
                    told[event["id"]] = _record(event, block, stands=stands)
                    if block["hash"] in self._chain.known:
                        doubtful.append(event["id"])
        for entry in entries:
            self.contained += entry["size"]
            for event in entry.get("events", ()):
                told[event["id"]] = _record(event, None, stands=True)
        async for row in find_in(self._projection.events, "_id", doubtful, only=("_id",)):
            del told[row["_id"]]
        self._fresh = set(told)
        self.earliest = min((record["at"] for record in told.values()), default=None)
        self.latest = max((record["at"] for record in told.values()), default=None)
        for flipped in self._chain.flipped():
            query = {"height": flipped.height, "block": flipped.hash}
            async for row in self._projection.events.find(query):
                self._know(row)
                row["stands"] = flipped.stands
                self._add(row)
        for record in told.values():
            self._know(record)
            if record["stands"]:
                self._add(record)

    def _know(self, record: Record) -> None:
        self._records[record["_id"]] = record
        self._before[record["_id"]] = _mutable(record)

    def _add(self, record: Record) -> None:
        entity = record["entity"]
        self._entities[entity.partition(":")[0]][entity].append(record)

    async def _load_entities(self, entities: Iterable[str]) -> None:
        """Load the other records of the entities, and those records' entities with them."""
        async for row in find_in(self._projection.events, "entity", entities):
            if row["_id"] not in self._records:
                self._know(row)
                self._add(row)

    # What is true now

    def _of_kind(self, kind: str) -> Iterator[tuple[list[Record], list[Record]]]:
        """Return the records of each entity of a kind, and those of them that stand."""
        for records in self._entities[kind].values():
            yield records, [record for record in records if record["stands"]]

    async def _resolve_templates(self) -> None:
        changed: dict[str, TemplateFacts | None] = {}
        for records, standing in self._of_kind("template"):
            changed[records[0]["template"]] = facts.of_template(standing)
            for record in records:
                record["live"] = record["stands"]
        for template, now in changed.items():
            self._writes.append((self._projection.templates, _stored(template, now)))
            self._workspace.code("template", template)
        if changed:
            await self._load_heirs(changed)
        named = {
            record["template"]
            for _, standing in self._of_kind("badge")
            for record in standing
            if record.get("template")
        }
        self._templates = await self._stored_templates(named - changed.keys()) | changed

    async def _load_heirs(self, changed: Mapping[str, TemplateFacts | None]) -> None:
        """Load the badges that have of their template what has changed."""
        before = await self._stored_templates(changed)
        moved = defaultdict[str, list[str]](list)
        for template, now in changed.items():
            then = before.get(template)
            for field in ("category", "level", "community"):
                if getattr(then, field, None) != getattr(now, field, None):
                    moved[field].append(template)
        issues = {"type": EventType.BADGE_ISSUED, "live": True}
        heirs = {
            row["entity"]
            for field, templates in moved.items()
            async for row in find_in(
                self._projection.events,
                "template",
                templates,
                {**issues, field: None},
                only=("entity",),
            )
        }
        await self._load_entities(heirs)

    async def _stored_templates(self, templates: Iterable[str]) -> dict[str, TemplateFacts | None]:
        rows = find_in(self._projection.templates, "_id", templates)
        return {
            template: TemplateFacts(template=template, **row)
            async for row in rows
            for template in [row.pop("_id")]
        }

    def _resolve_badges(self) -> None:
        templates = {key: known for key, known in self._templates.items() if known}
        for records, standing in self._of_kind("badge"):
            old = next((r for r in records if r["live"] and r.get("facts")), None)
            before = facts.stored_badge(old) if old else None
            new, now = facts.of_badge(standing, templates) or (None, None)
            for record in records:
                effective = record["type"] != EventType.BADGE_ISSUED
                if now and record is new:
                    effective = True
                    record["facts"] = facts.as_stored(now)
                record["live"] = now is not None and record["stands"] and effective
            self._change(before, now, old, new)

    async def _resolve_communities(self) -> None:
        kind = list(self._of_kind("community"))
        ids = [records[0]["community"] for records, _ in kind]
        stored = {}
        async for row in find_in(self._projection.communities, "_id", ids):
            community = row.pop("_id")
            stored[community] = CommunityFacts(community=community, **row)
        for records, standing in kind:
            old = next((r for r in records if r["live"] and _creates(r)), None)
            new, now = facts.of_community(standing) or (None, None)
            community = records[0]["community"]
            for record in records:
                effective = now is not None and (not _creates(record) or record is new)
                record["live"] = record["stands"] and effective
            self._change(stored.get(community), now, old, new)
            self._writes.append((self._projection.communities, _stored(community, now)))

    def _resolve_firsts(self, kind: str) -> None:
        """Resolve entities of which the first standing record takes effect."""
        for records, standing in self._of_kind(kind):
            old = next((r for r in records if r["live"]), None)
            new = min(standing, key=facts.order, default=None)
            for record in records:
                record["live"] = record is new
            if kind == "member":
                self._change(_map(_membership, old), _map(_membership, new), old, new)

    def _change(
        self, before: Facts | None, now: Facts | None, old: Record | None, new: Record | None
    ) -> None:
        if before != now or old is not new:
            self._changes.append(Change(before, now, old, new))
            if isinstance(before, BadgeFacts):
                self._roster.badge(before, -1)
            if isinstance(now, BadgeFacts):
                self._roster.badge(now, 1)

    # What is written

    def _note_lives(self) -> None:
        for id_, record in self._records.items():
            lived = self._before[id_][1]
            if record["live"] != lived:
                self.counts[record["type"]] += record["live"]
                self.undone += lived
                self.tally.event(record["type"], 1 if record["live"] else -1)
                self._roster.appearance(record)

    def _write_records(self) -> None:
        events = self._projection.events
        for id_, record in self._records.items():
            if id_ in self._fresh:
                self._writes.append((events, InsertOne(record)))
                continue
            now, before = _mutable(record), self._before[id_]
            if now != before:
                fields = {
                    name: value
                    for name, value, then in zip(_MUTABLE, now, before, strict=True)
                    if value != then
                }
                self._writes.append((events, UpdateOne({"_id": id_}, {"$set": fields})))


_MUTABLE = ("stands", "live", "facts", "row")
"""What of a record changes after it was stored."""


def _mutable(record: Record) -> tuple[Any, ...]:
    return tuple(record.get(name) for name in _MUTABLE)


def _creates(record: Record) -> bool:
    return bool(record["type"] == EventType.COMMUNITY_CREATED)


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
    record["order"] = facts.order_key(record)
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
