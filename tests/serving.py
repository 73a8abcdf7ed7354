"""Serves an application on a real socket, in the loop of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from schema.serving import SERVER_OPTIONS, STALL_SECONDS, listen


@asynccontextmanager
async def serve(
    app: ASGIApp, *, stall_seconds: float = STALL_SECONDS, **options: object
) -> AsyncIterator[str]:
    """Serve `app` on a free port of 127.0.0.1 and yield its base URL, without a slash at the end.

    `options` go to `uvicorn.Config`, over those of production. The lifespan of `app` runs.
    """
    merged: dict[str, Any] = {**SERVER_OPTIONS, **options}
    config = uvicorn.Config(app, **merged)
    server = _Server(config)
    with listen("127.0.0.1", 0, stall_seconds) as listening:
        serving = asyncio.create_task(server.run_on(listening))
        started = asyncio.create_task(server.listening.wait())
        try:
            await asyncio.wait({serving, started}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
            host, port = listening.getsockname()
            yield f"http://{host}:{port}"
        finally:
            started.cancel()
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def run_on(self, listening: socket.socket) -> None:
        try:
            await self.serve([listening])
        except SystemExit as leaving:
            # It would end the test run, without a word about which test.
            raise RuntimeError("the application did not start; the log says why") from leaving

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.listening.set()
