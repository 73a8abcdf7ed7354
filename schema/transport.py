"""What the HTTP, SSE and websocket transports of GraphQL have in common."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, cast

import orjson
from starlette.requests import HTTPConnection
from strawberry.http.websocket_origin import is_same_origin, normalize_origin
from strawberry.schema.base import BaseSchema
from strawberry.types import ExecutionResult

from schema.errors import is_request_error, present
from schema.limits import Limits
from schema.serving import STALL_SECONDS
from services.errors import AnalyticsError

ContextFactory = Callable[[HTTPConnection, Mapping[str, object]], Awaitable[object]]
"""Makes the context of an operation's resolvers, once a request and once a websocket.

The mapping is the payload of `connection_init`, where browsers put the headers that they cannot
set on a websocket; it is empty for HTTP. Raises `AnalyticsError` to turn the client away, with
the code UNAUTHENTICATED or FORBIDDEN where that is the reason.
"""


CANCEL_AGAIN_SECONDS = 0.05


class MalformedError(Exception):
    """A request that is not what GraphQL asks for; its message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Operation:
    """The parameters of one operation, as a client sends them."""

    query: str
    variables: dict[str, Any] | None
    name: str | None
    extensions: dict[str, Any] | None

    @classmethod
    def of(cls, parameters: object) -> Self:
        """Check parsed JSON. Raises `MalformedError`."""
        if not isinstance(parameters, dict):
            raise MalformedError("The request must be a JSON object with a `query`.")
        query = parameters.get("query")
        if not isinstance(query, str) or not query:
            raise MalformedError("`query` must be a string with a GraphQL document.")
        return cls(
            query,
            cast("dict[str, Any] | None", _optional(parameters, "variables", dict)),
            cast("str | None", _optional(parameters, "operationName", str)),
            cast("dict[str, Any] | None", _optional(parameters, "extensions", dict)),
        )


def _optional(parameters: Mapping[str, object], name: str, kind: type) -> object:
    value = parameters.get(name)
    if value is not None and not isinstance(value, kind):
        wanted = "an object" if kind is dict else "a string"
        raise MalformedError(f"`{name}` must be {wanted} or null.")
    return value


async def end(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks until they have ended, even if this is cancelled itself meanwhile.

    Once is not enough: a library that catches a cancellation, or loses it in a race, lets the task
    go on, and a subscription would wait for the next commit.
    """
    running, interruption = {task for task in tasks if not task.done()}, None
    while running:
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)
        except asyncio.CancelledError as cancelled:
            interruption = cancelled
        running = {task for task in running if not task.done()}
    if interruption is not None:
        raise interruption


@dataclass(slots=True)
class Connections:
    """Counts the connections that stay open, and refuses those over a limit."""

    total: int = 2000
    per_client: int = 500
    """Connections from one address."""
    open: Counter[str] = field(default_factory=Counter)
    """Open connections by address."""

    @contextmanager
    def one(self, connection: HTTPConnection) -> Iterator[None]:
        """Hold a place; raises `AnalyticsError` when there is none."""
        client = connection.client.host if connection.client else ""
        self._check("connections", self.open.total(), self.total)
        self._check("connections from one client", self.open[client], self.per_client)
        self.open[client] += 1
        try:
            yield
        finally:
            self.open[client] -= 1
            if not self.open[client]:
                del self.open[client]

    @staticmethod
    def _check(limit: str, count: int, maximum: int) -> None:
        if count >= maximum:
            message = f"This server takes no more than {maximum} {limit}; try again later."
            raise AnalyticsError("TOO_MANY_CONNECTIONS", message, limit=limit, maximum=maximum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """What every transport needs to know."""

    schema: BaseSchema
    context: ContextFactory
    limits: Limits = field(default_factory=Limits)
    connections: Connections = field(default_factory=Connections)
    origins: frozenset[str] = frozenset()
    """Origins, beside the service's own, whose pages may open websockets."""
    stall_seconds: float = STALL_SECONDS
    init_seconds: float = 10.0
    """Time that a websocket client may take to introduce itself."""
    heartbeat_seconds: float = 15.0
    """Time between comments on a silent event stream, for proxies that close silent ones."""

    def answer(self, result: ExecutionResult) -> dict[str, object]:
        """Return the response to an operation, or one frame of it, ready for JSON.

        `data` is absent when the operation failed before anything was executed.
        """
        response: dict[str, object] = {}
        if not is_request_error(result.errors, result.data):
            response["data"] = result.data
        if result.errors:
            response["errors"] = self.errors(result)
        if result.extensions:
            response["extensions"] = result.extensions
        return response

    def errors(self, result: ExecutionResult) -> list[object]:
        """Return the errors of `result` as the client is told of them."""
        suggestions = self.limits.introspection
        return [present(error, suggestions=suggestions) for error in result.errors or ()]

    def allows_origin(self, connection: HTTPConnection) -> bool:
        """Return whether the page that asks, if it is a page that asks, may do so."""
        origin = connection.headers.get("origin")
        if origin is None or is_same_origin(origin, connection.headers.get("host")):
            return True
        return normalize_origin(origin) in self.origins


def encode(value: object) -> bytes:
    """Return `value` as JSON in UTF-8."""
    return orjson.dumps(value)
