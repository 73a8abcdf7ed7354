"""Every number can be opened into the list behind it, and the list has as many entries."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.projection import Database
from services.analytics import Question
from services.badges import BadgeOrder, BadgesAsked
from services.community import CommunityMetrics
from services.directory import CommunityOrder, TemplateOrder
from services.distribution import BadgeDistribution
from services.errors import AnalyticsError
from services.figures import Where
from services.issuance import IssuanceMetrics
from services.paging import Page
from services.people import (
    Active,
    Group,
    Holding,
    InCohort,
    InState,
    Joined,
    LifecycleState,
    MemberOf,
    PersonOrder,
    Waiting,
)
from services.retention import RetentionMode
from services.users import UserMetrics
from services.window import Between, Granularity, Last, Weekday
from tests.histories import NOW, History
from tests.services import Services
from tests.test_ledger import HISTORIES, UNMEASURED, UNSHRUNK, empty

Fetch = Callable[[Page], Awaitable[Any]]
SMALL = 3


async def walked(fetch: Fetch) -> list[Any]:
    """Return all nodes of a connection, page by page forward, after checking it backward too."""
    forward, cursor, total = [], None, None
    while True:
        found = await fetch(Page(size=SMALL, backward=False, cursor=cursor))
        forward += [edge.node for edge in found.edges]
        total = found.total_count
        if not found.page_info.has_next_page:
            break
        cursor = found.page_info.end_cursor
    backward: list[Any] = []
    cursor = None
    while True:
        found = await fetch(Page(size=SMALL, backward=True, cursor=cursor))
        backward = [edge.node for edge in found.edges] + backward
        if not found.page_info.has_previous_page:
            break
        cursor = found.page_info.start_cursor
    assert forward == backward
    assert len(forward) == total
    return forward


class Opened:
    """Opens numbers of one question into lists, and counts these."""

    def __init__(self, services: Services, question: Question) -> None:
        self.analytics = services.analytics
        self.question = question

    def asked(self, **changes: Any) -> Question:
        """Return the question, with another range or another filter."""
        where = replace(self.question.where, **changes.pop("where", {}))
        return replace(self.question, where=where, compared=None, **changes)

    async def badges(self, asked: BadgesAsked | None = None, **changes: Any) -> int:
        question, order = self.asked(**changes), asked or BadgesAsked()
        return len(await walked(lambda page: self.analytics.badges(question, order, page)))

    async def people(self, group: Group | None, **changes: Any) -> int:
        question = self.asked(**changes)
        return len(
            await walked(
                lambda page: self.analytics.people(question, group, PersonOrder.NEWEST, page)
            )
        )

    async def communities(self, **changes: Any) -> int:
        question = self.asked(**changes)
        return len(
            await walked(
                lambda page: self.analytics.communities(question, None, CommunityOrder.OLDEST, page)
            )
        )

    async def templates(self, **changes: Any) -> int:
        question, order = self.asked(**changes), TemplateOrder.MOST_ISSUED
        return len(await walked(lambda page: self.analytics.templates(question, order, page)))


def milliseconds(at: Any) -> int:
    return int(at.timestamp() * 1000)


def bucket(point: Any) -> Between:
    return Between(milliseconds(point.start), milliseconds(point.end))


async def check_issuance(opened: Opened, metrics: IssuanceMetrics) -> None:
    assert await opened.badges() == await metrics.badges_issued()
    assert await opened.badges(range=None) == await metrics.total_badges_issued()
    revoked = BadgesAsked(is_revoked=True)
    assert await opened.badges(revoked, range=None) == await metrics.total_badges_revoked()
    held = BadgesAsked(is_revoked=False, order=BadgeOrder.OLDEST)
    assert await opened.badges(held, range=None) == await metrics.badges_held()
    for each in await metrics.by_category():
        keys = (each.key,)
        assert await opened.badges(where={"categories": keys}) == each.count
    for each in await metrics.by_level():
        assert await opened.badges(where={"levels": (each.key,)}) == each.count
    for each in (await metrics.by_issuer())[:3]:
        assert await opened.badges(where={"issuers": (each.key,)}) == each.count
    for point in (await metrics.monthly_issuance())[-2:]:
        assert await opened.badges(range=bucket(point)) == point.value
    for standing in (await metrics.top_badges())[:3]:
        where = {"badges": (standing.badge.id,)}
        assert await opened.badges(where=where) == standing.issued
        assert await opened.people(Active(), where=where) == standing.recipients
        assert await opened.people(Holding(1), where=where) == standing.holders


async def check_community(opened: Opened, metrics: CommunityMetrics) -> None:
    assert await opened.communities(range=None) == await metrics.total_communities()
    for standing in (await metrics.most_active_communities())[:3]:
        where = {"communities": (standing.community.id,)}
        assert await opened.badges(where=where) == standing.badges_issued
        assert await opened.people(Active(), where=where) == standing.recipients
        members = MemberOf(standing.community.id)
        assert await opened.people(members, where=where) == standing.members
    for point in (await metrics.community_growth_trend())[-3:]:
        assert await opened.communities(range=bucket(point)) == point.new_communities


async def check_users(opened: Opened, metrics: UserMetrics, random: Random) -> None:
    assert await opened.people(None) == await metrics.total_users()
    for point in (await metrics.monthly_new_users())[-2:]:
        assert await opened.people(Joined(), range=bucket(point)) == point.value
    for point in (await metrics.weekly_active_users())[-2:]:
        assert await opened.people(Active(), range=bucket(point)) == point.value
    bins = {
        "0": (0, 0),
        "1": (1, 1),
        "2": (2, 2),
        "3-5": (3, 5),
        "6-10": (6, 10),
        "11+": (11, None),
    }
    for each in (await metrics.user_engagement()).histogram:
        assert await opened.people(Holding(*bins[each.key])) == each.count
    for mode in RetentionMode:
        cohorts = (await metrics.retention_cohorts(Granularity.MONTH, mode)).cohorts
        for cohort in random.sample(cohorts, k=min(2, len(cohorts))):
            start = milliseconds(cohort.start)
            assert await opened.people(InCohort(Granularity.MONTH, start)) == cohort.size
            for cell in cohort.cells:
                group = InCohort(Granularity.MONTH, start, cell.offset, mode)
                assert await opened.people(group) == cell.retained
    for bucket_ in (await metrics.lifecycle())[-2:]:
        for state in LifecycleState:
            group_ = InState(Granularity.MONTH, milliseconds(bucket_.start), state)
            assert await opened.people(group_) == getattr(bucket_, state.name.lower())
    waiting, users = await opened.people(Waiting()), await opened.people(Joined())
    share = (await metrics.time_to_first_badge()).still_waiting
    assert waiting == pytest.approx((share or 0) * users)
    busiest = max(await metrics.peak_activity(), key=lambda cell: cell.count)
    hour = BadgesAsked(weekday=busiest.weekday, hour=busiest.hour)
    assert await opened.badges(hour) == busiest.count


async def check_distribution(opened: Opened, metrics: BadgeDistribution) -> None:
    for standing in (await metrics.badges_by_issuer())[:3]:
        where = {"issuers": (standing.issuer,)}
        assert await opened.badges(where=where) == standing.issued
        assert await opened.templates(where=where) == standing.badges
    for category in (await metrics.most_awarded_by_category())[:2]:
        for each in category.badges[:2]:
            where = {"categories": (category.category,), "badges": (each.badge.id,)}
            assert await opened.badges(where=where) == each.issued
    for trending in (await metrics.trending_badges())[:2]:
        where = {"badges": (trending.badge.id,)}
        week = Last(7, Granularity.DAY)
        assert await opened.badges(where=where, range=week) == trending.last7_days


@UNMEASURED
@settings(max_examples=max(2, HISTORIES // 3), phases=UNSHRUNK)
@given(seed=st.integers(0, 2**32))
async def test_every_list_has_as_many_entries_as_the_number_that_was_clicked(
    mongo_url: str, seed: int
) -> None:
    random, history = Random(seed), History(seed)  # noqa: S311  # a story needs no secrecy
    async with empty(mongo_url) as database:
        services = await Services.on(database, NOW)
        for delivery in history.deliveries():
            await services.log.accept(delivery, "chainhook")
        await services.commit(50)
        zone = random.choice(["UTC", "Asia/Kolkata", "Australia/Lord_Howe"])
        week_start = random.choice(list(Weekday))
        # A whole number of months, in which cohorts and lists mean the same buckets.
        for range_ in (None, Last(random.randint(1, 3), Granularity.MONTH)):
            question = Question(range=range_, zone=zone, week_start=week_start)
            view, opened = await services.analytics.view(question), Opened(services, question)
            await check_issuance(opened, IssuanceMetrics(view=view))
            await check_community(opened, CommunityMetrics(view=view))
            await check_users(opened, UserMetrics(view=view), random)
            await check_distribution(opened, BadgeDistribution(view=view))
        await services.reader.close()


async def test_a_filtered_list_is_consistent_too(database: Database) -> None:
    history = History(7)
    services = await Services.on(database, NOW)
    for delivery in history.deliveries():
        await services.log.accept(delivery, "chainhook")
    await services.commit()
    question = Question(range=Last(2, Granularity.MONTH), where=Where(levels=("1", "2")))
    view, opened = await services.analytics.view(question), Opened(services, question)
    await check_users(opened, UserMetrics(view=view), Random(1))  # noqa: S311  # no secrecy
    await check_distribution(opened, BadgeDistribution(view=view))
    await services.reader.close()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((0, None, None, None), "a page of none"),
        ((101, None, None, None), "a page that is too long"),
        ((5, None, 5, None), "both ends"),
        ((5, None, None, "x"), "first with before"),
        ((None, "x", None, "y"), "two cursors"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_page_that_makes_no_sense_is_refused(
    arguments: tuple[int | None, str | None, int | None, str | None], reason: str
) -> None:
    with pytest.raises(AnalyticsError) as refused:
        Page.of(*arguments)
    assert refused.value.code == "BAD_PAGE", reason


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "AAAAAAAAAAAAAAAAAAAAAA===", "A" * 27])
async def test_a_forged_cursor_is_refused(database: Database, cursor: str) -> None:
    services = await Services.on(database, NOW)
    for fetch in (
        lambda page: services.analytics.badges(Question(), BadgesAsked(), page),
        lambda page: services.analytics.people(Question(), None, PersonOrder.NEWEST, page),
    ):
        with pytest.raises(AnalyticsError, match="no cursor"):
            await fetch(Page(size=2, backward=False, cursor=cursor))
    await services.reader.close()
