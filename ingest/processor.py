"""The batch processor: commits what waits in the log, in batches, and tells of each commit."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from pymongo.errors import ConnectionFailure

from services.ledger import Ledger
from services.log import Log
from services.updates import Updates
from services.waits import Waits

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0
FLUSH_SECONDS = 1.0
"""How long a stop may go on committing: a Chainhook gives up after three seconds without us, and
what waits is safe in the log."""


class Processor:
    """Commits at `size` waiting events or after `timeout` seconds, whichever is first.

    Behind a backlog, batches have `backlog_size` events. After a crash it goes on where the last
    commit ended; several may run on one database, and each event is committed by one of them.
    Whatever a commit raises, it is logged and tried again, ever more slowly.
    """

    def __init__(
        self,
        log: Log,
        ledger: Ledger,
        updates: Updates,
        *,
        size: int,
        timeout: float,
        backlog_size: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives the seconds since 1970 by which entries of the log are dated."""
        self._waits = Waits(clock)
        self._log = log
        self._ledger = ledger
        self._updates = updates
        self._size = size
        self._timeout = timeout
        self._backlog_size = backlog_size
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = None
        """That the last try to commit failed, in one sentence; None once a try has succeeded."""

    def start(self) -> None:
        """Begin to commit."""
        self._task = asyncio.create_task(self._run(), name="processor")

    async def stop(self) -> None:
        """Commit what waits, for `FLUSH_SECONDS` at most, then end. The rest waits in the log."""
        if self._task is None:
            return
        self._stopping.set()
        self._log.arrived.set()
        _, unfinished = await asyncio.wait({self._task}, timeout=FLUSH_SECONDS)
        if unfinished:
            logger.warning(
                "Not all could be committed; the rest waits in the log for the next start"
            )
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=FLUSH_SECONDS)

    async def _run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            try:
                await self._turn()
                pause = 0.0
            except Exception as error:  # noqa: BLE001  # no error may end the commits
                pause = min(max(2 * pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
                self._note(error, f"they are tried again in {pause:g} s")
                await _set_or_late(self._stopping, pause)
        try:
            while await self._commit(self._backlog_size):
                pass
        except Exception as error:  # noqa: BLE001  # it is noted
            self._note(error, "what waits in the log is left for the next start")

    async def _turn(self) -> None:
        """Commit if enough waits or waits for long enough, else wait for more."""
        self._log.arrived.clear()
        waiting, since = await self._ledger.waiting()
        age = self._waits.age(since)
        if since is None:
            self.trouble = None
        # What failed is tried again without waiting for more.
        if since is None or (waiting < self._size and age < self._timeout and not self.trouble):
            await _set_or_late(self._log.arrived, self._timeout - age)
        else:
            # A commit of half a backlog costs nearly as much as one of the whole.
            await self._commit(self._size if waiting <= 2 * self._size else self._backlog_size)

    async def _commit(self, limit: int) -> bool:
        committed = await self._ledger.commit(limit)
        if committed is not None:
            await self._updates.publish(committed.position)
        self.trouble = None
        return committed is not None

    def _note(self, error: Exception, then: str) -> None:
        """Tell of a failure in `trouble` and the log, there with its traceback if unexpected."""
        self.trouble = f"Commits fail with {type(error).__name__}, the log tells why; {then}."
        if isinstance(error, ConnectionFailure):
            logger.warning("Commits fail, %s: %s", then, error)
        else:
            logger.error("Commits fail, %s", then, exc_info=error)


async def _set_or_late(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but not for longer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
