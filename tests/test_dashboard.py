"""The dashboard in a real browser, on the real service and the real database."""

import gzip
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Locator, Page, Request, Route, expect

from app import DIST
from documents.connection import Database
from tests.browsing import Visit, visit
from tests.processes import Passportx, until
from tests.running import Running, running
from tests.test_clients import MINTS, REORG, REVOCATION, ROLLBACK, SETUP

AXE = Path(__file__).parent.parent / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
MOST_GZIPPED = 300_000
INGEST = """mutation($events: [EventInput!]!) {
  ingestEvents(input: { events: $events }) { accepted rejected { message } }
}"""
SKILL, RECOGNITION = 5, 6
# What the first card shows, one after the other, and what was ever missing from the page.
WATCH = """
  window.figures = [];
  window.lost = [];
  const kept = ['.card .figure', '.plot svg', '.ring svg', '.standings tbody tr', '.activity li'];
  new MutationObserver(() => {
    const figure = document.querySelector('.card .figure').textContent;
    if (figure !== window.figures.at(-1)) window.figures.push(figure);
    for (const each of kept) if (!document.querySelector(each)) window.lost.push(each);
    if (document.querySelector('.skeleton, [data-fresh=false]')) window.lost.push('answer');
  }).observe(document.body, { subtree: true, childList: true, characterData: true,
    attributes: true });
"""


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Running]:
    """A service with a few badges on it."""
    async with running(database) as started:
        await ingest(
            started,
            template("1", "Builder", SKILL),
            template("2", "Host", RECOGNITION),
            *(badge(str(n), template="1" if n < 7 else "2") for n in range(1, 10)),
        )
        yield started


def template(id_: str, name: str, category: int) -> dict[str, Any]:
    """Return the registration of a template."""
    return {"templateRegistered": {"template": id_, "name": name, "category": category}}


def badge(id_: str, template: str = "1") -> dict[str, Any]:
    """Return the issue of a badge, each to somebody else."""
    return {"badgeIssued": {"badge": id_, "template": template, "recipient": f"ST1USER{id_}"}}


async def ingest(service: Running, *events: dict[str, Any]) -> None:
    """Ingest events, and wait until they are counted."""
    answer = await service.ask(INGEST, events=events)
    assert answer["ingestEvents"] == {"accepted": len(events), "rejected": []}
    await service.settled()


def card(page: Page, label: str) -> Locator:
    """Return the figure of a card of the overview."""
    return page.locator(".card", has=page.get_by_text(label, exact=True)).locator(".figure")


def panel(page: Page, title: str) -> Locator:
    """Return a panel by its title."""
    return page.get_by_role("region", name=title, exact=True)


async def is_live(page: Page) -> None:
    """Wait until the page says that it is live, and each panel has had an answer."""
    await expect(page.locator(".connection .state")).to_have_text("Live")
    await expect(page.locator(".skeleton")).to_have_count(0)


def operations(visited: Visit) -> Counter[str]:
    """Return a counter of the GraphQL operations that the page will ask, by name."""
    asked: Counter[str] = Counter()

    def count(request: Request) -> None:
        if found := re.search(r"query (\w+)", request.post_data or ""):
            asked[found[1]] += 1

    visited.page.on("request", count)
    return asked


async def test_the_page_shows_what_the_api_answers(browser: Browser, service: Running) -> None:
    answer = await service.ask("""{
      aggregated(range: { preset: LAST_30_DAYS }) {
        metrics { totalBadgesIssued totalUsers averageBadgesPerUser engagementRate }
        distribution { byCategory { label count percentage } topBadges { badge { name } issued } }
      }
      activity(first: 1) { edges { node { summary } } }
    }""")
    metrics, distribution = answer["aggregated"]["metrics"], answer["aggregated"]["distribution"]
    async with visit(browser, service.base) as visited:
        page = visited.page
        await expect(card(page, "Badges issued")).to_have_text(str(metrics["totalBadgesIssued"]))
        await expect(card(page, "Users")).to_have_text(str(metrics["totalUsers"]))
        await expect(card(page, "Badges per user")).to_have_text(
            f"{metrics['averageBadgesPerUser']:.2f}"
        )
        await expect(card(page, "Engagement")).to_have_text(f"{metrics['engagementRate']:.0%}")
        parts = panel(page, "By category").locator(".legend li")
        await expect(parts).to_have_text(
            [f"{e['label']}{e['count']}{e['percentage']}%" for e in distribution["byCategory"]]
        )
        rows = panel(page, "Top badges").locator("tbody tr")
        await expect(rows).to_contain_text(
            [each["badge"]["name"] for each in distribution["topBadges"]]
        )
        await expect(rows.locator("td:nth-child(3)")).to_have_text(
            [str(each["issued"]) for each in distribution["topBadges"]]
        )
        newest = panel(page, "Recent activity").locator("li").first
        await expect(newest).to_contain_text(answer["activity"]["edges"][0]["node"]["summary"])
        assert visited.foreign() == []
        assert visited.complaints == []


async def test_a_commit_moves_the_numbers_without_a_reload(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, service.base) as visited:
        page = visited.page
        await is_live(page)
        await expect(card(page, "Badges issued")).to_have_text("9")
        await page.evaluate("window.loaded = true")
        await ingest(service, badge("10"))
        await expect(card(page, "Badges issued")).to_have_text("10")
        await expect(panel(page, "Top badges").locator("tbody tr").first).to_contain_text("7")
        await expect(panel(page, "Recent activity")).to_contain_text("Badge 10 was issued")
        assert await page.evaluate("window.loaded")


async def test_only_the_panels_whose_family_moved_ask_again(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, service.base) as visited:
        page = visited.page
        await is_live(page)
        await page.wait_for_load_state("networkidle")
        # A panel that was asking when the first update came asks again a second later: useQuery.ts.
        await page.wait_for_timeout(1_500)
        asked = operations(visited)
        await ingest(service, {"userJoined": {"user": "ST1SOMEBODY"}})
        await expect(card(page, "Users")).to_have_text("10")
        # How rare a badge is depends on the users, so the distribution moves with them.
        shares = ["ByCategory", "ByLevel", "Most", "MostByCategory", "Trending"]
        users = ["Growth", "Engagement", "HoursOfTheWeek", "Cohorts", "Lifecycle"]
        moved = ["Overview", *users, *(f"Badges{each}" for each in shares), "Issuers"]
        moved += ["LatestActivity", "Dashboard"]

        async def have_asked() -> bool:
            return asked.keys() >= set(moved)

        await until(have_asked)
        assert asked == dict.fromkeys(moved, 1)


async def test_many_commits_are_one_question_at_a_time(browser: Browser, service: Running) -> None:
    async with visit(browser, service.base) as visited:
        page = visited.page
        await is_live(page)
        await page.wait_for_load_state("networkidle")
        asked = operations(visited)
        for n in range(20, 40):
            await ingest(service, badge(str(n)))
        await expect(card(page, "Badges issued")).to_have_text("29")
        await expect(panel(page, "Top badges").locator("tbody tr").first).to_contain_text("26")
        assert 1 <= asked["BadgesMost"] < 20


async def test_what_is_open_is_asked_for_again_at_each_quarter_hour(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, "about:blank") as visited:
        page = visited.page
        await page.clock.install()
        await page.goto(service.base)
        await is_live(page)
        await page.wait_for_load_state("networkidle")
        asked = operations(visited)
        async with page.expect_request(lambda request: "BadgesIssued" in (request.post_data or "")):
            await page.clock.fast_forward("15:01")
        assert asked["BadgesIssued"] == 1


async def test_a_killed_service_is_survived_with_the_right_states_shown(
    browser: Browser, tmp_path: Path
) -> None:
    flags = ["--data-dir", str(tmp_path), "--batch-timeout-ms", "1", "--ingest-tokens", "t0ken"]
    async with Passportx("serve", "--port", "0", *flags) as first:
        base = first.base
        await post(base, badge("1"))
        async with visit(browser, base) as visited:
            page, state = visited.page, visited.page.locator(".connection .state")
            await is_live(page)
            await expect(card(page, "Badges issued")).to_have_text("1")
            await first.stop(signal.SIGKILL)
            await expect(state).to_have_text("Reconnecting")
            await expect(page.locator(".connection")).to_contain_text("data as of")
            await expect(state).to_have_text("Offline")
            await expect(card(page, "Badges issued")).to_have_text("1")
            # What the page misses is committed at another address, where it does not look.
            async with Passportx("serve", "--port", "0", *flags) as meanwhile:
                await post(meanwhile.base, badge("2"))
                await meanwhile.stop()
            async with Passportx("serve", "--port", base.rsplit(":", 1)[1], *flags):
                await is_live(page)
                await expect(card(page, "Badges issued")).to_have_text("2")
                await expect(page.locator(".notices")).to_contain_text("1 update with 1 event")


async def test_a_browser_without_network_says_so_and_catches_up(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, service.base) as visited:
        page, connection = visited.page, visited.page.locator(".connection")
        await is_live(page)
        await expect(card(page, "Badges issued")).to_have_text("9")
        await page.context.set_offline(True)
        await expect(connection.locator(".state")).to_have_text("Offline")
        await expect(connection).to_contain_text("data as of")
        await ingest(service, badge("10"))
        await ingest(service, badge("11"))
        await expect(card(page, "Badges issued")).to_have_text("9")
        await page.context.set_offline(False)
        await is_live(page)
        await expect(card(page, "Badges issued")).to_have_text("11")
        notice = page.locator(".notices")
        await expect(notice).to_contain_text("Connected again: 2 updates with 2 events came in")
        await notice.get_by_role("button", name="Dismiss").click()
        await expect(notice).to_be_empty()


async def test_a_reorg_is_shown_as_a_correction(browser: Browser, database: Database) -> None:
    async with running(database) as service:
        for delivery in (SETUP, MINTS):
            await service.deliver(delivery)
        await service.settled()
        async with visit(browser, service.base) as visited:
            page, notice = visited.page, visited.page.locator(".notices")
            await is_live(page)
            await expect(card(page, "Badges issued")).to_have_text("2")
            await service.deliver(REORG)
            await expect(notice).to_contain_text(
                "Correction: the chain was reorganised. 2 events undone, 2 events in their place."
            )
            await service.deliver(REVOCATION)
            await service.settled()
            await service.deliver(ROLLBACK)
            await expect(notice).to_contain_text("1 event undone, 0 events in their place.")


async def test_numbers_move_in_place_and_nothing_flickers(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, service.base) as visited:
        page = visited.page
        await is_live(page)
        await page.wait_for_load_state("networkidle")
        await page.evaluate(WATCH)
        for n in range(10, 30):
            await ingest(service, badge(str(n)))
        await expect(card(page, "Badges issued")).to_have_text("29")
        await expect(panel(page, "Top badges").locator("tbody tr").first).to_contain_text("26")
        figures: list[str] = await page.evaluate("window.figures")
        assert len(figures) > 1
        assert figures == sorted(set(figures), key=int)
        assert await page.evaluate("window.lost") == []


async def post(base: str, *events: dict[str, Any]) -> None:
    """Ingest events into a service of another process."""
    headers = {"authorization": "Bearer t0ken"}
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
        body = {"query": INGEST, "variables": {"events": events}}
        answer = (await client.post("/graphql", json=body)).json()
        assert answer["data"]["ingestEvents"]["accepted"] == len(events), answer


async def test_the_address_says_what_is_shown(browser: Browser, service: Running) -> None:
    async with visit(browser, f"{service.base}/?range=7d&tz=Asia/Kolkata") as visited:
        page = visited.page
        heading = page.get_by_role("heading", level=1)
        await expect(heading).to_have_text("Last 7 days")
        await expect(page.get_by_label("Days in")).to_have_value("Asia/Kolkata")
        await page.get_by_label("90 days").check()
        await expect(heading).to_have_text("Last 90 days")
        await page.get_by_label("Compared with").select_option("Year before")
        address = f"{service.base}/?range=90d&tz=Asia/Kolkata&compare=year"
        await expect(page).to_have_url(address)
        await panel(page, "By category").get_by_role("button", name="skill").click()
        await expect(page).to_have_url(f"{address}&category=skill")
        await expect(card(page, "Badges issued")).to_have_text("6")
        await page.go_back()
        await expect(card(page, "Badges issued")).to_have_text("9")
        await page.go_back()
        await page.go_back()
        await expect(heading).to_have_text("Last 7 days")
        await page.go_forward()
        await expect(heading).to_have_text("Last 90 days")


async def test_a_slice_and_a_bar_filter_the_page(browser: Browser, service: Running) -> None:
    async with visit(browser, service.base) as visited:
        page, issued = visited.page, card(visited.page, "Badges issued")
        chips = page.get_by_role("list", name="Filters").get_by_role("listitem")
        # The last third of the ring, that is at ten o'clock.
        ring = panel(page, "By category").locator(".ring svg")
        await ring.click(position={"x": 22, "y": 48})
        await expect(issued).to_have_text("3")
        await expect(chips).to_have_text(["Remove the filter category recognition ✕"])
        await chips.get_by_role("button").click()
        await expect(issued).to_have_text("9")
        # Over the bar lies its name's button.
        builder = panel(page, "Top badges").locator("tbody tr", has_text="Builder")
        await builder.locator(".bar").click(force=True)
        await expect(issued).to_have_text("6")
        await expect(page).to_have_url(f"{service.base}/?badge=1")


async def test_an_address_that_means_nothing_shows_the_default_and_says_so(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, f"{service.base}/?range=yesteryear&tz=Mars/Olympus") as visited:
        page = visited.page
        await expect(page.get_by_role("heading", level=1)).to_have_text("Last 30 days")
        notice = page.get_by_text("The address says range=yesteryear, tz=Mars/Olympus")
        await expect(notice).to_be_visible()


async def test_the_series_is_walked_by_keyboard_and_has_a_table(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, service.base) as visited:
        page = visited.page
        chart = panel(page, "Badges issued by day")
        slider = chart.get_by_role("slider")
        await slider.focus()
        await expect(slider).to_have_attribute("aria-valuetext", re.compile("9 badges so far$"))
        await page.keyboard.press("ArrowLeft")
        await expect(slider).to_have_attribute("aria-valuetext", re.compile(": 0 badges$"))
        await expect(chart.locator("figcaption")).to_contain_text("9 badges in all; the peak is")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(chart.get_by_role("row")).to_have_count(31)


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
async def test_nothing_that_axe_looks_for_is_wrong(
    browser: Browser, service: Running, scheme: str, width: int
) -> None:
    window = {"width": width, "height": 900}
    # The script is put into the page from outside, which the policy of the page forbids.
    look = {"viewport": window, "color_scheme": scheme, "bypass_csp": True}
    async with visit(browser, f"{service.base}/?category=skill&range=7d", **look) as visited:
        page = visited.page
        await is_live(page)
        await expect(panel(page, "Top badges").locator("tbody tr")).to_have_count(1)
        await page.evaluate(AXE.read_text())
        found = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


async def test_a_phone_has_one_column_and_no_sideways_scroll(
    browser: Browser, service: Running
) -> None:
    window = {"width": 360, "height": 740}
    async with visit(browser, f"{service.base}/?range=12m", viewport=window) as visited:
        page = visited.page
        await expect(panel(page, "Top badges").locator("tbody tr")).to_have_count(2)
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        lefts = "[...document.querySelectorAll('.panel')].map((e) => e.getBoundingClientRect().x)"
        assert len(set(await page.evaluate(lefts))) == 1


async def test_the_chosen_appearance_is_kept(browser: Browser, service: Running) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    async with visit(browser, service.base, color_scheme="light") as visited:
        page = visited.page
        light = await page.evaluate(background)
        await page.get_by_label("Appearance").select_option("Dark")
        dark = await page.evaluate(background)
        assert dark != light
        await page.reload()
        await expect(page.get_by_label("Appearance")).to_have_value("dark")
        assert await page.evaluate(background) == dark


async def test_an_empty_service_says_how_it_comes_by_its_first_figures(
    browser: Browser, database: Database
) -> None:
    async with running(database) as service, visit(browser, service.base) as visited:
        page = visited.page
        await expect(page.get_by_role("heading", name="Nothing was counted yet")).to_be_visible()
        await expect(page.locator(".welcome")).to_contain_text(f"{service.base}/webhooks/chainhook")
        await expect(page.locator(".welcome")).to_contain_text("make demo")
        await ingest(service, badge("1"))
        await expect(card(page, "Badges issued")).to_have_text("1")


async def test_a_range_without_badges_offers_all_time(browser: Browser, service: Running) -> None:
    async with visit(browser, f"{service.base}/?range=2025-01-01..2025-01-31") as visited:
        page = visited.page
        await panel(page, "Top badges").get_by_role("button", name="Show all time").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("All time")
        await expect(panel(page, "Top badges").locator("tbody tr")).to_have_count(2)


async def test_a_panel_that_fails_says_so_and_leaves_the_others(
    browser: Browser, service: Running
) -> None:
    async def lose(route: Route) -> None:
        if "query BadgesMost(" in (route.request.post_data or ""):
            await route.abort()
        else:
            await route.continue_()

    page = await browser.new_page()
    await page.route("**/graphql", lose)
    await page.goto(service.base)
    await expect(panel(page, "Top badges").get_by_role("status")).to_contain_text("Try again")
    await expect(panel(page, "Recent activity").locator("li").first).to_be_visible()
    await page.close()


async def test_a_filter_that_makes_no_sense_is_said_once_with_the_mend(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, f"{service.base}/?badge=nothing") as visited:
        page = visited.page
        await expect(page.get_by_text("There is no badge nothing.")).to_have_count(1)
        await page.get_by_role("button", name="Show the last 30 days of everything").click()
        await expect(panel(page, "Recent activity").locator("li").first).to_be_visible()
        await expect(page.get_by_label("Filters")).to_have_count(0)


async def test_filters_are_called_by_their_names(browser: Browser, service: Running) -> None:
    async with visit(browser, f"{service.base}/?badge=1") as visited:
        chip = visited.page.get_by_label("Filters").get_by_role("button")
        await expect(chip).to_contain_text("badge Builder")


async def test_a_service_that_asks_for_a_token_gets_it_in_a_header_only(
    browser: Browser, database: Database
) -> None:
    async with running(database, read_tokens=("a-read-token",)) as service:
        await ingest(service, badge("1"))
        async with visit(browser, service.base) as visited:
            page = visited.page
            await page.get_by_label("Token").fill("a-read-token")
            await page.get_by_role("button", name="Open").click()
            await is_live(page)
            await expect(card(page, "Badges issued")).to_have_text("1")
            assert not [url for url in visited.requests if "a-read-token" in url]


async def test_the_page_is_served_strictly_and_small(browser: Browser, service: Running) -> None:
    page = await service.client.get("/", headers={"accept": "text/html"})
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    async with visit(browser, service.base) as visited:
        await is_live(visited.page)
        loaded = [url for url in visited.requests if "/assets/" in url]
    files = [DIST / "assets" / url.rsplit("/", 1)[1] for url in loaded]
    assert files
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < MOST_GZIPPED
    packed = await service.client.get(loaded[0], headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"].startswith("text/")
    plain = await service.client.get(loaded[0], headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content
