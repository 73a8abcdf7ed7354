"""Takes the pictures of the documentation: `make screenshots`."""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import Browser, expect

from tests.browsing import chromium, visit
from tests.processes import Passportx, until

# Down to the end of a row of panels: all of the page is more than a picture shows well.
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 1332}, "device_scale_factor": 1.2}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 1840}, "device_scale_factor": 1.5}
SCREEN: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "device_scale_factor": 1.2}


async def main(directory: Path) -> None:
    """Take the pictures of a service with a history, and of an empty one."""
    with TemporaryDirectory() as demo, TemporaryDirectory() as empty:
        flags = ("--port", "0", "--data-dir")
        async with (
            chromium() as browser,
            Passportx("demo", *flags, demo) as full,
            Passportx("serve", *flags, empty) as bare,
        ):

            async def is_told() -> bool:
                return any(line.startswith("demo: block") for line in full.printed)

            await until(is_told)
            for scheme in ("light", "dark"):
                await shoot(browser, full.base, directory / f"{scheme}.png", scheme, WIDE)
            await shoot(browser, full.base, directory / "phone.png", "light", PHONE)
            await shoot(browser, bare.base, directory / "empty.png", "light", SCREEN)


async def shoot(
    browser: Browser, url: str, file: Path, scheme: str, window: dict[str, Any]
) -> None:
    """Take a picture of a window once it is live and everything has been answered."""
    async with visit(browser, url, color_scheme=scheme, **window) as visited:
        page = visited.page
        await expect(page.locator(".connection .state")).to_have_text("Live")
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=file, animations="disabled")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
