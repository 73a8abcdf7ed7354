"""The graphql-transport-ws protocol, strictly.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md says what each message and close
code means. A message that the protocol does not know ends the connection with 4400; an operation
that fails ends only itself, with an `error` message. An error of the server's own ends the
connection with 4500.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.types import ExecutionResult

from schema.errors import is_request_error
from schema.transport import MalformedError, Operation, Transport, encode, end
from services.errors import AnalyticsError
from services.jsontext import loads

PROTOCOL: Final = "graphql-transport-ws"

OPERATIONS_PER_CONNECTION: Final = 100
MAX_MESSAGE: Final = 64 * 1024
"""Bytes of a message of a client."""

_log = logging.getLogger(__name__)


class _Close(Exception):
    """Ends the connection with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        # A close frame has room for 123 bytes of reason.
        self.reason = reason.encode(errors="replace")[:120].decode(errors="ignore")


class _StalledError(Exception):
    """The client makes no room for the next message."""


class WebSocketEndpoint:
    """The ASGI application that answers websockets."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until either side ends it."""
        socket = WebSocket(scope, receive, send)
        if not self._transport.allows_origin(socket):
            origin = socket.headers.get("origin")
            _log.warning(
                "Refused a websocket to a page on %r, an origin that is not listed", origin
            )
            await socket.send_denial_response(Response(status_code=403))
            return
        try:
            with self._transport.connections.one(socket):
                await self._serve(socket)
        except AnalyticsError as error:
            _log.warning("Refused a websocket: %s", error.message)
            await socket.send_denial_response(Response(error.message, status_code=429))

    async def _serve(self, socket: WebSocket) -> None:
        if PROTOCOL not in socket["subprotocols"]:
            await socket.accept()
            await socket.close(4406, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        try:
            await _Connection(self._transport, socket).run()
        except _Close as closing:
            await self._close(socket, closing)
        except WebSocketDisconnect:
            pass
        except _StalledError:
            _log.info("Closed the websocket of %s, which took no more", socket.client)
        except Exception:  # noqa: BLE001  # the client is told that there is one, the log which
            _log.exception("A websocket of %s failed", socket.client)
            await self._close(socket, _Close(4500, "Internal server error"))

    async def _close(self, socket: WebSocket, closing: _Close) -> None:
        try:
            async with asyncio.timeout(self._transport.stall_seconds):
                await socket.close(closing.code, closing.reason)
        except (RuntimeError, WebSocketDisconnect):
            _log.debug("The client of %s was gone before it could be told why", socket.client)
        except TimeoutError:
            _log.info("Closed the websocket of %s, which took no more", socket.client)


class _Connection:
    """One client: its introduction, and the operations that it has running."""

    def __init__(self, transport: Transport, socket: WebSocket) -> None:
        self._transport = transport
        self._socket = socket
        self._context: object = None
        self._introduced = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """All that runs for the client, completed operations that have yet to end among it."""
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails with the first error of any task, which is how the connection ends."""

    async def run(self) -> None:
        """Serve until either side ends the connection; raises how it ended.

        Not a `TaskGroup`, which waits in vain for a task that loses its one cancellation, and
        forgets the error of its body when a task fails after it.
        """
        self._start(self._listen())
        try:
            await self._over
        finally:
            while self._tasks:
                await end(self._tasks)
                # The callbacks of what has ended are yet to run.
                await asyncio.sleep(0)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._has_ended)
        return task

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._over.done():
            self._over.set_exception(error)

    async def _listen(self) -> None:
        await self._introduction()
        while not self._over.done():
            await self._handle(await self._receive())

    async def _introduction(self) -> None:
        try:
            async with asyncio.timeout(self._transport.init_seconds):
                while not self._introduced:
                    await self._handle_stranger(await self._receive())
        except TimeoutError:
            raise _Close(4408, "Connection initialisation timeout") from None

    async def _receive(self) -> dict[str, object]:
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1005))
        text = event.get("text")
        if text is None:
            raise _Close(4400, "Messages must be text")
        try:
            message = loads(text)
        except ValueError:
            raise _Close(4400, "Messages must be JSON") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _Close(4400, "Messages must be JSON objects with a `type`")
        return message

    async def _handle_stranger(self, message: dict[str, object]) -> None:
        match message["type"]:
            case "connection_init":
                await self._introduce(_payload(message))
            case "subscribe":
                raise _Close(4401, "Unauthorized")
            case _:
                await self._handle_aside(message)

    async def _introduce(self, payload: Mapping[str, object]) -> None:
        try:
            self._context = await self._transport.context(self._socket, payload)
        except AnalyticsError as error:
            raise _Close(4403, f"Forbidden: {error.message}") from error
        self._introduced = True
        await self._send({"type": "connection_ack"})

    async def _handle(self, message: dict[str, object]) -> None:
        match message["type"]:
            case "connection_init":
                raise _Close(4429, "Too many initialisation requests")
            case "subscribe":
                await self._subscribe(message)
            case _:
                await self._handle_aside(message)

    async def _handle_aside(self, message: dict[str, object]) -> None:
        match message["type"]:
            case "ping":
                _payload(message)
                await self._send({"type": "pong"})
            case "pong":
                _payload(message)
            case "complete":
                if operation := self._operations.pop(_id(message), None):
                    # The client need not wait, and its next message neither.
                    self._start(end([operation]))
            case unknown:
                raise _Close(4400, f"Unknown message type {unknown}")

    async def _subscribe(self, message: dict[str, object]) -> None:
        name = _id(message)
        try:
            operation = Operation.of(message.get("payload"))
        except MalformedError as error:
            raise _Close(4400, f"Invalid payload: {error}") from error
        if name in self._operations:
            raise _Close(4409, f"Subscriber for {name} already exists")
        if len(self._operations) >= OPERATIONS_PER_CONNECTION:
            await self._refuse(name)
            return
        self._operations[name] = self._start(self._run(name, operation))

    async def _refuse(self, name: str) -> None:
        message = f"A connection may run no more than {OPERATIONS_PER_CONNECTION} operations."
        extensions = {
            "code": "LIMIT_EXCEEDED",
            "limit": "operations",
            "maximum": OPERATIONS_PER_CONNECTION,
        }
        error = {"message": message, "extensions": extensions}
        await self._send({"id": name, "type": "error", "payload": [error]})

    async def _run(self, name: str, operation: Operation) -> None:
        last: dict[str, object] = {"id": name, "type": "complete"}
        results = await self._transport.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=self._context,
            operation_name=operation.name,
            operation_extensions=operation.extensions,
        )
        async with aclosing(results):
            async for result in results:
                if self._operations.get(name) is not asyncio.current_task():
                    return  # the client has completed it
                assert isinstance(result, ExecutionResult)  # noqa: S101 (incremental delivery is off)
                if is_request_error(result.errors, result.data):
                    errors = self._transport.errors(result)
                    last = {"id": name, "type": "error", "payload": errors}
                    break
                answer = self._transport.answer(result)
                await self._send({"id": name, "type": "next", "payload": answer})
                # A stream that is never out of results must not keep the loop from all others.
                await asyncio.sleep(0)
        # The client may use the id again as soon as it has the last message.
        if self._operations.get(name) is asyncio.current_task():
            del self._operations[name]
            await self._send(last)

    async def _send(self, message: dict[str, object]) -> None:
        try:
            async with asyncio.timeout(self._transport.stall_seconds):
                await self._socket.send(
                    {"type": "websocket.send", "text": encode(message).decode()}
                )
        except TimeoutError:
            raise _StalledError from None


def _id(message: Mapping[str, object]) -> str:
    value = message.get("id")
    if not isinstance(value, str) or not value:
        raise _Close(4400, "`id` must be a string that is not empty")
    return value


def _payload(message: Mapping[str, object]) -> Mapping[str, object]:
    value = message.get("payload")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Close(4400, "`payload` must be an object or null")
    return value
