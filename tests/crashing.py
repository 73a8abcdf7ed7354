"""`passportx`, but it kills itself at a point that the environment names. Only tests run it.

The points are the commands that the driver sends and the answers that it gets, as it tells of them
itself (`pymongo.monitoring`). So the service knows nothing of them, pays nothing for them, and
cannot be made to crash by any setting.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any

import uvicorn
from pymongo import monitoring

import cli
from app import Service, access, application
from database import opened
from ingest.processor import Processor
from schema.serving import SERVER_OPTIONS, listen
from services.ledger import Ledger
from settings import Settings, load_settings


class Point(StrEnum):
    """Where it crashes."""

    STORED = "a delivery is durable, and not answered"
    WITHIN = "the head has moved, and the projections have not"
    COMMITTED = "a batch is committed, and nobody is told"


class Crash(monitoring.CommandListener):
    """Ends this process at once, when it comes to a point for the nth time."""

    def __init__(self, point: Point, times: int) -> None:
        self._point = point
        self._times = times
        self._appending: set[int] = set()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Hear of a command that is about to be sent."""
        collection = str(event.command.get(event.command_name))
        if event.command_name == "insert" and collection == "log":
            self._appending.add(event.request_id)
        if event.command_name in ("insert", "update") and collection.startswith("events_"):
            self._come_to(Point.WITHIN)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Hear of a command that the database has carried out."""
        if event.request_id in self._appending:
            self._come_to(Point.STORED)
        if event.command_name == "commitTransaction":
            self._come_to(Point.COMMITTED)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Hear of a command that failed."""

    def _come_to(self, point: Point) -> None:
        self._times -= point is self._point
        if not self._times:
            os.kill(os.getpid(), signal.SIGKILL)


class Careless(Ledger):
    """A committer that writes one thing after the other, in no transaction."""

    async def _transact(self, write: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        await write(None)


async def serve_carelessly(settings: Settings) -> None:
    """Serve as `passportx serve` does, with a careless committer."""
    async with opened(settings) as database:
        service = Service(settings, database, access(settings, None))
        service.processor = Processor(
            service.log,
            Careless(database),
            service.updates,
            size=settings.batch_size,
            timeout=settings.batch_timeout_ms / 1000,
            backlog_size=settings.backlog_batch_size,
        )
        config = uvicorn.Config(application(settings, service), **SERVER_OPTIONS)
        await uvicorn.Server(config).serve([listen(settings.host, settings.port)])


if __name__ == "__main__":
    if "CRASH_AT" in os.environ:
        point, times = os.environ["CRASH_AT"].split("; ")
        monitoring.register(Crash(Point(point), int(times)))
    if "CARELESS" in os.environ:
        asyncio.run(serve_carelessly(load_settings()))
    else:
        cli.main()
