"""One batch, worked out in memory: which events stand, what is true now, which counters move.

Everything here compares what was stored at the position before with what follows from the log
entries of the batch, so only the net effect is written: a block that is taken back and applied
again within a batch moves nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from documents.projection import Collection, find_in
from services import facts
from services.blocks import fold
from services.cells import Operation
from services.chain import BlockState, Chain
from services.events import EventType
from services.facts import (
    BadgeFacts,
    Change,
    CommunityFacts,
    Facts,
    Ineffective,
    MembershipFacts,
    Record,
    TemplateFacts,
)
from services.inheritance import moves
from services.roster import Roster
from services.tally import Tally
from services.workspace import Workspace

T = TypeVar("T")
UNKNOWN_TYPE: Final = "unknown_type"
"""The reason of a refused event: its type is one of a later version."""
_TYPES = frozenset(EventType)


class Batch:
    """The work of one commit: after `work_out`, `operations` and the workspace hold its writes."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._projection = workspace.projection
        self._chain = Chain()
        self._applied: list[dict[str, Any]] = []
        self._records: dict[str, Record] = {}
        self._fresh: set[str] = set()
        self._fuller: set[str] = set()
        """Records known before of which this batch says more."""
        self._issued_before: dict[str, Record] = {}
        """The issues of badges as they were before they were told more fully."""
        self._communities: dict[str, _Founding] = {}
        """The creations of the communities that may have changed."""
        self._before: dict[str, tuple[Any, ...]] = {}
        self._entities: dict[str, defaultdict[str, list[Record]]] = {
            kind: defaultdict(list) for kind in facts.KINDS
        }
        self._templates: dict[str, TemplateFacts | None] = {}
        self._templates_before: dict[str, TemplateFacts | None] = {}
        self._templates_changed: dict[str, TemplateFacts | None] = {}
        self._changes: list[Change] = []
        self._writes: list[tuple[Collection, Operation]] = []
        self._roster = Roster(workspace)
        self.tally = Tally(workspace)
        self.contained = 0
        """Events in the batch, redelivered ones included."""
        self.reorganised = False
        """Whether a block that was known came back or left the chain."""
        self.counts: Counter[str] = Counter()
        """Events that came to be live, by type."""
        self.unknown_types = 0
        """Events of types that this version does not know, as a later one may have written them."""
        self.undone = 0
        """Events that ceased to be live."""

    async def work_out(self, entries: list[dict[str, Any]]) -> None:
        """Read what is needed and determine every write."""
        folded = await fold(self._projection.blocks, entries)
        self._chain, self._applied = folded.chain, folded.applied
        self.reorganised = bool(self._chain.flipped())
        self._writes += [(self._projection.blocks, each) for each in folded.writes]
        await self._gather(entries)
        await self._load_entities(entity for kind in self._entities.values() for entity in kind)
        await self._resolve_templates()
        await self._resolve_communities()
        await self._resolve_members()
        self._resolve_badges()
        self._resolve_users()
        self._note_lives()
        await self._roster.resolve(self._records)
        changes = [*self._changes, *self._roster.changes]
        self.tally.count(changes, self._roster)
        moved = moves(self._templates_before, self._templates_changed)
        await self.tally.store(self._changes, self._roster, self._records, self.templates_of, moved)
        self._write_records()

    def operations(self) -> list[tuple[Collection, list[Operation]]]:
        """Return the writes by collection; the workspace has its own."""
        grouped: dict[str, tuple[Collection, list[Operation]]] = {}
        for collection, operation in self._writes:
            grouped.setdefault(collection.name, (collection, []))[1].append(operation)
        return list(grouped.values())

    async def reach(
        self, earliest: int | None, latest: int | None
    ) -> tuple[int | None, int | None]:
        """Return the times of the earliest and the latest event that has effect now.

        Given are those from before the batch.
        """
        records = self._records.values()
        ended = [r["at"] for r in records if self._before[r["_id"]][1] and not r["live"]]
        times = [record["at"] for record in records if record["live"]]
        if ended and min(ended) == earliest:
            earliest = await self._outermost(1)
        if ended and max(ended) == latest:
            latest = await self._outermost(-1)
        return (
            min((at for at in (earliest, *times) if at is not None), default=None),
            max((at for at in (latest, *times) if at is not None), default=None),
        )

    async def _outermost(self, direction: int) -> int | None:
        """Return the earliest (1) or latest (-1) time among what the batch leaves in effect."""
        found: list[int] = []
        for kind in EventType:
            query = {"live": True, "type": kind}
            rows = self._projection.events.find(query, {"at": 1}, sort=[("order", direction)])
            async for row in rows:
                if row["_id"] not in self._records or self._records[row["_id"]]["live"]:
                    found.append(row["at"])
                    break
        return min(found, key=lambda at: at * direction, default=None)

    # Which events stand

    @property
    def refused(self) -> Mapping[str, int]:
        """Blocks and events of the batch that were refused, by reason."""
        return self._chain.refused + Counter({UNKNOWN_TYPE: self.unknown_types})

    async def _gather(self, entries: list[dict[str, Any]]) -> None:
        """Collect the records that are new, fuller, or whose block came back or left."""
        told: dict[str, Record] = {}
        for event, block in self._events(entries):
            if event["type"] not in _TYPES:
                self.unknown_types += 1
            elif event["id"] in told:
                _merge(told[event["id"]], event)
            else:
                told[event["id"]] = _record(event, block)
        known = self._chain.known
        doubtful = [id_ for id_, record in told.items() if record.get("block") in known]
        async for row in find_in(self._projection.events, "_id", doubtful):
            issued = dict(row)
            if _merge(row, told.pop(row["_id"])):
                self._know(row)
                self._add(row)
                self._fuller.add(row["_id"])
                self._issued_before[row["_id"]] = issued
        self._fresh = set(told)
        for flipped in self._chain.flipped():
            query = {"height": flipped.height, "block": flipped.hash}
            async for row in self._projection.events.find(query):
                if row["_id"] not in self._records:
                    self._know(row)
                    self._add(row)
                self._records[row["_id"]]["stands"] = flipped.canonical
        for record in told.values():
            self._know(record)
            if record["stands"]:
                self._add(record)

    def _events(
        self, entries: list[dict[str, Any]]
    ) -> Iterator[tuple[dict[str, Any], BlockState | None]]:
        """Yield what the entries tell, with the block of each event."""
        for block in self._applied:
            state = self._chain.block(block["hash"])
            for event in block["events"]:
                yield event, state
        for entry in entries:
            self.contained += entry["size"]
            for event in entry.get("events", ()):
                yield event, None

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
        self._templates_before = await self._stored_templates(changed)
        self._templates_changed = changed
        await self.templates_of(
            record["template"]
            for records in self._entities["badge"].values()
            for record in records
            if record.get("template")
        )

    async def templates_of(self, templates: Iterable[str]) -> Mapping[str, TemplateFacts | None]:
        """Return templates as they are after the batch, those named at least."""
        missing = set(templates) - self._templates.keys() - self._templates_changed.keys()
        self._templates |= dict.fromkeys(missing) | await self._stored_templates(missing)
        self._templates |= self._templates_changed
        return self._templates

    def _template_before(self, record: Record) -> TemplateFacts | None:
        template = record.get("template")
        if template in self._templates_changed:
            return self._templates_before.get(template)
        return None if template is None else self._templates[template]

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
            before = None
            if old is not None:
                said = self._issued_before.get(old["_id"], old)
                before = facts.stored_badge(said, self._template_before(said))
            new, now = facts.of_badge(standing, templates) or (None, None)
            if now is not None and new is not None:
                new["facts"] = facts.as_stored(now)
            for record in records:
                issues = record["type"] == EventType.BADGE_ISSUED
                _settle(
                    record, new, Ineffective.BADGE_ISSUED_AGAIN if issues else None,
                    Ineffective.BADGE_UNKNOWN,
                )  # fmt: skip
            self._change(before, now, old, new)

    async def _resolve_communities(self) -> None:
        kind = list(self._of_kind("community"))
        stored = await self._stored_communities(records[0]["community"] for records, _ in kind)
        for records, standing in kind:
            community = records[0]["community"]
            old = next((r for r in records if r["live"] and _creates(r)), None)
            new, now = facts.of_community(standing) or (None, None)
            before = stored.get(community)
            for record in records:
                again = Ineffective.COMMUNITY_CREATED_AGAIN if _creates(record) else None
                _settle(record, new, again, Ineffective.COMMUNITY_UNKNOWN)
            self._change(before, now, old, new)
            self._communities[community] = _Founding(old, before, new, now)
            self._writes.append((self._projection.communities, _stored(community, now)))

    async def _stored_communities(self, ids: Iterable[str]) -> dict[str, CommunityFacts]:
        rows = find_in(self._projection.communities, "_id", ids)
        return {
            community: CommunityFacts(community=community, **row)
            async for row in rows
            for community in [row.pop("_id")]
        }

    async def _resolve_members(self) -> None:
        """Resolve memberships, which begin and end with their communities, too."""
        members = {entity: facts.member_of(records[0]) for entity, records in self._members()}
        for community, founding in self._communities.items():
            if (founding.before is None) != (founding.now is None):
                await self._load_members(community)
            for known in (founding.before, founding.now):
                if known is not None and known.creator is not None:
                    entity = facts.member_entity(community, known.creator)
                    members[entity] = community, known.creator
        await self._load_entities(
            [each for each in members if each not in self._entities["member"]]
        )
        members |= {entity: facts.member_of(records[0]) for entity, records in self._members()}
        others = {community for community, _ in members.values()} - self._communities.keys()
        unchanged = await self._stored_communities(others)
        for entity, (community, user) in members.items():
            known = unchanged.get(community)
            founding = self._communities.get(community) or _Founding(None, known, None, known)
            self._resolve_member(self._entities["member"].get(entity, []), user, founding)

    def _members(self) -> Iterable[tuple[str, list[Record]]]:
        return self._entities["member"].items()

    async def _load_members(self, community: str) -> None:
        async for row in self._projection.events.find(facts.members_query(community)):
            if row["_id"] not in self._records:
                self._know(row)
                self._add(row)

    def _resolve_member(self, records: list[Record], user: str, founding: "_Founding") -> None:
        old = next((r for r in records if r["live"]), None)
        was = facts.is_admin_from_creation(founding.before, user)
        standing = [record for record in records if record["stands"]]
        is_admin = facts.is_admin_from_creation(founding.now, user)
        new = facts.first(standing) if founding.now is not None and not is_admin else None
        for record in records:
            _settle(record, new, None, None if founding.now else Ineffective.COMMUNITY_UNKNOWN)
            record["live"] = record is new
        before, now = founding.admin(founding.before), founding.admin(founding.now)
        if not was:
            before = _map(_membership, old)
        if not is_admin:
            now = _map(_membership, new)
        change = Change(
            before,
            now,
            founding.old if was else old,
            founding.new if is_admin else new,
            "member_row" if was else "row",
            "member_row" if is_admin else "row",
        )
        if change.before != change.now or change.old is not change.new:
            self._changes.append(change)

    def _resolve_users(self) -> None:
        """Resolve registrations, of which the first one takes effect."""
        for records, standing in self._of_kind("user"):
            new = facts.first(standing)
            for record in records:
                record["live"] = record is new

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
            _, lived, *_, why = self._before[id_]
            if record.get("why") != why:
                for reason, sign in ((why, -1), (record.get("why"), 1)):
                    if reason is not None:
                        self.tally.ineffective(reason, sign)
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
            if now != before or id_ in self._fuller:
                fields = {
                    name: value
                    for name, value, then in zip(_MUTABLE, now, before, strict=True)
                    if value != then
                }
                if id_ in self._fuller:
                    fields |= {name: record[name] for name in _CARRIED if name in record}
                self._writes.append((events, UpdateOne({"_id": id_}, {"$set": fields})))


class _Founding(NamedTuple):
    """The creation of a community: the record and the facts, before and now."""

    old: Record | None
    before: CommunityFacts | None
    new: Record | None
    now: CommunityFacts | None

    @staticmethod
    def admin(community: CommunityFacts | None) -> MembershipFacts | None:
        """Return the membership of the creator."""
        if community is None or community.creator is None:
            return None
        return MembershipFacts(community.community, community.creator, community.created)


_MUTABLE = ("stands", "live", "facts", "row", "member_row", "why")
"""What of a record changes after it was stored."""


def _settle(record: Record, made: Record | None, again: str | None, unknown: str | None) -> None:
    """Determine whether a record has effect, and if not, why.

    `made` is the record that made the entity, `again` the reason if others like it have none,
    `unknown` the reason of records that wait for the entity.
    """
    record["live"], why = record["stands"], None
    if not record["stands"]:
        pass
    elif made is None:
        record["live"], why = False, unknown
    elif again is not None and record is not made:
        is_overruled = record.get("height") is None and made.get("height") is not None
        record["live"], why = False, Ineffective.CHAIN_WINS if is_overruled else again
    if why is not None or "why" in record:
        record["why"] = why and str(why)


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


def _merge(known: Record, event: Mapping[str, Any]) -> bool:
    """Add to a record what another telling of the same event says more; return whether it did."""
    more = {name for name in _CARRIED if name in event and name not in known}
    known.update({name: event[name] for name in more})
    return bool(more)


def _record(event: dict[str, Any], block: BlockState | None) -> Record:
    record: Record = {
        "_id": event["id"],
        "type": event["type"],
        "entity": facts.entity_of(event),  # type: ignore[arg-type]  # what the log holds are events
        "stands": block is None or block.canonical,
        "live": False,
    }
    if block is None:
        record["at"] = event["at"]
    else:
        record["at"] = block.at
        record["height"], record["block"] = block.height, block.hash
        record["index"] = event["index"]
    record["order"] = facts.order_key(record)
    for name in _CARRIED:
        if name in event:
            record[name] = event[name]
    return record
