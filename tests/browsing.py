"""Opens pages of the service in a real Chromium, and keeps what they asked for."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from app import DIST
from tests.running import PATIENCE

CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
expect.set_options(timeout=PATIENCE * 1000)


@dataclass
class Visit:
    """A page that is open."""

    page: Page
    requests: list[str] = field(default_factory=list)
    """The URLs that it asked for, those of websockets among them."""
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of its console, and exceptions that nobody caught."""

    def foreign(self) -> list[str]:
        """Return what it asked of anybody but the service."""
        own = urlsplit(self.page.url).netloc
        schemes = ("http", "https", "ws", "wss")
        split = [(url, urlsplit(url)) for url in self.requests]
        return [url for url, to in split if to.scheme in schemes and to.netloc != own]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run the Chromium that is installed; without it or the pages, the test is skipped."""
    executable = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if executable is None:
        _missing("there is no Chromium on PATH (Debian: apt-get install chromium)")
    if not (DIST / "index.html").is_file():
        _missing("the pages are not built (make dashboard)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable)
        yield browser
        await browser.close()


def _missing(reason: str) -> NoReturn:
    # A skip that nobody reads would let CI pass without a browser for ever.
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def visit(browser: Browser, url: str, **context: Any) -> AsyncIterator[Visit]:
    """Open a page; `context` is for `browser.new_context`: the window, the colour scheme."""
    async with await browser.new_context(**context) as opened:
        page = await opened.new_page()
        visited = Visit(page)
        page.on("request", lambda request: visited.requests.append(request.url))
        page.on("websocket", lambda socket: visited.requests.append(socket.url))
        page.on("pageerror", lambda error: visited.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                visited.complaints.append(said.text) if said.type in ("error", "warning") else None
            ),
        )
        await page.goto(url)
        yield visited
