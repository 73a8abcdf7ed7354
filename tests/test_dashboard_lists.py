"""Each number of the dashboard opens the list behind it, in a real browser on the real service."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from documents.connection import connect
from tests.browsing import visit
from tests.running import Running, running
from tests.test_dashboard import AXE, badge, card, ingest, is_live, panel, template

BADGES, HOLDERS = 62, 31
SKILL, RECOGNITION = 5, 6
NUMBERS = (r"([\d,]+) badges? in all", r": ([\d,]+) of ", r"([\d,]+)")
"""Where an opener says how many there are, be it in words."""
TOP = "(element) => element.getBoundingClientRect().top"
# A range that has ended, of days that begin elsewhere.
FROM, TO = (datetime.now(UTC).date() - timedelta(days=days) for days in (40, 10))
PAST = f"range={FROM}..{TO}&tz=Asia/Kolkata"


@pytest.fixture(scope="module")
async def service(mongo_url: str) -> AsyncIterator[Running]:
    """A service for all tests of this module, with more badges than one page of a list."""
    database = await connect(mongo_url, f"test_{uuid4().hex}")
    async with running(database) as started:
        await ingest(started, *history(datetime.now(UTC)))
        yield started
    await database.client.drop_database(database.name)
    database.client.close()


def history(now: datetime) -> list[dict[str, Any]]:
    """Return events of a few months: communities, members, badges of two kinds, revocations."""
    events = [template("1", "Builder", SKILL), template("2", "Host", RECOGNITION)]
    for name in ("Lagos", "Oslo"):
        created = {"community": name, "name": name, "owner": f"ST1{name}"}
        events.append({"communityCreated": created | {"occurredAt": ago(now, 100)}})
    members = [{"community": "Lagos", "member": f"ST1MEMBER{n}"} for n in range(5)]
    events += [{"memberAdded": each} for each in members]
    for n in range(BADGES):
        issued = {
            "recipient": f"ST1HOLDER{n % HOLDERS}",
            "issuer": f"ST1ISSUER{n % 3}",
            "level": 1 + n % 4,
            "community": ("Lagos", "Oslo")[n % 2],
            "occurredAt": ago(now, n),
        }
        events.append({"badgeIssued": badge(str(n), f"{1 + n % 2}")["badgeIssued"] | issued})
    events += [{"badgeRevoked": {"badge": str(n)}} for n in range(4)]
    return events


def ago(now: datetime, days: int) -> str:
    """Return the time so many days before."""
    return (now - timedelta(days=days)).isoformat()


def drawer(page: Page) -> Locator:
    """Return the list that lies open."""
    return page.get_by_role("dialog")


def rows(page: Page) -> Locator:
    """Return the rows of the list that lies open."""
    return drawer(page).locator("tbody tr")


async def shown(page: Page) -> None:
    """Wait until every panel has its answer."""
    await is_live(page)
    await expect(page.locator(".skeleton")).to_have_count(0)
    for figures in await page.locator("main .figures > summary").all():
        await figures.click()


@pytest.mark.parametrize("view", ["range=90d&category=skill", PAST])
async def test_each_number_opens_a_list_of_as_many(
    browser: Browser, service: Running, view: str
) -> None:
    async with visit(browser, f"{service.base}/?{view}") as visited:
        page = visited.page
        await shown(page)
        address = page.url
        checked = 0
        for opener in await some_of_each_panel(page):
            number = await said(opener)
            await opener.click()
            total = drawer(page).get_by_role("status")
            await expect(total).to_have_text(re.compile(rf"^{number} \w"))
            checked += 1
            await page.keyboard.press("Escape")
            await expect(drawer(page)).to_have_count(0)
            await expect(opener).to_be_focused()
            await expect(page).to_have_url(address)
        assert checked > 20
        assert visited.complaints == []


async def some_of_each_panel(page: Page) -> list[Locator]:
    """Return the first and the last of what opens a list, panel by panel."""
    chosen = []
    for each in await page.locator("main .panel").all():
        # A rate is no number of entries.
        counts = each.locator(".opener").filter(has_not_text=re.compile(r"\d%\s*$"))
        labelled = each.locator(".opener[aria-label]")
        openers = await counts.all() if await labelled.count() == 0 else await labelled.all()
        chosen += openers[:: max(1, len(openers) - 1)]
    return chosen


async def said(opener: Locator) -> str:
    """Return how many an opener says there are."""
    text = await opener.get_attribute("aria-label") or await opener.inner_text()
    return next(found[1] for each in NUMBERS if (found := re.search(each, text)))


async def test_numbers_in_a_list_open_the_lists_behind_them(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, f"{service.base}/?category=skill") as visited:
        page = visited.page
        await card(page, "Engagement").get_by_role("button").click()
        title, total = drawer(page).get_by_role("heading"), drawer(page).get_by_role("status")
        await expect(title).to_have_text("Users who hold a badge")
        first = rows(page).first
        received = await first.locator("td").nth(2).inner_text()
        await first.locator("td").nth(2).get_by_role("button").click()
        await expect(title).to_have_text("Badges issued")
        await expect(title).to_be_focused()
        # All that somebody received, whatever the page is filtered by.
        await expect(total).to_have_text(f"{received} badges")
        await rows(page).first.get_by_role("button").first.click()
        await expect(title).to_have_text("Events")
        await expect(rows(page).last).to_contain_text("was issued to")
        await page.go_back()
        await expect(title).to_have_text("Badges issued")


async def test_a_link_opens_a_list_and_back_closes_it(browser: Browser, service: Running) -> None:
    async with visit(browser, service.base) as visited:
        page = visited.page
        await panel(page, "By category").locator(".opener").first.click()
        await expect(drawer(page)).to_contain_text("category skill")
        linked = page.url
        await page.go_back()
        await expect(drawer(page)).to_have_count(0)
        await page.go_forward()
        await expect(drawer(page)).to_contain_text("category skill")
    async with visit(browser, linked) as visited:
        page = visited.page
        await expect(drawer(page)).to_contain_text("category skill")
        await drawer(page).get_by_role("button", name="Close").click()
        await expect(page).to_have_url(f"{service.base}/")


async def test_a_list_comes_page_by_page_and_is_sorted_as_chosen(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, f"{service.base}/?list=badges&list.range=ever") as visited:
        page = visited.page
        await expect(rows(page)).to_have_count(25)
        more = drawer(page).get_by_role("button", name="Show more")
        await expect(more).to_contain_text("37 left")
        await more.click()
        await expect(rows(page)).to_have_count(50)
        await more.click()
        await expect(rows(page)).to_have_count(BADGES)
        await expect(more).to_have_count(0)
        await expect(drawer(page).get_by_role("region")).to_be_focused()
        ids = await rows(page).locator("th button").all_inner_texts()
        assert ids == [f"#{n}" for n in range(BADGES)]
        order = drawer(page).get_by_label("Sorted by")
        await order.focus()
        await order.select_option("Oldest")
        await expect(rows(page).first).to_contain_text(f"#{BADGES - 1}")
        await expect(page).to_have_url(re.compile(r"list\.order=OLDEST"))
        await expect(order).to_be_focused()


async def test_a_list_is_live_and_keeps_its_place(browser: Browser, service: Running) -> None:
    async with visit(browser, f"{service.base}/?list=communities&list.range=ever") as visited:
        page = visited.page
        await is_live(page)
        members = rows(page).filter(has_text="Lagos").locator("td").nth(2).get_by_role("button")
        await expect(members).to_have_text("6")
        await members.focus()
        await ingest(service, {"memberAdded": {"community": "Lagos", "member": "ST1LATE"}})
        await expect(members).to_have_text("7")
        await expect(members).to_be_focused()
    async with visit(browser, f"{service.base}/?list=events") as visited:
        page = visited.page
        await is_live(page)
        total = drawer(page).get_by_role("status")
        row = rows(page).nth(20)
        await row.scroll_into_view_if_needed()
        said, before = await row.inner_text(), await total.inner_text()
        place = await row.evaluate(TOP)
        await ingest(service, {"userJoined": {"user": "ST1NEWCOMER"}})
        await expect(total).not_to_have_text(before)
        moved = rows(page).nth(21)
        await expect(moved).to_have_text(re.compile(re.escape(said.split("\t")[0])))
        assert abs(await moved.evaluate(TOP) - place) < 1


async def test_a_list_is_opened_read_and_closed_by_keyboard_alone(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, service.base) as visited:
        page = visited.page
        await is_live(page)
        await expect(page.locator(".skeleton")).to_have_count(0)
        focused = "document.activeElement.matches('.card .opener')"
        for _ in range(30):
            await page.keyboard.press("Tab")
            if await page.evaluate(focused):
                break
        await page.keyboard.press("Enter")
        await expect(rows(page).first).to_be_visible()
        inside = (
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
        reached = set()
        for _ in range(12):
            await page.keyboard.press("Tab")
            assert await page.evaluate(inside)
            reached.add(await page.evaluate("document.activeElement.tagName"))
        assert reached >= {"BUTTON", "SELECT", "SECTION"}
        await page.keyboard.press("Escape")
        await expect(drawer(page)).to_have_count(0)
        assert await page.evaluate(focused)


async def test_a_point_of_the_series_opens_its_badges(browser: Browser, service: Running) -> None:
    async with visit(browser, service.base) as visited:
        page = visited.page
        slider = panel(page, "Badges issued by day").get_by_role("slider")
        await slider.focus()
        await page.keyboard.press("ArrowLeft")
        await page.keyboard.press("Enter")
        await expect(rows(page)).to_have_count(1)
        await expect(rows(page)).to_contain_text("#1")
        await page.keyboard.press("Escape")
        await expect(slider).to_be_focused()


async def test_a_list_that_is_empty_or_refused_or_does_not_exist_says_so(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, f"{service.base}/?range=7d&list=communities") as visited:
        page = visited.page
        await expect(drawer(page)).to_contain_text("There are none.")
        await page.goto(f"{service.base}/?list=badges&list.category=none")
        failure = drawer(page).locator(".failure")
        await expect(failure).to_contain_text("There is no category none.")
        await expect(failure.get_by_role("button")).to_have_text("Try again")
        await page.goto(f"{service.base}/?list=dreams&list.hour=late")
        await expect(page.locator(".notices")).to_contain_text("The address says list=dreams")
        await expect(drawer(page)).to_have_count(0)


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1280)])
async def test_nothing_that_axe_looks_for_is_wrong_with_a_list(
    browser: Browser, service: Running, scheme: str, width: int
) -> None:
    look: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    # Opened at its place at once: what is half transparent has half the contrast.
    look |= {"bypass_csp": True, "reduced_motion": "reduce"}
    async with visit(browser, f"{service.base}/?list=people", **look) as visited:
        page = visited.page
        await expect(rows(page).first).to_be_visible()
        await page.evaluate(AXE.read_text())
        found = await page.evaluate("axe.run()")
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
        scroll = "[document.documentElement, document.querySelector('dialog .scroll')]"
        wider = f"{scroll}.some((e) => e.scrollWidth > e.clientWidth)"
        assert not await page.evaluate(wider)


async def test_what_is_printed_is_the_report_alone(browser: Browser, service: Running) -> None:
    controls = ".controls, .top nav, .figures summary, dialog header button"
    async with visit(browser, service.base) as visited:
        page = visited.page
        await shown(page)
        await page.emulate_media(media="print", color_scheme="dark")
        for control in await page.locator(controls).all():
            await expect(control).to_be_hidden()
        await expect(card(page, "Badges issued")).to_be_visible()
        await expect(page.locator(".standings").first).to_be_visible()
        white = "getComputedStyle(document.body).backgroundColor"
        assert await page.evaluate(white) == "rgb(255, 255, 255)"
        # On paper nothing unfolds and nothing scrolls.
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.emulate_media(media="screen")
        await card(page, "Users").get_by_role("button").click()
        await expect(rows(page)).to_have_count(25)
        await page.emulate_media(media="print")
        await expect(rows(page).last).to_be_visible()
        await expect(page.locator("main")).to_be_hidden()


async def test_nothing_moves_where_reduced_motion_is_asked_for(
    browser: Browser, service: Running
) -> None:
    moving = """[...document.querySelectorAll('*')].filter((element) => {
      const { animationName, transitionDuration } = getComputedStyle(element);
      return animationName !== 'none' || transitionDuration !== '0s';
    }).length"""
    for motion, expected in (("reduce", False), ("no-preference", True)):
        url = f"{service.base}/?list=badges"
        async with visit(browser, url, reduced_motion=motion) as visited:
            await expect(rows(visited.page).first).to_be_visible()
            assert bool(await visited.page.evaluate(moving)) is expected
