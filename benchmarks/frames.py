"""From the commit to the frame: a hundred subscribers who ask for a page each time."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.report import Report, percentile
from benchmarks.service import Service, service
from ingest.synthetic import Scale, bulk

SUBSCRIBERS = 100
COMMITS = 40
MOST_MS = 100.0
SELECTION = (
    "position committedAt reason families missed events{type count} "
    "metrics{totalBadgesIssued totalUsers totalCommunities averageBadgesPerUser engagementRate} "
    "issuance{totalBadgesIssued badgesIssuedToday dailyIssuance{start value isPartial} "
    "byCategory{key count percentage}}"
)


async def measure(report: Report) -> None:
    """Measure the time from a commit to each frame, and that of a bare broadcast of the bytes."""
    scale = Scale(users=2_000, templates=50, communities=20, issuers=10, days=90)
    bodies = list(bulk(20_000 + 60 * COMMITS, 60, now=time.time_ns() // 1_000_000, scale=scale))
    async with service() as running:
        await running.deliver(bodies[:-COMMITS])
        await running.committed()
        latencies, size = await _frames(running, bodies[-COMMITS:])
    bare = await _broadcast(size)
    report.title(f"Frames: {COMMITS} commits to {SUBSCRIBERS} subscribers, {size:,} bytes each")
    p50, p99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
    reference = f"a bare broadcast of the bytes: {percentile(bare, 0.99):.0f} ms"
    report.figure("commit to frame, p50", f"{p50:.0f} ms")
    report.figure("commit to frame, p99", f"{p99:.0f} ms", reference, holds=p99 < MOST_MS)


async def _frames(running: Service, bodies: list[bytes]) -> tuple[list[float], int]:
    latencies: list[float] = []
    sizes: list[int] = []
    url = f"{running.base}/graphql".replace("http", "ws", 1)
    sockets = [await _subscribed(url) for _ in range(SUBSCRIBERS)]
    arrived = asyncio.Condition()
    latest = [0] * SUBSCRIBERS

    async def listen(place: int, socket: ClientConnection) -> None:
        async for message in socket:
            now = time.time()
            payload = json.loads(message).get("payload")
            if not payload:
                continue
            update = payload["data"]["analyticsUpdated"]
            sizes.append(len(message))
            if update["reason"] in ("BATCH", "REORG"):
                committed = datetime.fromisoformat(update["committedAt"]).timestamp()
                latencies.append(1000 * (now - committed))
            async with arrived:
                latest[place] = update["position"]
                arrived.notify_all()

    listening = [asyncio.create_task(listen(*each)) for each in enumerate(sockets)]
    for body in bodies:
        await running.deliver([body])
        position = (await running.committed())["position"]
        async with arrived:
            await arrived.wait_for(lambda wanted=position: min(latest) >= wanted)  # type: ignore[misc]  # bound now
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    for socket in sockets:
        await socket.close()
    return latencies, max(sizes)


async def _subscribed(url: str) -> ClientConnection:
    socket = await connect(url, subprotocols=["graphql-transport-ws"], compression=None)  # type: ignore[list-item]  # a NewType of str
    await socket.send('{"type": "connection_init"}')
    await socket.recv()
    query = f"subscription {{analyticsUpdated {{{SELECTION}}}}}"
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
    return socket


async def _broadcast(size: int) -> list[float]:
    """Return how long a bare server takes to send so many bytes to as many clients."""
    there: set[ServerConnection] = set()
    latencies: list[float] = []

    async def hold(socket: ServerConnection) -> None:
        there.add(socket)
        await socket.wait_closed()

    async with _listening(hold) as url:
        sockets = [await connect(url, compression=None) for _ in range(SUBSCRIBERS)]
        while len(there) < SUBSCRIBERS:  # noqa: ASYNC110  # the handshakes of the other side
            await asyncio.sleep(0.01)
        for _ in range(COMMITS):
            begun = time.perf_counter()

            async def received(socket: ClientConnection, begun: float = begun) -> None:
                await socket.recv()
                latencies.append(1000 * (time.perf_counter() - begun))

            waiting = [asyncio.create_task(received(socket)) for socket in sockets]
            for socket in list(there):
                await socket.send("x" * size)
            await asyncio.gather(*waiting)
        for socket_ in sockets:
            await socket_.close()
    return latencies


@asynccontextmanager
async def _listening(handler) -> AsyncIterator[str]:  # type: ignore[no-untyped-def]  # noqa: ANN001  # as `serve` types it
    async with serve(handler, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"
