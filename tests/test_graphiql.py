"""GraphiQL, as the service serves it, in a real browser."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from documents.connection import Database
from tests.browsing import visit
from tests.running import Running, running

EXAMPLES = {
    path.stem: path.read_text()
    for path in (Path(__file__).parent.parent / "dashboard" / "examples").glob("*.graphql")
}
ISSUE = """mutation($badge: ID!) {
  ingestEvents(input: { events: [{ badgeIssued: { badge: $badge, recipient: "ST1ALICE" } }] }) {
    accepted
  }
}"""


async def issue(service: Running, badge: str) -> None:
    """Issue a badge, and wait until it is counted."""
    answer = await service.ask(ISSUE, badge=badge)
    assert answer["ingestEvents"]["accepted"] == 1
    await service.settled()


async def run(page: Page, tab: str) -> None:
    """Show a tab of documents and run it in the same instant, sooner than a hand could."""
    execute = await page.get_by_role("button", name="Execute").element_handle()
    await (
        page.get_by_role("tab")
        .get_by_role("button", name=tab, exact=True)
        .evaluate("(tab, execute) => { tab.click(); execute.click(); }", execute)
    )


async def test_a_query_and_a_subscription_run_in_the_page(
    browser: Browser, database: Database, tmp_path: Path
) -> None:
    async with running(database) as service:
        await issue(service, "1")
        async with visit(browser, f"{service.base}/graphql") as visited:
            page = visited.page
            result = page.locator(".result-window")
            await expect(page.get_by_role("tab")).to_contain_text(
                ["Issuance", "Trends", "Activity", "Status", "Updates"]
            )
            # The editors come after the tabs, and until they are there a button has nothing to run.
            await expect(page.locator(".graphiql-query-editor")).to_contain_text(
                "totalBadgesIssued"
            )
            await expect(result.get_by_role("textbox")).to_be_attached()
            await run(page, "Issuance")
            await expect(result).to_contain_text('"totalBadgesIssued": 1')
            await run(page, "Updates")
            await expect(result).to_contain_text('"reason": "CURRENT"')
            await issue(service, "2")
            await expect(result).to_contain_text('"reason": "BATCH"')
            await expect(result).to_contain_text('"totalBadgesIssued": 2')
            await page.screenshot(path=os.environ.get("SCREENSHOT", tmp_path / "graphiql.png"))
            assert visited.foreign() == []
            assert visited.complaints == []


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_examples_are_answered(database: Database, name: str) -> None:
    document = EXAMPLES[name]
    async with running(database) as service:
        if "\nsubscription " not in document:
            assert await service.ask(document)
            return
        headers = {"accept": "text/event-stream"}
        body = {"query": document}
        async with service.client.stream("POST", "/graphql", json=body, headers=headers) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    assert '"reason":"CURRENT"' in line
                    break
