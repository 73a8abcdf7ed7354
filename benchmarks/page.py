"""The dashboard in Chromium, on the demo's history: how soon it is there, how smoothly it moves."""

import asyncio
import time
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, WebSocket, expect

from benchmarks.report import Report
from tests.browsing import chromium, visit
from tests.processes import Passportx, until

LOADS = 7
SECONDS = 10
PER_SECOND = 20
MOST_MS = 1000.0
FEWEST_FRAMES = 59.0
LATE_MS = 25.0
"""After more than one and a half sixtieths of a second, a frame was left out."""
INGEST = """mutation($badge: ID!) {
  ingestEvents(input: { events: [{ badgeIssued: { badge: $badge, recipient: "ST1BENCH" } }] }) {
    accepted
  }
}"""
FRAMES = """(milliseconds) => new Promise((done) => {
  const times = [];
  const frame = (now) => {
    times.push(now);
    if (now - times[0] < milliseconds) requestAnimationFrame(frame);
    else done(times.slice(1).map((time, at) => time - times[at]));
  };
  requestAnimationFrame(frame);
})"""
CONTENT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


async def measure(report: Report) -> None:
    """Measure when the page is there, and its frames with and without commits."""
    try:
        with TemporaryDirectory() as directory:
            flags = ["--port", "0", "--data-dir", directory, "--blocks-per-minute", "0.1"]
            flags += ["--batch-timeout-ms", "1", "--ingest-tokens", "bench"]
            async with chromium() as browser, Passportx("demo", *flags) as service:
                await _measure(report, browser, service)
    except pytest.skip.Exception as missing:
        report.title(f"The page: not measured, {missing}")


async def _measure(report: Report, browser: Browser, service: Passportx) -> None:
    async def is_told() -> bool:
        return any(line.startswith("demo: block") for line in service.printed)

    await until(is_told)
    report.title(f"The page, {LOADS} times without a cache, and {SECONDS} seconds of its frames")
    loads = [await _load(browser, service.base) for _ in range(LOADS)]
    content, complete = (median(each) for each in zip(*loads, strict=True))
    bare = median([await _bare(browser, service.base) for _ in range(LOADS)])
    reference = f"a page of one word: {bare:.0f} ms"
    report.figure("first content", f"{content:.0f} ms", reference, holds=content < MOST_MS)
    report.figure("every panel filled", f"{complete:.0f} ms")
    async with visit(browser, "about:blank") as visited:
        page = visited.page
        told: list[str | bytes] = []
        page.on("websocket", lambda socket: _listen(socket, told))
        await page.goto(service.base)
        await _complete(page)
        still, idle = await _frames(page)
        told.clear()
        pushing = asyncio.create_task(_push(service.base))
        frames, busy = await _frames(page)
        arrived = len(told)
        await pushing
    rate, reference = _rate(frames), f"without commits: {_rate(still):.1f}"
    report.figure("updates that arrived a second", f"{arrived / SECONDS:.1f}")
    report.figure("frames a second", f"{rate:.1f}", reference, holds=rate >= FEWEST_FRAMES)
    late = [sum(frame > LATE_MS for frame in each) for each in (frames, still)]
    report.figure("late frames", f"{late[0]} of {len(frames)}", f"without commits: {late[1]}")
    report.figure("longest frame", f"{max(frames):.0f} ms", f"without commits: {max(still):.0f} ms")
    report.figure("of a core", f"{busy:.0%}", f"without commits: {idle:.0%}")


async def _load(browser: Browser, base: str) -> tuple[float, float]:
    async with visit(browser, base) as visited:
        await _complete(visited.page)
        content, complete = await visited.page.evaluate(f"[{CONTENT}, performance.now()]")
        return content, complete


async def _bare(browser: Browser, base: str) -> float:
    async with visit(browser, f"{base}/healthz") as visited:
        await visited.page.wait_for_function("performance.getEntriesByType('paint').length > 1")
        content: float = await visited.page.evaluate(CONTENT)
        return content


async def _complete(page: Page) -> None:
    await expect(page.locator(".connection .state")).to_have_text("Live")
    await expect(page.locator(".skeleton")).to_have_count(0)


def _listen(socket: WebSocket, told: list[str | bytes]) -> None:
    def received(frame: str | bytes) -> None:
        if "position" in str(frame):
            told.append(frame)

    socket.on("framereceived", received)


async def _frames(page: Page) -> tuple[list[float], float]:
    """Return how long each frame took, and the share of a core that the page was busy."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable")

    async def busy() -> float:
        answer: Any = await devtools.send("Performance.getMetrics")
        metrics: dict[str, float] = {each["name"]: each["value"] for each in answer["metrics"]}
        return metrics["TaskDuration"]

    before = await busy()
    frames: list[float] = await page.evaluate(FRAMES, SECONDS * 1000)
    return frames, ((await busy()) - before) / SECONDS


def _rate(frames: list[float]) -> float:
    return 1000 * len(frames) / sum(frames)


async def _push(base: str) -> None:
    headers = {"authorization": "Bearer bench"}
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
        begun = time.monotonic()
        for n in range(SECONDS * PER_SECOND):
            body = {"query": INGEST, "variables": {"badge": f"bench-{n}"}}
            (await client.post("/graphql", json=body)).raise_for_status()
            await asyncio.sleep(max(0.0, begun + (n + 1) / PER_SECOND - time.monotonic()))
