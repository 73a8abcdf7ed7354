"""Operations over server-sent events: the "distinct connections" mode of graphql-sse.

One HTTP request is one operation: a `next` event for each result, a `complete` event at the end.
For clients behind proxies that let no websockets through.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult

from schema.transport import Transport, encode, end

MEDIA_TYPE = "text/event-stream"

_log = logging.getLogger(__name__)


class EventStream(Response):
    """Sends results until there are no more, or the client is gone or takes none for too long."""

    media_type = MEDIA_TYPE

    def __init__(self, transport: Transport, results: AsyncGenerator[Any, None]) -> None:
        # Not Response.__init__, as in StreamingResponse: there is no body to render.
        self.status_code = 200
        self.background = None
        self.init_headers({"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"})
        self._transport = transport
        self._results = results

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream; the results are closed in any case."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        tasks = {
            asyncio.ensure_future(self._stream(send)),
            asyncio.ensure_future(self._heartbeat(send)),
            asyncio.ensure_future(_gone(receive)),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(tasks)
            await asyncio.gather(*tasks, return_exceptions=True)
        try:
            for task in done:
                task.result()
        except TimeoutError:
            _log.info("Closed the event stream of %s, which took no more", scope.get("client"))

    async def _stream(self, send: Send) -> None:
        async with aclosing(self._results) as results:
            async for result in results:
                assert isinstance(result, ExecutionResult)  # noqa: S101 (incremental delivery is off)
                await self._send(send, b"event: next\ndata: %b\n\n" % self._encoded(result))
                # A stream that is never out of results must not keep the loop from all others.
                await asyncio.sleep(0)
        # Browsers drop an event without data.
        await self._send(send, b"event: complete\ndata: \n\n", more=False)

    def _encoded(self, result: ExecutionResult) -> bytes:
        return encode(self._transport.answer(result))

    async def _heartbeat(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._transport.heartbeat_seconds)
            await self._send(send, b":\n\n")

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self._transport.stall_seconds):
            await send({"type": "http.response.body", "body": body, "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
