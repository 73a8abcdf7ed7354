"""Large deliveries: how long they keep other answers waiting, and how much memory they take."""

import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from benchmarks.report import Report, percentile
from benchmarks.service import TOKEN, Service, service
from tests.chainhook_payloads import Transaction, minted, v1

LONGEST_WAIT = 0.1
"""Seconds that another answer may take while a large body is parsed."""
MOST_MEMORY = 450
"""MB of the service while many large bodies are under way."""
MANY = 20
PAUSE = 0.005
_POST = """
import http.client, pathlib, sys
host, port, token, path = sys.argv[1:]
connection = http.client.HTTPConnection(host, int(port), timeout=300)
connection.request("POST", "/webhooks/chainhook", pathlib.Path(path).read_bytes(),
                   {"authorization": "Bearer " + token})
sys.exit(connection.getresponse().status != 200)
"""


def body_of(mints: int, size: int) -> bytes:
    """Return a delivery of one block with so many mints and at least so many bytes."""
    block = v1(*(Transaction([minted(n)], txid=f"0x{n:064x}") for n in range(1, mints + 1)))
    plain = len(orjson.dumps(block))
    block["apply"][0]["metadata"] = {"filler": "x" * max(0, size - plain)}
    return orjson.dumps(block)


def _written(path: Path, size: int) -> Path:
    path.write_bytes(body_of(18_000, size))
    return path


async def measure(report: Report) -> None:
    """Measure one body of 23 MB, then twenty of 30 MB at once."""
    with TemporaryDirectory(prefix="passportx-bodies-") as directory:
        one = _written(Path(directory, "one"), 23_000_000)
        thirty = _written(Path(directory, "thirty"), 30_000_000)
        async with service() as running:
            quiet = await _others(running, asyncio.create_task(asyncio.sleep(3)))
            took, single = await _timed(running, one, 1)
            report.title(
                "A body of 23 MB with 18,000 mints: the time of /healthz until it is answered"
            )
            report.figure("answered in", f"{took:.2f} s")
            report.figure("p50", f"{percentile(single, 0.5) * 1000:.0f} ms")
            report.figure("p99", f"{percentile(single, 0.99) * 1000:.0f} ms")
            report.figure(
                "longest",
                f"{max(single) * 1000:.0f} ms",
                f"without it: {max(quiet) * 1000:.0f} ms",
                holds=max(single) <= LONGEST_WAIT,
            )
        async with service() as running:
            before = running.memory()
            watching = asyncio.create_task(_most_memory(running))
            took, many = await _timed(running, thirty, MANY)
            watching.cancel()
            most = max(await asyncio.gather(watching))
            report.title(f"{MANY} bodies of 30 MB at once")
            report.figure("answered in", f"{took:.1f} s")
            report.figure("longest /healthz", f"{max(many) * 1000:.0f} ms")
            report.figure(
                "resident at most",
                f"{most:.0f} MB",
                f"before: {before:.0f} MB",
                holds=most <= MOST_MEMORY,
            )


async def _timed(running: Service, path: Path, count: int) -> tuple[float, list[float]]:
    url = running.client.base_url
    arguments = ("-c", _POST, url.host, str(url.port), TOKEN, str(path))
    begun = time.perf_counter()
    posting = [await asyncio.create_subprocess_exec(sys.executable, *arguments)
               for _ in range(count)]  # fmt: skip
    waits = await _others(running, asyncio.ensure_future(_all(posting)))
    return time.perf_counter() - begun, waits


async def _all(posting: "list[asyncio.subprocess.Process]") -> None:
    codes = [await each.wait() for each in posting]
    if any(codes):
        raise RuntimeError(f"{sum(map(bool, codes))} deliveries were not taken")


async def _others(running: Service, meanwhile: "asyncio.Future[None]") -> list[float]:
    """Return how long other requests took until something was done."""
    waits = []
    while not meanwhile.done():
        begun = time.perf_counter()
        (await running.client.get("/healthz")).raise_for_status()
        waits.append(time.perf_counter() - begun)
        await asyncio.sleep(PAUSE)
    await meanwhile
    return waits


async def _most_memory(running: Service) -> float:
    most = 0.0
    try:
        while True:
            most = max(most, running.memory())
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        return most
