"""Committing: log entries become records, facts and counters, in one transaction a batch.

A batch is worked out in memory from what is stored at the current position, then written at once.
The transaction moves the head from position n to n + 1 or fails, so of two committers only one
succeeds, and what it read cannot have changed under it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic, time
from typing import Any

from pymongo import ReplaceOne

from documents.log import Commit, Head, LogEntry, QuarantinedEntry
from documents.projection import Collection, Database, Projection
from services import quarantine
from services.batch import Batch
from services.cells import Operation
from services.log import waiting
from services.workspace import Workspace

logger = logging.getLogger(__name__)

RETRYING_SECONDS = 5.0
"""How long a transaction may be tried again before that is an outage: another committer, or one
that was killed and whose locks are held for some seconds, makes it fail in the normal course."""
MAX_REASON = 1000
"""Characters of an error that the quarantine keeps."""
LIVE, REBUILT = "head", "rebuild"
"""The `_id` of the head that answers, and of the one that a rebuild moves."""


class Fenced(Exception):
    """Another committer has taken the position; read the head again."""


@dataclass(frozen=True, kw_only=True)
class Committed:
    """A committed batch, as the updates announce it."""

    position: int
    events: int
    """Events that the batch contained, redelivered ones included."""
    reason: str
    """`BATCH`, `REORG` if it undid something, or what `record` was given."""


class Ledger:
    """The committer of one generation of projections."""

    def __init__(self, database: Database, *, head: str = LIVE) -> None:
        self._database = database
        self._log = database[LogEntry.Settings.name]
        self._heads = database[Head.Settings.name]
        self._commits = database[Commit.Settings.name]
        self._head_id = head
        self._turn = asyncio.Lock()
        self._head: Head | None = None
        self._workspace: Workspace | None = None
        self._suspects = 0
        """The last entry of a batch that failed: up to it, entries are committed one by one."""
        self._failures = 0
        """How often the next entry has failed by itself."""
        self._set_aside_in_a_row = 0
        self.is_retrying = False
        """Whether the transaction under way has failed for `RETRYING_SECONDS` and begun anew, which
        may go on for minutes before `commit` raises."""

    async def waiting(self) -> tuple[int, int | None]:
        """Return how many events wait in the log, and since when (ms since 1970)."""
        async with self._turn:
            head = await self._current()
        found = await waiting(self._log, head.sequence)
        return found.events, found.since

    async def commit(self, limit: int) -> Committed | None:
        """Commit the next entries of the log, up to the one that reaches `limit` events.

        Return None if nothing waits. Raises `PyMongoError` if the database is away, and whatever
        an entry fails with: nothing is committed then, or everything; call again. An entry that
        fails by itself again and again is set aside, see `services.quarantine`.
        """
        async with self._turn, self._forgetting():
            while True:
                try:
                    return await self._commit(limit)
                except Fenced:
                    self._head = None

    async def record(
        self, reason: str, writes: Sequence[tuple[Collection, list[Operation]]]
    ) -> Committed:
        """Write to collections that are kept, as a commit of its own that contains no events.

        Raises `PyMongoError` if the database is away.
        """
        async with self._turn, self._forgetting():
            while True:
                head = await self._current()
                moved = head.model_copy(update={"position": head.position + 1})
                commit = {
                    "_id": moved.position,
                    "at": int(time() * 1000),
                    "reason": reason,
                    "families": [],
                    "counts": {},
                    "undone": 0,
                    "since": None,
                    "first_sequence": head.sequence + 1,
                    "last_sequence": head.sequence,
                }
                try:
                    await self._write(head.position, moved, commit, writes)
                except Fenced:
                    self._head = None
                    continue
                self._head = moved
                return Committed(position=moved.position, events=0, reason=reason)

    @asynccontextmanager
    async def _forgetting(self) -> AsyncIterator[None]:
        """Forget the head on an error: what is in memory may be ahead of what is stored."""
        try:
            yield
        except BaseException:
            self._head = None
            raise

    async def _commit(self, limit: int) -> Committed | None:
        head = await self._current()
        is_suspect = head.sequence < self._suspects
        entries = await self._next_entries(head.sequence, 0 if is_suspect else limit)
        if not entries:
            return None
        try:
            committed = await self._commit_entries(head, entries)
        except Fenced:
            raise
        except Exception as error:
            if not quarantine.is_of_the_entry(error):
                raise
            is_alone = len(entries) == 1 or is_suspect
            self._suspects = max(self._suspects, entries[-1]["_id"])
            self._failures += is_alone
            if self._failures < quarantine.TRIES:
                raise
            if self._set_aside_in_a_row >= quarantine.IN_A_ROW:
                logger.error(  # noqa: TRY400  # the error is raised, and logged by who calls
                    "%d entries in a row were set aside, so none follows: what fails is not the "
                    "entries",
                    self._set_aside_in_a_row,
                )
                raise
            return await self._set_aside(head, entries, error)
        self._failures = self._set_aside_in_a_row = 0
        return committed

    async def _set_aside(
        self, head: Head, entries: list[dict[str, Any]], error: Exception
    ) -> Committed:
        """Pass over entries that cannot be committed, and note them in the quarantine."""
        numbers = [entry["_id"] for entry in entries]
        logger.error(
            "Entry %s of the log cannot be committed and is set aside; `passportx quarantine list` "
            "shows it",
            ", ".join(map(str, numbers)),
            exc_info=error,
        )
        now = int(time() * 1000)
        notes: list[Operation] = [
            ReplaceOne(
                {"_id": entry["_id"]},
                {
                    "_id": entry["_id"],
                    "state": quarantine.SET_ASIDE,
                    "reason": f"{type(error).__name__}: {error}"[:MAX_REASON],
                    "at": now,
                    "events": entry.get("size", 0),
                },
                upsert=True,
            )
            for entry in entries
        ]
        self._head = None  # what is in memory may be in parts what the entry would have done
        head = await self._current()
        moved = head.model_copy(
            update={"position": head.position + 1, "sequence": numbers[-1], "committed": now}
        )
        commit = {
            "_id": moved.position,
            "at": now,
            "reason": "BATCH",
            "families": [],
            "counts": {},
            "undone": 0,
            "since": None,
            "first_sequence": numbers[0],
            "last_sequence": numbers[-1],
        }
        notebook = self._database[QuarantinedEntry.Settings.name]
        await self._write(head.position, moved, commit, [(notebook, notes)])
        self._head = moved
        self._failures = 0
        self._set_aside_in_a_row += 1
        return Committed(position=moved.position, events=0, reason="BATCH")

    async def _commit_entries(self, head: Head, entries: list[dict[str, Any]]) -> Committed:
        assert self._workspace is not None  # noqa: S101  # opened with the head
        batch = Batch(self._workspace)
        try:
            await batch.work_out([entry for entry in entries if "passed_over" not in entry])
        except Exception:
            # What another process commits meanwhile is read in part, and may contradict the rest.
            await self._fence(head.position)
            raise
        reach = await batch.reach(head.earliest, head.latest)
        moved = self._moved(head, batch, entries, self._workspace, reach)
        commit = self._record(head, moved, batch, entries)
        # The rows of a rebuild must not pass for those of a later position of the first head.
        changed = moved.position if self._head_id == LIVE else -moved.position
        operations = [*batch.operations(), *self._workspace.operations(changed)]
        await self._write(head.position, moved, commit, operations)
        self._workspace.settle()
        self._head = moved
        return Committed(position=moved.position, events=batch.contained, reason=commit["reason"])

    async def _fence(self, position: int) -> None:
        """Raise `Fenced` if another process has moved the head from a position."""
        if await self._heads.find_one({"_id": self._head_id, "position": position}) is None:
            logger.info("Another process committed position %d", position + 1)
            raise Fenced

    async def _current(self) -> Head:
        if self._head is None:
            document = await self._heads.find_one({"_id": self._head_id})
            self._head = Head.model_validate(document)
            projection = Projection(self._database, self._head.generation)
            self._workspace = await Workspace(projection, self._head).open()
        return self._head

    async def _next_entries(self, after: int, limit: int) -> list[dict[str, Any]]:
        """Return the next entries; of those in quarantine, as a rebuild meets them, the number."""
        entries: list[dict[str, Any]] = []
        events = 0
        set_aside = await quarantine.sequences(self._database)
        cursor = self._log.find({"_id": {"$gt": after}}, sort=[("_id", 1)], batch_size=200)
        async for entry in cursor:
            if entry["_id"] in set_aside:
                entries.append(
                    {"_id": entry["_id"], "received": entry["received"], "passed_over": True}
                )
                continue
            entries.append(entry)
            # An entry without events costs something too: a long run of them is cut as well.
            events += entry.get("size", 0) + 1
            if events > limit and not entry.get("partial"):
                break
        await cursor.close()
        return entries

    def _moved(
        self,
        head: Head,
        batch: Batch,
        entries: list[dict[str, Any]],
        workspace: Workspace,
        reach: tuple[int | None, int | None],
    ) -> Head:
        refused = Counter(head.refused) + Counter(batch.refused)
        for entry in entries:
            refused.update(entry.get("refused", {}))
        moved: Head = head.model_copy(
            update={
                "position": head.position + 1,
                "sequence": entries[-1]["_id"],
                "committed": int(time() * 1000),
                **workspace.head(),
                "processed": head.processed + batch.contained,
                "earliest": reach[0],
                "latest": reach[1],
                "delivered": entries[-1]["received"],
                "refused": dict(refused),
            }
        )
        return moved

    def _record(
        self, head: Head, moved: Head, batch: Batch, entries: list[dict[str, Any]]
    ) -> dict[str, Any]:
        return {
            "_id": moved.position,
            "at": moved.committed,
            "reason": "REORG" if batch.reorganised else "BATCH",
            "families": batch.tally.families,
            "counts": batch.counts,
            "undone": batch.undone,
            "since": batch.tally.since,
            "first_sequence": head.sequence + 1,
            "last_sequence": entries[-1]["_id"],
        }

    async def _write(
        self,
        position: int,
        moved: Head,
        commit: dict[str, Any],
        writes: Sequence[tuple[Collection, list[Operation]]],
    ) -> None:
        async def transaction(session: Any) -> None:  # noqa: ANN401  # Motor's session is not typed
            # The head comes first, so that a committer that has lost learns it at once.
            result = await self._heads.update_one(
                {"_id": self._head_id, "position": position},
                {"$set": moved.model_dump(exclude={"id"})},
                session=session,
            )
            if result.matched_count != 1:
                logger.info("Another process committed position %d", position + 1)
                raise Fenced
            if self._head_id == LIVE:
                await self._commits.insert_one(commit, session=session)
            for collection, operations in writes:
                if operations:
                    await collection.bulk_write(operations, ordered=False, session=session)

        await self._transact(transaction)

    async def _transact(self, write: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        """Do all that `write` does with the session that it is given, or nothing of it."""
        began = monotonic()

        async def watched(session: Any) -> None:  # noqa: ANN401  # Motor's session is not typed
            self.is_retrying = monotonic() - began > RETRYING_SECONDS
            await write(session)

        try:
            async with await self._database.client.start_session() as session:
                await session.with_transaction(watched)
        finally:
            self.is_retrying = False
