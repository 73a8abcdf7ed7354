"""Accepting: a delivery becomes a durable entry of the log, or an error.

Entries are numbered without a hole, and a number becomes visible only after all smaller ones:
each writer inserts in order behind the last number that it knows, and one that lost the race
numbers again. Waiting deliveries are written together, so that a disk flush serves all of them.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import time
from typing import Any, TypeAlias

import bson
from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import BulkWriteError, PyMongoError

from documents.log import LogEntry, RefusedBody
from documents.projection import Collection, Database
from services.errors import AnalyticsError
from services.events import Delivery, Event

Session: TypeAlias = AsyncIOMotorClientSession

logger = logging.getLogger(__name__)

ENTRY_EVENTS = 20_000
"""Events that one document of the log holds at most."""
ENTRY_BYTES = 8_000_000
"""About how long a document of the log is at most; MongoDB refuses one of 16 MB."""
_OVERHEAD = 50
"""Bytes that an entry of a list takes beside itself, its identity in `client_ids` among them."""
GROUP_EVENTS = 40_000
"""Events that are written together at most."""
REFUSED_KEPT = 20
"""How many bodies that were refused are kept."""
REFUSED_BYTES = 65_536
"""How much of each."""
TRANSACTION_SECONDS = 15
"""How long a transaction is tried; Motor's own two minutes are more than a Chainhook waits."""
WAITING_LIMIT_MS = 10_000
DUPLICATE_KEY = 11000


class LogUnavailable(AnalyticsError):
    """The database did not take the entry. Nothing is known to be stored: deliver it again."""

    def __init__(self) -> None:
        super().__init__("UNAVAILABLE", "The database is away; deliver the same again later.")


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a delivery. All of it is durable."""

    accepted: int
    duplicates: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    conflicts: Sequence[int] = ()
    """Events that were refused, since their identity is that of an event of another content: their
    places among the events of no block of all the deliveries."""


@dataclass(slots=True)
class _Waiting:
    document: dict[str, Any]
    done: "asyncio.Future[bool]"

    def settle(self, *, stored: bool) -> None:
        """Tell the one who waits, if it still does: its client may have gone away."""
        if not self.done.done():
            self.done.set_result(stored)


class Log:
    """The writer of the log. One a process; any number of processes may share a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collection = database[LogEntry.Settings.name]
        self._queue: list[_Waiting] = []
        self._last: int | None = None
        self._flusher: asyncio.Task[None] | None = None
        self.arrived = asyncio.Event()
        """Set whenever an entry was stored; the processor waits for it and clears it."""

    async def accept(self, delivery: Delivery, source: str) -> Receipt:
        """Store a delivery; return when it is durable.

        Events of no block are stored once by their identity; a block's events are stored as
        often as they are delivered, because the same block may be applied again.

        Raises `LogUnavailable`.
        """
        screened = screen([delivery], {})
        (kept,) = screened.kept
        documents = list(_entries(kept, source))
        if len(documents) > 1:
            return await self.accept_all([delivery], source)
        while not await self._append(documents[0]):
            try:
                screened = screen([delivery], await self._known([delivery]))
            except PyMongoError as error:
                raise LogUnavailable from error
            (kept,) = screened.kept
            documents = list(_entries(kept, source))
            if not documents[0]["size"]:
                break
        return _receipt([delivery], screened, documents)

    async def _append(self, document: dict[str, Any]) -> bool:
        """Store one entry; return False if one of its client ids is in the log already."""
        waiting = _Waiting(document, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return await waiting.done

    async def _flush(self) -> None:
        while self._queue:
            group, size = [], 0
            while self._queue and size < GROUP_EVENTS:
                waiting = self._queue.pop(0)
                size += waiting.document["size"] + 1
                group.append(waiting)
            try:
                while group:
                    group = await self._write(group)
            except PyMongoError:
                logger.exception("The log could not be written")
                self._fail(group, LogUnavailable())
            except Exception as error:
                # The others in the queue must get an answer too.
                logger.exception("The log could not be written")
                self._fail(group, error)
            self.arrived.set()

    def _fail(self, group: list[_Waiting], error: Exception) -> None:
        self._last = None
        for waiting in group:
            if not waiting.done.done():
                waiting.done.set_exception(error)

    async def _write(self, group: list[_Waiting]) -> list[_Waiting]:
        """Write a group in order; return the part that has to be numbered again."""
        first = await self._next_number()
        for number, waiting in enumerate(group, first):
            waiting.document["_id"] = number
        try:
            await self._collection.insert_many([waiting.document for waiting in group])
        except BulkWriteError as error:
            failed = error.details["writeErrors"][0]
            if failed["code"] != DUPLICATE_KEY:
                raise
            stored, rest = failed["index"], group[failed["index"] :]
            if "client_ids" in failed.get("keyPattern", {}):
                rest.pop(0).settle(stored=False)
                self._last = first + stored - 1
            else:
                self._last = None
        else:
            stored, rest = len(group), []
            self._last = first + stored - 1
        for waiting in group[:stored]:
            waiting.settle(stored=True)
        return rest

    async def _next_number(self) -> int:
        if self._last is None:
            newest = await self._collection.find_one({}, {"_id": 1}, sort=[("_id", -1)])
            self._last = newest["_id"] if newest else 0
        return self._last + 1

    async def accept_all(
        self,
        deliveries: Sequence[Delivery],
        source: str,
        alongside: Callable[[Session, Receipt], Awaitable[None]] | None = None,
    ) -> Receipt:
        """Store deliveries in their order, all or none; `alongside` writes with them.

        It is given the session of the transaction, and is called again if that has to begin anew.

        Raises `LogUnavailable`, and what `alongside` raises.
        """

        async def write(session: Session) -> Receipt:
            receipt = await self._write_all(deliveries, source, session)
            if alongside is not None:
                await alongside(session, receipt)
            return receipt

        return await self._stored(write)

    async def keep_refused(self, reason: str, body: bytes) -> None:
        """Keep the beginning of a body that was refused; the last `REFUSED_KEPT` are kept.

        Raises `LogUnavailable`.
        """
        kept = self._database[RefusedBody.Settings.name]
        document = {
            "at": int(time() * 1000),
            "reason": reason,
            "length": len(body),
            "body": body[:REFUSED_BYTES],
        }
        try:
            await kept.insert_one(document)
            older = kept.find({}, {"_id": 1}, sort=[("_id", -1)], skip=REFUSED_KEPT)
            await kept.delete_many({"_id": {"$in": [row["_id"] async for row in older]}})
        except PyMongoError as error:
            raise LogUnavailable from error

    async def repeat(self, sequence: int, alongside: Callable[[Session], Awaitable[None]]) -> None:
        """Append an entry to the log once more, as one that takes the place of the first.

        `alongside` writes with it. Raises `LogUnavailable`.
        """

        async def write(session: Session) -> Receipt:
            entry = await self._collection.find_one({"_id": sequence}, session=session)
            newest = await self._collection.find_one(
                {}, {"_id": 1}, sort=[("_id", -1)], session=session
            )
            assert entry is not None  # noqa: S101  # entries of the log are never deleted
            assert newest is not None  # noqa: S101  # there is that one at least
            entry.setdefault("original", sequence)
            # The first one keeps them, so that the same events stay refused as duplicates.
            entry.pop("client_ids", None)
            entry.pop("partial", None)
            await self._collection.insert_one(
                {**entry, "_id": newest["_id"] + 1, "received": int(time() * 1000)},
                session=session,
            )
            await alongside(session)
            return Receipt(accepted=entry["size"])

        await self._stored(write)

    async def _write_all(
        self, deliveries: Sequence[Delivery], source: str, session: Session
    ) -> Receipt:
        screened = screen(deliveries, await self._known(deliveries, session))
        documents = [
            entry
            for given, kept in zip(deliveries, screened.kept, strict=True)
            if kept.events or kept.apply or kept.rollback or not given.events
            for entry in _entries(kept, source)
        ]
        newest = await self._collection.find_one(
            {}, {"_id": 1}, sort=[("_id", -1)], session=session
        )
        for number, document in enumerate(documents, (newest["_id"] if newest else 0) + 1):
            document["_id"] = number
        if documents:
            await self._collection.insert_many(documents, session=session)
        return _receipt(deliveries, screened, documents)

    async def _stored(self, write: Callable[[Session], Coroutine[Any, Any, Receipt]]) -> Receipt:
        """Write to the log in one transaction. Raises `LogUnavailable`."""
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS):
                return await self._together(write)
        except (PyMongoError, TimeoutError) as error:
            logger.warning("The log could not be written: %r", error)
            raise LogUnavailable from error
        finally:
            self._last = None
            self.arrived.set()

    async def _together(self, write: Callable[[Session], Coroutine[Any, Any, Receipt]]) -> Receipt:
        """Run a transaction, again if another writer has taken its numbers or its client ids."""
        async with await self._database.client.start_session() as session:
            for _ in range(4):
                try:
                    return await session.with_transaction(write)
                except BulkWriteError as error:
                    if error.details["writeErrors"][0]["code"] != DUPLICATE_KEY:
                        raise
            return await session.with_transaction(write)

    async def _known(
        self, deliveries: Sequence[Delivery], session: Session | None = None
    ) -> dict[str, Event]:
        """Return the events of no block that the log has, of those that deliveries bring."""
        ids = [event["id"] for each in deliveries for event in each.events]
        if not ids:
            return {}
        found = self._collection.find(
            {"client_ids": {"$in": ids}}, {"events": 1, "client_ids": 1}, session=session
        )
        # A quarantined entry may have lost its events, but not its ids.
        return {event["id"]: event async for entry in found for event in entry.get("events", ())}


@dataclass(frozen=True)
class Screened:
    """Deliveries without the events of no block that are known, and what became of those."""

    kept: list[Delivery]
    duplicates: int
    conflicts: list[int]
    """As in `Receipt`."""


def screen(deliveries: Sequence[Delivery], known: Mapping[str, Event]) -> Screened:
    """Tell new events of no block from duplicates and from those in conflict.

    Each is compared with the known event of its identity, else with the first one given.
    """
    firsts: dict[str, Event] = {}
    kept: list[Delivery] = []
    duplicates, conflicts, place = 0, list[int](), 0
    for delivery in deliveries:
        undated = frozenset(delivery.undated)
        new: list[Event] = []
        for number, event in enumerate(delivery.events):
            id_ = event["id"]
            first = known.get(id_) or firsts.setdefault(id_, event)
            if first is event:
                new.append(event)
            elif _is_same(first, event, undated=number in undated):
                duplicates += 1
            else:
                conflicts.append(place)
            place += 1
        kept.append(replace(delivery, events=new))
    return Screened(kept, duplicates, conflicts)


def _is_same(first: Mapping[str, Any], again: Mapping[str, Any], *, undated: bool) -> bool:
    """Return whether two events say the same; a time from the clock says nothing."""
    ignored = {"at"} if undated else set[str]()
    return all(first.get(key) == again.get(key) for key in {*first, *again} - ignored)


def _receipt(
    deliveries: Sequence[Delivery], screened: Screened, documents: Sequence[dict[str, Any]]
) -> Receipt:
    return Receipt(
        accepted=sum(document["size"] for document in documents),
        duplicates=screened.duplicates,
        refused=_total(each.refused for each in deliveries),
        conflicts=screened.conflicts,
    )


def _total(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


@dataclass(slots=True)
class _Entry:
    """A part of a delivery that one document of the log holds."""

    rolled_back: list[dict[str, Any]] = field(default_factory=list)
    applied: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    size: int = 0
    length: int = 0
    """About how many bytes it has."""


def _parts(delivery: Delivery) -> list[_Entry]:
    """Split a delivery at `ENTRY_EVENTS` and `ENTRY_BYTES`, within a block too."""
    parts = [_Entry()]

    def part(length: int, size: int = 0) -> _Entry:
        last = parts[-1]
        if last.size + size > ENTRY_EVENTS or (last.length and last.length + length > ENTRY_BYTES):
            last = _Entry()
            parts.append(last)
        last.size += size
        last.length += length
        return last

    for reference in delivery.rollback:
        told: dict[str, Any] = {"height": reference.height, "hash": reference.hash}
        if reference.parent is not None:
            told["parent"] = reference.parent
        part(_length(told)).rolled_back.append(told)
    for block in delivery.apply:
        head: dict[str, Any] = {
            "height": block.height,
            "hash": block.hash,
            "parent": block.parent,
            "at": block.at,
        }
        if block.burn is not None:
            head["burn"] = block.burn
        holder = part(_length(head))
        holder.applied.append({**head, "events": []})
        for event in block.events:
            entry = part(_length(event), 1)
            if entry is not holder:
                holder = entry
                holder.applied.append({**head, "events": []})
            holder.applied[-1]["events"].append(event)
    for event in delivery.events:
        part(_length(event), 1).events.append(event)
    return parts


def _length(value: Mapping[str, Any]) -> int:
    return len(bson.encode(value)) + _OVERHEAD


def _entries(delivery: Delivery, source: str) -> Iterator[dict[str, Any]]:
    """Return the delivery as documents of the log, more than one only if it is very large."""
    parts = _parts(delivery)
    for number, part in enumerate(parts):
        document: dict[str, Any] = {
            "source": source,
            "received": int(time() * 1000),
            "size": part.size,
            "applied": part.applied,
        }
        if not number:
            document["refused"] = dict(delivery.refused)
        if part.rolled_back or not number:
            document["rolled_back"] = part.rolled_back
        if part.events:
            document["events"] = part.events
            document["client_ids"] = [event["id"] for event in part.events]
        if number < len(parts) - 1:
            document["partial"] = True
        yield document


@dataclass(frozen=True)
class Waiting:
    """What is in the log after an entry."""

    events: int
    since: int | None
    """When the first of it was received, in milliseconds since 1970; None if nothing waits."""
    until: int | None
    """When the last of it was received."""


async def waiting(log: Collection, after: int) -> Waiting:
    """Return what waits behind an entry of the log, from the index alone."""
    rows = log.aggregate(
        [
            {"$match": {"_id": {"$gt": after}}},
            {
                "$group": {
                    "_id": None,
                    "events": {"$sum": "$size"},
                    "since": {"$min": "$received"},
                    "until": {"$max": "$received"},
                }
            },
        ],
        hint="waiting",
        maxTimeMS=WAITING_LIMIT_MS,
    )
    found = await rows.to_list(1)
    if not found:
        return Waiting(0, None, None)
    return Waiting(found[0]["events"], found[0]["since"], found[0]["until"])
