"""A real service in a process of its own, on an embedded database in a directory of its own."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

TOKEN = "benchmark"  # noqa: S105  # nothing is behind it
HOOKS = 8
"""Deliveries under way at once."""


class Service:
    """A running service, and a client of it."""

    def __init__(self, client: httpx.AsyncClient, process: psutil.Process, data_dir: Path) -> None:
        self.client = client
        self.process = process
        self.data_dir = data_dir

    @property
    def base(self) -> str:
        """Where it listens."""
        return str(self.client.base_url).rstrip("/")

    @property
    def mongodb_url(self) -> str:
        """Its database."""
        port = (self.data_dir / "port").read_text().strip()
        return f"mongodb://127.0.0.1:{port}/?replicaSet=passportx"

    async def deliver(self, bodies: Iterable[bytes]) -> None:
        """Post deliveries, some at once, each until it is accepted."""
        waiting = iter(bodies)

        async def hook() -> None:
            for body in waiting:
                answer = await self.client.post("/webhooks/chainhook", content=body)
                answer.raise_for_status()

        await asyncio.gather(*(hook() for _ in range(HOOKS)))

    async def committed(self) -> dict[str, Any]:
        """Wait until nothing waits; return the status."""
        while True:
            status: dict[str, Any] = (
                await self.ask("{status{eventsProcessed eventsWaiting position}}")
            )["status"]
            if not status["eventsWaiting"]:
                return status
            await asyncio.sleep(0.1)

    async def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Return the data of a query."""
        answer = await self.client.post("/graphql", json={"query": query, "variables": variables})
        response: dict[str, Any] = answer.json()
        if "errors" in response:
            raise RuntimeError(response["errors"])
        data: dict[str, Any] = response["data"]
        return data

    def memory(self) -> float:
        """Return the resident memory of the service's own process, in MB."""
        return float(self.process.memory_info().rss) / 1e6


@asynccontextmanager
async def service(port: int = 18_123) -> AsyncIterator[Service]:
    """Run a service on an empty database."""
    with TemporaryDirectory(prefix="passportx-bench-") as directory:
        environment = {
            **os.environ,
            "PASSPORTX_DATA_DIR": directory,
            "PASSPORTX_PORT": str(port),
            "PASSPORTX_LOG_LEVEL": "warning",
            "ANALYTICS_INGEST_TOKENS": TOKEN,
        }
        command = [str(Path(sys.executable).parent / "passportx"), "serve"]
        running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: ASYNC220, S603  # our own program, started once
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(
            base_url=base, headers=headers, timeout=120, trust_env=False
        ) as client:
            try:
                await _ready(client, running)
                yield Service(client, psutil.Process(running.pid), Path(directory))
            finally:
                running.terminate()
                await asyncio.to_thread(running.wait)


async def _ready(client: httpx.AsyncClient, running: "subprocess.Popen[bytes]") -> None:
    while True:
        if running.poll() is not None:
            raise RuntimeError("the service did not start; what it printed says why")
        try:
            if (await client.get("/readyz")).is_success:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
