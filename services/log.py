"""Accepting: a delivery becomes a durable entry of the log, or an error.

Entries are numbered without a hole, and a number becomes visible only after all smaller ones:
each writer inserts in order behind the last number that it knows, and one that lost the race
numbers again. Waiting deliveries are written together, so that a disk flush serves all of them.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any

from pymongo.errors import BulkWriteError, PyMongoError

from documents.log import LogEntry
from documents.projection import Database
from services.errors import AnalyticsError
from services.events import Block, Delivery, Event

logger = logging.getLogger(__name__)

ENTRY_EVENTS = 20_000
"""Events that one document of the log holds at most; at 300 bytes each a third of the limit."""
GROUP_EVENTS = 40_000
"""Events that are written together at most."""
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
        documents = list(_entries(delivery, source))
        events = sum(document["size"] for document in documents)
        if len(documents) > 1:
            await self._append_together(documents)
            return Receipt(accepted=events, refused=dict(delivery.refused))
        document = documents[0]
        duplicates = len(delivery.events) - len(document.get("events", ()))
        while not await self._append(document):
            duplicates += await self._drop_known(document)
            if not document["size"]:
                break
        return Receipt(
            accepted=document["size"], duplicates=duplicates, refused=dict(delivery.refused)
        )

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

    async def _append_together(self, documents: list[dict[str, Any]]) -> None:
        """Store the entries of one delivery, all or none."""

        async def write(session: Any) -> None:  # noqa: ANN401  # Motor's session is not typed
            newest = await self._collection.find_one(
                {}, {"_id": 1}, sort=[("_id", -1)], session=session
            )
            for number, document in enumerate(documents, (newest["_id"] if newest else 0) + 1):
                document["_id"] = number
            await self._collection.insert_many(documents, session=session)

        try:
            async with await self._database.client.start_session() as session:
                for attempt in range(5):
                    try:
                        await session.with_transaction(write)
                        break
                    except BulkWriteError as error:
                        if attempt == 4 or error.details["writeErrors"][0]["code"] != DUPLICATE_KEY:  # noqa: PLR2004  # the last of the five
                            raise
        except PyMongoError as error:
            logger.exception("The log could not be written")
            raise LogUnavailable from error
        finally:
            self._last = None
        self.arrived.set()

    async def _drop_known(self, document: dict[str, Any]) -> int:
        """Drop the events that the log has already; return how many."""
        ids = document["client_ids"]
        known: set[str] = set()
        try:
            found = self._collection.find({"client_ids": {"$in": ids}}, {"client_ids": 1})
            async for entry in found:
                known.update(entry["client_ids"])
        except PyMongoError as error:
            raise LogUnavailable from error
        events = [event for event in document["events"] if event["id"] not in known]
        document["events"] = events
        document["client_ids"] = [event["id"] for event in events]
        document["size"] = len(events)
        return len(ids) - len(events)


def _entries(delivery: Delivery, source: str) -> Iterator[dict[str, Any]]:
    """Return the delivery as documents of the log, more than one only if it is very large."""
    events, seen = [], set()
    for event in delivery.events:
        if event["id"] not in seen:
            seen.add(event["id"])
            events.append(event)
    parts = list(_parts(delivery.apply)) or [([], 0)]
    for number, (blocks, count) in enumerate(parts):
        last = number == len(parts) - 1
        document: dict[str, Any] = {
            "source": source,
            "received": int(time() * 1000),
            "size": count + (len(events) if last else 0),
            "applied": blocks,
        }
        if not number:
            document["rolled_back"] = [
                {"height": b.height, "hash": b.hash} for b in delivery.rollback
            ]
            document["refused"] = dict(delivery.refused)
        if last and events:
            document["events"] = events
            document["client_ids"] = [event["id"] for event in events]
        if not last:
            document["partial"] = True
        yield document


def _parts(blocks: Sequence[Block]) -> Iterator[tuple[list[Any], int]]:
    """Split blocks into lists of at most ENTRY_EVENTS events; a block may be split too."""
    part: list[dict[str, Any]] = []
    count = 0
    for block in blocks:
        rest: list[Event] = list(block.events)
        while True:
            taken, rest = rest[: ENTRY_EVENTS - count], rest[ENTRY_EVENTS - count :]
            part.append(
                {
                    "height": block.height,
                    "hash": block.hash,
                    "parent": block.parent,
                    "at": block.at,
                    "events": taken,
                }
            )
            count += len(taken)
            if count >= ENTRY_EVENTS:
                yield part, count
                part, count = [], 0
            if not rest:
                break
    if part:
        yield part, count
