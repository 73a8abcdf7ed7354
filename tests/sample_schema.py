"""A small schema with everything that the transports have to carry, and an app that serves it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import strawberry
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from schema.errors import Schema
from schema.http import graphql_routes
from schema.limits import Limits, guard
from schema.transport import Connections, Transport
from services.errors import AnalyticsError
from tests.serving import serve

SECRET = "a secret that the resolver knows"  # noqa: S105 (stands for one)


@dataclass
class Context:
    """What the resolvers of the sample see, shared by all requests of one server."""

    never: asyncio.Event = field(default_factory=asyncio.Event)
    subscribed: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """A word for each subscription that began."""
    ended: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """A word for each subscription that ended, however."""
    flooded: int = 0
    """Frames of floods that were asked for."""


Info = strawberry.Info[Context, None]


@strawberry.input
class Point:
    longitude: int
    latitude: int = 0


@strawberry.type
class Node:
    @strawberry.field
    def name(self) -> str:
        return "a node"

    @strawberry.field
    def child(self) -> "Node":
        return Node()


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello, {name}"

    @strawberry.field
    def node(self) -> Node:
        return Node()

    @strawberry.field
    def where(self, point: Point) -> int:
        return point.longitude

    @strawberry.field
    def crash(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    def too_big(self) -> int | None:
        return 2**40

    @strawberry.field
    def refuse(self) -> str | None:
        raise AnalyticsError("RANGE_TOO_LONG", "At most 400 days.", limit="days", maximum=400)

    @strawberry.field
    async def forever(self, info: Info) -> str:
        await info.context.never.wait()
        return "never"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def double(self, number: int) -> int:
        return 2 * number


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncIterator[int]:
        for number in range(1, to + 1):
            yield number

    @strawberry.subscription
    async def crash_after(self, frames: int) -> AsyncIterator[int]:
        for number in range(frames):
            yield number
        raise RuntimeError(SECRET)

    @strawberry.subscription
    async def refuse(self) -> AsyncIterator[int]:
        for number in range(0):
            yield number
        raise AnalyticsError("FAMILY_UNKNOWN", "There is no such family.")

    @strawberry.subscription
    async def silence(self, info: Info, word: str = "") -> AsyncIterator[int]:
        info.context.subscribed.put_nowait(word)
        try:
            await info.context.never.wait()
            yield 0
        finally:
            info.context.ended.put_nowait(word)

    @strawberry.subscription
    async def stubborn(self, info: Info, losses: int) -> AsyncIterator[int]:
        """Stands for a library that loses so many cancellations."""
        info.context.subscribed.put_nowait("stubborn")
        try:
            for _ in range(losses):
                with suppress(asyncio.CancelledError):
                    await info.context.never.wait()
            await info.context.never.wait()
            yield 0
        finally:
            info.context.ended.put_nowait("stubborn")

    @strawberry.subscription
    async def unspeakable(self, info: Info, *, when_cancelled: bool = False) -> AsyncIterator[str]:
        """A string that JSON in UTF-8 has no way to say, at once or when it is cancelled."""
        if when_cancelled:
            info.context.subscribed.put_nowait("unspeakable")
            with suppress(asyncio.CancelledError):
                await info.context.never.wait()
        yield "\ud800"

    @strawberry.subscription
    async def flood(self, info: Info) -> AsyncIterator[str]:
        try:
            while True:
                info.context.flooded += 1
                yield "x" * 100_000
        finally:
            info.context.ended.put_nowait("flood")


@dataclass
class Watched(Connections):
    """Tells of each place that it got back."""

    given_back: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    @contextmanager
    def one(self, connection: HTTPConnection) -> Iterator[None]:
        with super().one(connection):
            yield
        self.given_back.put_nowait(None)


@dataclass
class Sample:
    """A running server of the sample schema."""

    base: str
    context: Context
    transport: Transport

    @property
    def url(self) -> str:
        return f"{self.base}/graphql"

    @property
    def websocket(self) -> str:
        return self.url.replace("http", "ws", 1)


@asynccontextmanager
async def sample(
    limits: Limits | None = None,
    *,
    dist: Path = Path("not built"),
    stall_seconds: float = 20,
    kernel_seconds: float | None = None,
    server: Mapping[str, object] | None = None,
    **transport_options: object,
) -> AsyncIterator[Sample]:
    """Serve the sample schema; see `Transport` and `uvicorn.Config` for the options.

    `kernel_seconds` is how long the kernel waits for a stalled client, if not `stall_seconds`.
    """
    limits = limits or Limits()
    context = Context()

    async def context_of(connection: HTTPConnection, introduction: Mapping[str, object]) -> Context:
        name = connection.headers.get("x-name") or introduction.get("name")
        if name == "stranger":
            raise AnalyticsError("UNAUTHENTICATED", "Nobody knows you here.")
        return context

    schema = Schema(Query, Mutation, Subscription, extensions=[guard(limits)])
    transport = Transport(
        schema=schema,
        context=context_of,
        limits=limits,
        stall_seconds=stall_seconds,
        **transport_options,  # type: ignore[arg-type]  # a test names what it changes
    )
    app = Starlette(routes=graphql_routes(transport, dist=dist))
    kernel_seconds = stall_seconds if kernel_seconds is None else kernel_seconds
    async with serve(app, stall_seconds=kernel_seconds, **(server or {})) as base:
        yield Sample(base, context, transport)
