"""Measures the dashboard in Chromium: `python -m benchmarks.page`.

On the demo's history: when the first content and the last panel are there, and how many frames are
late while commits arrive at 20 a second; then the same without commits, for reference.
"""

import asyncio
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from playwright.async_api import Browser, Page, expect

from tests.browsing import chromium, visit
from tests.processes import Passportx, until

LOADS = 5
SECONDS = 5
PER_SECOND = 20
LATE_MS = 25.0
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


async def main() -> None:
    """Print what is measured."""
    with TemporaryDirectory() as directory:
        flags = ["--port", "0", "--data-dir", directory, "--blocks-per-minute", "0.1"]
        flags += ["--batch-timeout-ms", "1", "--ingest-tokens", "bench"]
        async with chromium() as browser, Passportx("demo", *flags) as service:

            async def is_told() -> bool:
                return any(line.startswith("demo: block") for line in service.printed)

            await until(is_told)
            await _loads(browser, service.base)
            async with visit(browser, service.base) as visited:
                await _complete(visited.page)
                await _frames(visited.page, "without commits")
                pushing = asyncio.create_task(_push(service.base))
                await _frames(visited.page, f"with {PER_SECOND} commits a second")
                print(f"  commits: {await pushing}; figure: {await _figure(visited.page)}")


async def _loads(browser: Browser, base: str) -> None:
    for _ in range(LOADS):
        async with visit(browser, base) as visited:
            page = visited.page
            await _complete(page)
            content, complete = await page.evaluate(f"[{CONTENT}, performance.now()]")
            print(f"first content {content:.0f} ms, every panel filled {complete:.0f} ms")


async def _complete(page: Page) -> None:
    await expect(page.locator(".connection .state")).to_have_text("Live")
    await expect(page.locator(".skeleton")).to_have_count(0)


async def _figure(page: Page) -> str:
    return await page.locator(".card .figure").first.inner_text()


async def _frames(page: Page, when: str) -> None:
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable")

    async def busy() -> float:
        answer: Any = await devtools.send("Performance.getMetrics")
        metrics: dict[str, float] = {each["name"]: each["value"] for each in answer["metrics"]}
        return metrics["TaskDuration"]

    before = await busy()
    frames: list[float] = await page.evaluate(FRAMES, SECONDS * 1000)
    spent = (await busy()) - before
    late = sum(frame > LATE_MS for frame in frames)
    rate = 1000 * len(frames) / sum(frames)
    print(
        f"{when}: {rate:.1f} frames a second, {late} of {len(frames)} late, "
        f"longest {max(frames):.0f} ms, {100 * spent / SECONDS:.0f} % of a core"
    )


async def _push(base: str) -> int:
    headers = {"authorization": "Bearer bench"}
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
        for n in range(SECONDS * PER_SECOND):
            body = {"query": INGEST, "variables": {"badge": f"bench-{n}"}}
            (await client.post("/graphql", json=body)).raise_for_status()
            await asyncio.sleep(1 / PER_SECOND)
    return SECONDS * PER_SECOND


if __name__ == "__main__":
    asyncio.run(main())
