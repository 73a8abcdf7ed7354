"""The batch processor: commits what waits in the log, in batches, and tells of each commit."""

import asyncio
import logging
import time

from pymongo.errors import PyMongoError

from services.ledger import Ledger
from services.log import Log
from services.updates import Updates

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5


class Processor:
    """Commits at `size` waiting events or after `timeout` seconds, whichever is first.

    Behind a backlog, batches have `backlog_size` events. After a crash it goes on where the last
    commit ended; several may run on one database, and each event is committed by one of them.
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
    ) -> None:
        self._log = log
        self._ledger = ledger
        self._updates = updates
        self._size = size
        self._timeout = timeout
        self._backlog_size = backlog_size
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._task = asyncio.create_task(self._run(), name="processor")

    async def stop(self) -> None:
        """Commit what waits, then end. What cannot be committed now waits in the log."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            while await self._commit(self._backlog_size):
                pass
        except PyMongoError as error:
            logger.warning("What waits is left for the next start: %s", error)

    async def _run(self) -> None:
        while True:
            try:
                await self._turn()
            except PyMongoError as error:
                logger.warning("The batch was not committed, trying again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _turn(self) -> None:
        """Commit if enough waits or waits for long enough, else wait for more."""
        self._log.arrived.clear()
        waiting, since = await self._ledger.waiting()
        age = time.time() - since / 1000 if since is not None else 0.0
        if since is None or (waiting < self._size and age < self._timeout):
            pause = self._timeout - age if since is not None else self._timeout
            try:
                await asyncio.wait_for(self._log.arrived.wait(), max(0.01, pause))
            except TimeoutError:
                return
            return
        # A commit of half a backlog costs nearly as much as one of the whole.
        await self._commit(self._size if waiting <= 2 * self._size else self._backlog_size)

    async def _commit(self, limit: int) -> bool:
        committed = await asyncio.shield(self._ledger.commit(limit))
        if committed is not None:
            await self._updates.publish(committed.position)
        return committed is not None
