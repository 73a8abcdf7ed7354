"""The panels of the dashboard: each shows the numbers that the API answers, and by keyboard too."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from documents.connection import connect
from tests.browsing import visit
from tests.running import PATIENCE, Running, running
from tests.test_dashboard import AXE, ingest, is_live, panel, template

WINDOW = "range: { preset: LAST_90_DAYS }"
ADDRESS = "?range=90d"
SKILL, RECOGNITION = 5, 6
expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="module")
async def service(mongo_url: str) -> AsyncIterator[Running]:
    """A service with a quarter of history on it."""
    database = await connect(mongo_url, f"test_{uuid4().hex}")
    async with running(database) as started:
        await ingest(started, *history())
        yield started
    await database.client.drop_database(database.name)
    database.client.close()


@pytest.fixture(scope="module")
async def page(browser: Browser, service: Running) -> AsyncIterator[Page]:
    """The page, which the tests that change nothing share."""
    async with visit(browser, f"{service.base}/{ADDRESS}") as visited:
        await is_live(visited.page)
        yield visited.page
        assert visited.complaints == []


def history() -> list[dict[str, Any]]:
    """Return communities, members, and badges that some users receive again and again."""
    events = [template("1", "Builder", SKILL), template("2", "Host", RECOGNITION)]
    for community, name in (("1", "Lisbon Builders"), ("2", "Lagos Stackers")):
        created = {"community": community, "name": name, "owner": "ST1OWNER"}
        events.append({"communityCreated": {**created, "occurredAt": ago(80)}})
    for n in range(12):
        member = {"community": "1" if n % 3 else "2", "member": f"ST1USER{n}"}
        events.append({"memberAdded": {**member, "occurredAt": ago(75 - 5 * n)}})
        weekly = range(1 + n % 4)
        events += [badge(n, again, days=70 - 5 * n - 7 * again) for again in weekly]
    # Nine in a day against one in the weeks before: no chance.
    rising = [badge(n, 9, days=0, template="2") for n in range(9)]
    return [*events, badge(1, 8, days=12, template="2"), *rising]


def badge(user: int, number: int, days: int, template: str | None = None) -> dict[str, Any]:
    """Return the issue of a badge so many days ago, at an hour that goes by the user."""
    issued = {
        "badge": f"{user}-{number}",
        "template": template or ("2" if user == 1 and number == 0 else "1"),
        "recipient": f"ST1USER{user}",
        "issuer": "ST1FIRST" if user % 2 else "ST1SECOND",
        "community": "1" if user % 3 else "2",
        "level": 1 + user % 3,
        "occurredAt": ago(max(days, 0), hours=user),
    }
    return {"badgeIssued": issued}


def ago(days: int, hours: int = 0) -> str:
    """Return the instant so many days and hours before the hour that runs."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return (hour - timedelta(days=days, hours=hours)).isoformat()


def rounded(value: float, digits: int = 0) -> str:
    """Return a number as the page writes it."""
    quantum = Decimal(1).scaleb(-digits)
    return f"{Decimal(repr(value)).quantize(quantum, ROUND_HALF_UP):,}"


def percent(value: float | None) -> str:
    """Return a rate as whole percents."""
    return "\N{EN DASH}" if value is None else f"{rounded(100 * value)}%"


def rate(value: float) -> str:
    """Return a rate in percent, with one digit unless that is 0."""
    return f"{rounded(100 * value, 1).removesuffix('.0')}%"


async def cells(rows: Locator) -> list[list[str]]:
    """Return the texts of the cells of rows."""
    await expect(rows.first).to_be_visible()
    read = "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"
    found: list[list[str]] = await rows.evaluate_all(read)
    return found


async def figures(page: Page, title: str) -> list[list[str]]:
    """Return the rows of the data table of a chart, by the title of its panel."""
    opened = panel(page, title).locator("details.figures")
    await opened.locator("summary").click()
    return await cells(opened.locator("tbody tr"))


async def standings(page: Page, title: str) -> list[list[str]]:
    """Return the rows of the table of a panel, by its title."""
    return await cells(panel(page, title).locator(".standings tbody tr"))


async def test_levels_issuers_and_communities_are_those_of_the_api(
    page: Page, service: Running
) -> None:
    answer = await service.ask(f"""{{
      distribution({WINDOW}) {{
        byLevel {{ label count percentage }}
        badgesByIssuer {{ rank issuer issued badges }}
        effectiveIssuers
      }}
      community({WINDOW}) {{
        mostActiveCommunities {{ rank badgesIssued recipients members community {{ name }} }}
      }}
    }}""")
    of = answer["distribution"]
    assert len(of["byLevel"]) == 3
    await expect(panel(page, "By level").locator(".legend li")).to_have_text(
        [f"{each['label']}{each['count']}{each['percentage']}%" for each in of["byLevel"]]
    )
    assert await standings(page, "Issuers") == [
        [str(each[key]) for key in ("rank", "issuer", "issued", "badges")]
        for each in of["badgesByIssuer"]
    ]
    concentrated = f"as concentrated as {rounded(of['effectiveIssuers'], 2)} of equal size"
    await expect(panel(page, "Issuers")).to_contain_text(concentrated)
    shown = await standings(page, "Communities")
    expected = answer["community"]["mostActiveCommunities"]
    assert [[row[0], *row[2:]] for row in shown] == [
        [str(each[key]) for key in ("rank", "badgesIssued", "recipients", "members")]
        for each in expected
    ]
    assert [row[1].split(" since")[0] for row in shown] == [
        each["community"]["name"] for each in expected
    ]


async def test_what_rises_and_what_each_category_awards_are_those_of_the_api(
    page: Page, service: Running
) -> None:
    of = (
        await service.ask(f"""{{ distribution({WINDOW}) {{
          trendingBadges {{ badge {{ name category }} last7Days previous23Days growth pValue }}
          mostAwardedByCategory {{ category badges {{ badge {{ name }} issued }} }}
        }} }}""")
    )["distribution"]
    (rising,) = of["trendingBadges"]
    ((_, name, growth, last, before, chance),) = await standings(page, "Trending")
    assert (name, last, before) == (
        f"{rising['badge']['name']} {rising['badge']['category']}",
        str(rising["last7Days"]),
        str(rising["previous23Days"]),
    )
    assert growth.split() == ["▲", "up", percent(rising["growth"])]
    # In two significant digits.
    times = float(chance.removeprefix("1 in ").replace(",", ""))
    assert times == pytest.approx(1 / rising["pValue"], rel=0.05)
    await expect(panel(page, "Trending")).to_contain_text("less often than once in 20 times")
    for category in of["mostAwardedByCategory"]:
        listed = panel(page, "Most awarded by category").get_by_role(
            "region", name=category["category"]
        )
        await expect(listed.locator("li")).to_have_text(
            [f"{each['badge']['name']} {each['issued']}" for each in category["badges"]]
        )


async def test_growth_and_engagement_are_those_of_the_api(page: Page, service: Running) -> None:
    answer = await service.ask(f"""{{
      aggregated({WINDOW}) {{
        figures {{ metric {{ name }} value }}
        users {{
          timeToFirstBadge {{ median stillWaiting }}
          userEngagement {{ histogram {{ label count percentage }} }}
        }}
      }}
      trends({WINDOW}, metric: NEW_USERS, granularity: DAY) {{ points {{ value }} }}
    }}""")
    value = {each["metric"]["name"]: each["value"] for each in answer["aggregated"]["figures"]}
    growth, engagement = panel(page, "Growth"), panel(page, "Engagement")
    await expect(growth.locator(".figure .amount")).to_have_text(
        [rounded(value[f"NEW_{name}"]) for name in ("USERS", "COMMUNITIES", "COMMUNITY_MEMBERS")]
    )
    await expect(growth.locator(".detail")).to_have_text(
        [
            f"{rounded(value[f'TOTAL_{name}'])} at the end of the range"
            for name in ("USERS", "COMMUNITIES", "COMMUNITY_MEMBERS")
        ]
    )
    await growth.locator("summary").first.click()
    drawn = await cells(growth.locator("tbody tr"))
    assert [row[1] for row in drawn] == [
        rounded(point["value"]) for point in answer["trends"]["points"]
    ]
    await expect(engagement.locator(".figure .amount")).to_have_text(
        [
            rate(value["ENGAGEMENT_RATE"]),
            rounded(value["ACTIVE_USERS"]),
            rounded(value["AVERAGE_BADGES_PER_USER"], 2),
        ]
    )
    users = answer["aggregated"]["users"]
    days = rounded(users["timeToFirstBadge"]["median"] / 86_400, 1).removesuffix(".0")
    await expect(engagement.locator(".figure").last).to_have_text(f"{days} d")
    still = f"{rate(users['timeToFirstBadge']['stillWaiting'])} still wait"
    await expect(engagement).to_contain_text(still)
    await expect(engagement.locator(".bars li")).to_have_text(
        [
            f"{each['label']}{each['count']}{each['percentage']}%"
            for each in users["userEngagement"]["histogram"]
        ]
    )


async def test_hours_and_lifecycle_are_those_of_the_api(page: Page, service: Running) -> None:
    users = (
        await service.ask(f"""{{ users({WINDOW}) {{
          peakActivity {{ weekday hour value }}
          lifecycle(by: WEEK) {{ active new resurrected returning dormant }}
        }} }}""")
    )["users"]
    days = list(dict.fromkeys(each["weekday"] for each in users["peakActivity"]))
    value = {(each["weekday"], each["hour"]): each["value"] for each in users["peakActivity"]}
    assert [row[1:] for row in await figures(page, "Peak activity")] == [
        [rounded(value[day, hour], 2) for day in days] for hour in range(24)
    ]
    assert [row[1:] for row in await figures(page, "Lifecycle")] == [
        [str(each[key]) for key in ("active", "new", "resurrected", "returning", "dormant")]
        for each in users["lifecycle"]
    ]


async def test_the_cohorts_and_their_pooled_mean_are_those_of_the_api(
    page: Page, service: Running
) -> None:
    of = (
        await service.ask(f"""{{ users({WINDOW}) {{ retentionCohorts(by: WEEK) {{
          cohorts {{ size cells {{ rate }} }}
          mean {{ rate size }}
        }} }} }}""")
    )["users"]["retentionCohorts"]
    mean, *rows = await cells(panel(page, "Retention").locator(".cohorts tbody tr"))
    pooled = [percent(each["rate"]) for each in of["mean"] if each["size"]]
    assert pooled
    assert mean == ["Mean", "", *pooled]
    begun = next(at for at, cohort in enumerate(of["cohorts"]) if cohort["size"])
    assert [row[1:] for row in rows] == [
        [str(cohort["size"]), *(percent(cell["rate"]) for cell in cohort["cells"])]
        for cohort in of["cohorts"][begun:]
    ]


async def test_the_arrow_keys_walk_the_grids_and_the_lifecycle(page: Page) -> None:
    hours = panel(page, "Peak activity").get_by_role("grid")
    await hours.locator("[tabindex='0']").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("End")
    focused = page.locator(":focus")
    await expect(focused).to_have_attribute(
        "aria-label", re.compile("Tuesday, 23:00 to 00:00: .* badges an hour")
    )
    said = await focused.get_attribute("aria-label")
    await expect(panel(page, "Peak activity").locator(".readout")).to_have_text(said or "")
    await expect(hours.locator("[tabindex='0']")).to_have_count(1)
    cohorts = panel(page, "Retention").get_by_role("grid")
    await cohorts.locator("[tabindex='0']").focus()
    await expect(focused).to_have_attribute(
        "aria-label", re.compile("of all cohorts were active in the week of joining$")
    )
    await page.keyboard.press("Control+End")
    await expect(focused).to_have_attribute(
        "aria-label", re.compile("active in the week of joining so far$")
    )
    bars = panel(page, "Lifecycle").get_by_role("slider")
    await bars.focus()
    await page.keyboard.press("Home")
    await expect(bars).to_have_attribute("aria-valuenow", "0")
    await expect(panel(page, "Lifecycle").locator(".states dd").first).to_have_text("0 active")


async def test_every_panel_has_a_title_and_each_chart_a_sentence_and_a_table(page: Page) -> None:
    titles = [
        *("Overview", "Badges issued by day", "By category", "Growth", "Engagement"),
        *("Peak activity", "Retention", "Lifecycle", "By level", "Top badges"),
        *("Most awarded by category", "Trending", "Communities", "Issuers", "Recent activity"),
    ]
    await expect(page.locator(".panel > h2")).to_have_text(titles)
    charts = await page.locator(".chart").count()
    await expect(page.locator(".chart figcaption > span:first-child", has_text=".")).to_have_count(
        charts
    )
    await expect(page.locator(".chart details.figures")).to_have_count(charts)


async def test_a_level_an_issuer_a_community_and_a_category_filter_the_page(
    browser: Browser, service: Running
) -> None:
    async with visit(browser, f"{service.base}/{ADDRESS}") as visited:
        page = visited.page
        for title, name in (
            ("By level", "Level 1"),
            ("Issuers", "ST1FIRST"),
            ("Communities", "Lagos Stackers"),
            ("Most awarded by category", "skill"),
        ):
            await panel(page, title).get_by_role("button", name=name).first.click()
        filters = "category=skill&level=1&issuer=ST1FIRST&community=2"
        await expect(page).to_have_url(f"{service.base}/{ADDRESS}&{filters}")
        await expect(panel(page, "Issuers").locator("tbody tr")).to_have_count(1)


async def test_cohorts_go_by_the_unit_mode_and_week_of_the_address(
    browser: Browser, service: Running
) -> None:
    address = f"{service.base}/{ADDRESS}&week=sunday&cohorts=month&retained=streak"
    async with visit(browser, address) as visited:
        page, retention = visited.page, panel(visited.page, "Retention")
        await expect(retention.get_by_label("Joined by")).to_have_value("month")
        await expect(retention.get_by_role("combobox", name="Active")).to_have_value("streak")
        hours = panel(page, "Peak activity").locator(".week tbody th")
        await expect(hours.first).to_have_text("Sun")
        await retention.get_by_label("Joined by").select_option("week")
        await page.get_by_label("Weeks from").select_option("Monday")
        await retention.get_by_role("combobox", name="Active").select_option("in that week")
        await expect(page).to_have_url(f"{service.base}/{ADDRESS}&cohorts=week")
        await expect(hours.first).to_have_text("Mon")


async def test_axe_finds_nothing_on_a_phone_and_only_the_cohorts_scroll_sideways(
    browser: Browser, service: Running
) -> None:
    look = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    # The script is put into the page from outside, which the policy of the page forbids.
    async with visit(browser, f"{service.base}/{ADDRESS}", bypass_csp=True, **look) as visited:
        page = visited.page
        await is_live(page)
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        scrolling = "(e) => e.scrollWidth > e.clientWidth"
        assert await page.locator(".chart > .scroll").evaluate(scrolling)
        await page.evaluate(AXE.read_text())
        found = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
