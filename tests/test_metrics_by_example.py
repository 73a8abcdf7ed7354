"""The definitions of design/metrics.md, each by a worked example."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from documents.projection import Database
from services import activity
from services.analytics import Question
from services.community import CommunityMetrics
from services.distribution import BadgeDistribution, p_value
from services.events import Delivery, Event, EventType, identity
from services.figures import Where
from services.issuance import IssuanceMetrics
from services.paging import Page
from services.retention import RetentionMode
from services.trends import trend, value
from services.users import UserMetrics
from services.view import View
from services.window import Between, Comparison, Granularity, Last
from tests.services import Services

NOW = datetime(2026, 9, 16, 12, tzinfo=UTC)
"""A Wednesday."""

Tell = Callable[..., Awaitable[None]]
Look = Callable[..., Awaitable[View]]


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def ago(**how_long: float) -> datetime:
    return NOW - timedelta(**how_long)


class Told:
    """A service that is told events and asked questions, on 16 September 2026 at noon."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._number = 0

    async def tell(self, kind: str, at: datetime, **keys: Any) -> None:
        self._number += 1
        event: dict[str, Any] = {"id": identity(self._number), "type": kind, "at": ms(at), **keys}
        await self.services.log.accept(Delivery(events=[Event(**event)]), "api")  # type: ignore[typeddict-item]  # its keys depend on its type
        await self.services.commit()

    async def issue(self, badge: str, at: datetime, user: str = "ann", **keys: Any) -> None:
        await self.tell("badge_issued", at, badge=badge, user=user, **keys)

    async def view(self, **question: Any) -> View:
        return await self.services.analytics.view(Question(**question))


@pytest.fixture
async def told(database: Database) -> AsyncIterator[Told]:
    services = await Services.on(database, ms(NOW))
    yield Told(services)
    await services.reader.close()


# Time


async def test_today_this_week_and_this_month_are_calendar_buckets_to_date(told: Told) -> None:
    for badge, at in {
        "today": ago(hours=11),
        "monday": datetime(2026, 9, 14, 0, tzinfo=UTC),
        "sunday": datetime(2026, 9, 13, 23, 59, tzinfo=UTC),
        "first": datetime(2026, 9, 1, 0, tzinfo=UTC),
        "before": datetime(2026, 8, 31, 23, 59, 59, tzinfo=UTC),
    }.items():
        await told.issue(badge, at)
    metrics = IssuanceMetrics(view=await told.view())
    assert await metrics.badges_issued_today() == 1
    assert await metrics.badges_issued_this_week() == 2
    assert await metrics.badges_issued_this_month() == 4


async def test_a_day_begins_at_the_midnight_of_the_zone(told: Told) -> None:
    await told.issue("a", datetime(2026, 9, 15, 18, 20, tzinfo=UTC))  # 00:05 in Kathmandu
    await told.issue("b", datetime(2026, 9, 15, 18, 10, tzinfo=UTC))  # 23:55 the day before
    utc = IssuanceMetrics(view=await told.view())
    kathmandu = IssuanceMetrics(view=await told.view(zone="Asia/Kathmandu"))
    assert await utc.badges_issued_today() == 0
    assert await kathmandu.badges_issued_today() == 1


async def test_a_series_is_zero_filled_and_its_open_bucket_is_partial(told: Told) -> None:
    await told.issue("a", ago(days=2))
    points = await IssuanceMetrics(view=await told.view()).daily_issuance()
    assert [point.value for point in points] == [0] * 27 + [1, 0, 0]
    assert [point.is_partial for point in points] == [False] * 29 + [True]


@pytest.mark.parametrize(
    ("now", "then", "percent", "is_new"),
    [(3, 2, 50.0, False), (0, 2, -100.0, False), (2, 0, None, True), (0, 0, 0.0, False)],
)
async def test_a_change_is_told_in_percent_of_what_was(
    told: Told, now: int, then: int, percent: float | None, is_new: bool
) -> None:
    for number in range(now):
        await told.issue(f"now {number}", ago(hours=1))
    for number in range(then):
        await told.issue(f"then {number}", ago(days=1, hours=1))
    view = await told.view(range=Last(1, Granularity.DAY), compared=Comparison.PREVIOUS_PERIOD)
    found = (await value(view, "BADGES_ISSUED")).comparison
    assert found is not None
    assert (found.value, found.change) == (then, now - then)
    assert (found.change_percent, found.is_new) == (percent, is_new)


async def test_an_open_bucket_is_compared_up_to_the_same_moment(told: Told) -> None:
    await told.issue("before noon yesterday", ago(days=1, hours=1))
    await told.issue("after noon yesterday", ago(days=1, hours=-1))
    view = await told.view(range=Last(1, Granularity.DAY), compared=Comparison.PREVIOUS_PERIOD)
    found = (await value(view, "BADGES_ISSUED")).comparison
    assert found is not None
    assert found.value == 1


# Issuance


async def test_a_revocation_does_not_lower_what_was_issued(told: Told) -> None:
    await told.issue("soft", ago(days=3))
    await told.issue("burned", ago(days=3))
    await told.issue("kept", ago(days=3))
    await told.tell("badge_revoked", ago(days=1), badge="soft", hard=False)
    await told.tell("badge_revoked", ago(days=1), badge="burned", hard=True)
    metrics = IssuanceMetrics(view=await told.view())
    assert await metrics.total_badges_issued() == 3
    assert await metrics.total_badges_revoked() == 2
    assert await metrics.badges_revoked_softly() == 1
    assert await metrics.badges_revoked_hard() == 1
    assert await metrics.badges_held() == 1


async def test_an_update_moves_a_badge_in_the_bucket_in_which_it_was_issued(told: Told) -> None:
    await told.issue("a", ago(days=40), category=1, level=1)
    await told.tell("badge_updated", ago(days=1), badge="a", category=5, level=3)
    then = Between(ms(ago(days=41)), ms(ago(days=39)))
    old = IssuanceMetrics(view=await told.view(range=then))
    assert [(each.key, each.count) for each in await old.by_category()] == [("skill", 1)]
    assert [(each.key, each.count) for each in await old.by_level()] == [("3", 1)]
    recent = IssuanceMetrics(view=await told.view(range=Last(7, Granularity.DAY)))
    assert await recent.by_category() == []


async def test_the_revocation_rate_is_about_one_cohort_of_issues(told: Told) -> None:
    for number in range(4):
        await told.issue(f"old {number}", ago(days=40))
    await told.issue("new", ago(days=1))
    await told.tell("badge_revoked", ago(hours=1), badge="old 0", hard=False)
    recent = IssuanceMetrics(view=await told.view(range=Last(7, Granularity.DAY)))
    assert await recent.revocation_rate() == 0
    old = Between(ms(ago(days=41)), ms(ago(days=39)))
    assert await IssuanceMetrics(view=await told.view(range=old)).revocation_rate() == 0.25


async def test_ties_go_by_count_then_by_id(told: Told) -> None:
    for number, template in enumerate(["10", "9", "2", "2"]):
        await told.issue(f"b {number}", ago(days=1), template=template)
    standings = await IssuanceMetrics(view=await told.view()).top_badges()
    assert [each.badge.id for each in standings] == ["2", "9", "10"]


async def test_an_unlisted_number_is_shown_as_unknown(told: Told) -> None:
    await told.issue("a", ago(days=1), category=9, level=9)
    await told.issue("b", ago(days=1))
    metrics = IssuanceMetrics(view=await told.view())
    assert {each.key for each in await metrics.by_category()} == {"unknown (9)", "unknown"}
    assert [each.label for each in await metrics.by_level()] == ["unknown (9)", "unknown"]


# Community


async def test_members_per_community_is_a_real_number_and_0_without_any(told: Told) -> None:
    assert await CommunityMetrics(view=await told.view()).average_members_per_community() == 0
    for community in ("1", "2"):
        await told.tell("community_created", ago(days=9), community=community, user="owner")
    for member in ("ann", "bob", "eve"):
        await told.tell("member_added", ago(days=8), community="1", user=member)
    await told.tell("community_deactivated", ago(days=1), community="2")
    metrics = CommunityMetrics(view=await told.view())
    # Each creator is a member from the creation on.
    assert await metrics.average_members_per_community() == 2.5
    assert await metrics.total_communities() == 2
    assert await metrics.deactivated_communities() == 1


async def test_the_most_active_communities_are_those_of_the_range_not_the_newest(
    told: Told,
) -> None:
    for number in range(12):
        at = ago(days=30 - number)
        await told.tell("community_created", at, community=str(number), user="owner")
    await told.issue("a", ago(days=2), community="0", user="ann")
    await told.issue("b", ago(days=2), community="0", user="ann")
    await told.issue("old", ago(days=20), community="1", user="bob")
    view = await told.view(range=Last(7, Granularity.DAY))
    (standing,) = await CommunityMetrics(view=view).most_active_communities()
    assert (standing.community.id, standing.badges_issued, standing.recipients) == ("0", 2, 1)


async def test_growth_tells_the_members_at_the_end_of_each_bucket(told: Told) -> None:
    await told.tell("community_created", ago(days=70), community="1", user="owner")
    await told.tell("member_added", ago(days=69), community="1", user="ann")
    await told.tell("member_added", ago(days=5), community="1", user="bob")
    trend_ = await CommunityMetrics(view=await told.view()).community_growth_trend()
    last = [(each.new_communities, each.total_communities, each.total_members) for each in trend_]
    assert last[-3:] == [(1, 1, 2), (0, 1, 2), (0, 1, 3)]


# Users


async def test_a_user_joins_at_the_first_appearance_or_an_earlier_registration(
    told: Told,
) -> None:
    await told.issue("a", ago(days=5), user="ann")
    await told.tell("user_joined", ago(days=9), user="ann")
    await told.tell("user_joined", ago(days=1), user="ann")
    await told.tell("community_created", ago(days=4), community="1", user="ann")
    await told.tell("member_added", ago(days=3), community="1", user="bob")
    points = await UserMetrics(view=await told.view()).daily_new_users()
    joined = {point.start.date(): point.value for point in points if point.value}
    assert joined == {ago(days=9).date(): 1, ago(days=3).date(): 1}


async def test_uniques_are_not_summed(told: Told) -> None:
    for number in range(3):
        await told.issue(f"b {number}", ago(days=number), user="ann")
    metrics = UserMetrics(view=await told.view())
    assert sum(point.value or 0 for point in await metrics.daily_active_users()) == 3
    assert await metrics.active_users_this_week() == 1
    assert (await metrics.monthly_active_users())[-1].value == 1


async def test_averages_and_the_engagement_rate_are_about_badges_held(told: Told) -> None:
    await told.issue("a", ago(days=5), user="ann")
    await told.issue("b", ago(days=5), user="ann")
    await told.issue("c", ago(days=5), user="bob")
    await told.tell("badge_revoked", ago(days=1), badge="c", hard=False)
    metrics = UserMetrics(view=await told.view())
    assert await metrics.average_badges_per_user() == 1.0
    assert await metrics.engagement_rate() == 0.5
    engagement = await metrics.user_engagement()
    assert engagement.users_with_no_badges == 1
    assert engagement.users_with_multiple_badges == 1
    assert [each.count for each in engagement.histogram] == [1, 0, 1, 0, 0, 0]


async def test_the_retention_rate_compares_the_last_complete_month_with_the_one_before(
    told: Told,
) -> None:
    assert await UserMetrics(view=await told.view()).retention_rate() is None
    july, august = datetime(2026, 7, 10, tzinfo=UTC), datetime(2026, 8, 10, tzinfo=UTC)
    for user in ("ann", "bob", "eve", "joe"):
        await told.issue(f"july {user}", july, user=user)
    await told.issue("august", august, user="ann")
    await told.issue("september", ago(days=1), user="bob")
    metrics = UserMetrics(view=await told.view())
    assert await metrics.retention_rate() == 0.25
    months = await trend(await told.view(), "RETENTION_RATE", Granularity.MONTH)
    assert [point.value for point in months.points] == [None, 0.25, 0.0]


async def test_a_cohort_is_fixed_by_the_first_appearance_ever(told: Told) -> None:
    await told.issue("long ago", datetime(2026, 3, 1, tzinfo=UTC), user="ann")
    await told.issue("in range", datetime(2026, 8, 2, tzinfo=UTC), user="ann")
    await told.issue("first", datetime(2026, 8, 3, tzinfo=UTC), user="bob")
    view = await told.view(range=Last(2, Granularity.MONTH))
    found = await UserMetrics(view=view).retention_cohorts()
    assert [cohort.size for cohort in found.cohorts] == [1, 0]


async def test_cohorts_in_three_modes_with_a_pooled_mean(told: Told) -> None:
    june, july, august = (datetime(2026, month, 5, tzinfo=UTC) for month in (6, 7, 8))
    for user, months in {
        "ann": (june, july, august),
        "bob": (june, august),
        "eve": (june,),
        "joe": (july,),
        "zoe": (july, august),
    }.items():
        for month in months:
            await told.issue(f"{user} {month}", month, user=user)
    await told.tell("user_joined", june, user="idle")
    metrics = UserMetrics(view=await told.view(range=Last(4, Granularity.MONTH)))

    async def retained(mode: RetentionMode) -> list[list[int]]:
        found = await metrics.retention_cohorts(Granularity.MONTH, mode)
        return [[cell.retained for cell in cohort.cells] for cohort in found.cohorts]

    assert await retained(RetentionMode.BOUNDED) == [[3, 1, 2, 0], [2, 1, 0], [0, 0], [0]]
    assert await retained(RetentionMode.UNBOUNDED) == [[3, 2, 2, 0], [2, 1, 0], [0, 0], [0]]
    assert await retained(RetentionMode.STREAK) == [[3, 1, 1, 0], [2, 1, 0], [0, 0], [0]]
    found = await metrics.retention_cohorts()
    assert found.cohorts[0].cells[0].rate == 0.75, "who joined without a badge counts"
    assert [cell.is_complete for cell in found.cohorts[0].cells] == [True, True, True, False]
    # Pooled: at offset 1 one of four and one of two.
    assert [(mean.retained, mean.size) for mean in found.mean] == [(5, 6), (2, 6), (2, 4)]


async def test_the_lifecycle_adds_up(told: Told) -> None:
    for user, months in {"ann": (5, 6, 7), "bob": (5, 7), "eve": (7,), "joe": (6,)}.items():
        for month in months:
            await told.issue(f"{user} {month}", datetime(2026, month, 9, tzinfo=UTC), user=user)
    july = Between(ms(datetime(2026, 7, 1, tzinfo=UTC)), ms(datetime(2026, 8, 1, tzinfo=UTC)))
    (point,) = await UserMetrics(view=await told.view(range=july)).lifecycle()
    assert (point.new, point.returning, point.resurrected, point.dormant) == (1, 1, 1, 1)
    assert point.active == point.new + point.returning + point.resurrected == 3


async def test_the_time_to_the_first_badge(told: Told) -> None:
    for user, hours in {"ann": 0, "bob": 2, "eve": 10}.items():
        await told.tell("user_joined", ago(days=9), user=user)
        await told.issue(f"b {user}", ago(days=9, hours=-hours), user=user)
    await told.tell("user_joined", ago(days=1), user="joe")
    found = await UserMetrics(view=await told.view()).time_to_first_badge()
    assert found.median == 2 * 3600
    assert found.p90 == pytest.approx(8.4 * 3600)
    assert found.still_waiting == 0.25


async def test_peak_activity_divides_by_how_often_the_hour_occurred(told: Told) -> None:
    await told.issue("a", datetime(2026, 9, 1, 10, 30, tzinfo=UTC))
    await told.issue("b", datetime(2026, 9, 8, 10, 30, tzinfo=UTC))
    await told.issue("c", datetime(2026, 9, 8, 10, 45, tzinfo=UTC))
    grid = await UserMetrics(view=await told.view()).peak_activity()
    assert len(grid) == 168
    (cell,) = [cell for cell in grid if cell.count]
    # Three Tuesdays since the first event.
    assert (cell.weekday.name, cell.hour, cell.count, cell.value) == ("TUESDAY", 10, 3, 1.0)


# Distribution


async def test_percentages_add_to_100_by_largest_remainder(told: Told) -> None:
    for category in (1, 2, 3):
        await told.issue(f"b {category}", ago(days=1), category=category)
    slices = await BadgeDistribution(view=await told.view()).by_category()
    assert [each.percentage for each in slices] == [34, 33, 33]
    assert [each.share for each in slices] == [pytest.approx(1 / 3)] * 3


async def test_trending_needs_a_significant_rise_and_lists_new_badges_last(told: Told) -> None:
    for number in range(23):
        await told.issue(f"steady {number}", ago(days=7 + number), template="steady")
    for number in range(7):
        await told.issue(f"steady now {number}", ago(days=number), template="steady")
    await told.issue("old", ago(days=25), template="rising")
    for number in range(9):
        await told.issue(f"rising {number}", ago(days=1), template="rising")
    await told.issue("new", ago(days=1), template="new")
    trending = await BadgeDistribution(view=await told.view()).trending_badges()
    assert [(each.badge.id, each.is_new) for each in trending] == [
        ("rising", False),
        ("new", True),
    ]
    rising, new = trending
    assert (rising.last7_days, rising.previous23_days) == (9, 1)
    assert rising.growth == pytest.approx((9 / 7) / (1 / 23) - 1)
    assert rising.p_value == pytest.approx(p_value(9, 1))
    assert (new.growth, new.p_value) == (None, None)


def test_the_binomial_test_is_exact() -> None:
    # P(X >= 5), X ~ Binomial(5, 7/30).
    assert p_value(5, 0) == pytest.approx((7 / 30) ** 5)
    # R: binom.test(9, 10, 7/30, alternative = "greater")$p.value
    assert p_value(9, 1) == pytest.approx(10 * (7 / 30) ** 9 * (23 / 30) + (7 / 30) ** 10)


async def test_concentration_and_rarity(told: Told) -> None:
    for number, issuer in enumerate(["x", "x", "y"]):
        await told.issue(
            f"b {number}", ago(days=1), user=f"u {number}", issuer=issuer, template="t"
        )
    await told.tell("user_joined", ago(days=1), user="idle")
    await told.tell("badge_revoked", ago(hours=1), badge="b 0", hard=False)
    metrics = BadgeDistribution(view=await told.view())
    assert await metrics.effective_issuers() == pytest.approx(1 / ((2 / 3) ** 2 + (1 / 3) ** 2))
    (standing,) = await metrics.top_badges()
    assert (standing.holders, standing.rarity) == (2, 0.5)


async def test_a_filter_chooses_badges_and_with_them_users_and_communities(told: Told) -> None:
    await told.tell("community_created", ago(days=9), community="1", user="owner")
    await told.tell("member_added", ago(days=9), community="1", user="member")
    await told.issue("a", ago(days=2), user="ann", category=5, community="1")
    await told.issue("b", ago(days=2), user="bob", category=1)
    where = Where(categories=("skill",))
    assert await UserMetrics(view=await told.view(where=where)).total_users() == 1
    community = CommunityMetrics(view=await told.view(where=where))
    assert await community.total_communities() == 1
    assert await community.total_community_members() == 2
    assert await IssuanceMetrics(view=await told.view(where=where)).total_badges_issued() == 1


# Ranges that are compared, and what lies before


async def test_an_answer_tells_what_its_range_is_compared_with(told: Told) -> None:
    for day in range(1, 31):
        await told.issue(f"b {day}", datetime(2026, 8, day, 6, tzinfo=UTC))
    august = Between(date(2026, 8, 1), date(2026, 9, 1))
    view = await told.view(range=Last(7, Granularity.DAY), compared=august)
    figure = await value(view, "BADGES_ISSUED")
    # The range has six days and twelve hours until now.
    assert figure.comparison is not None
    assert figure.comparison.value == 7
    answers = IssuanceMetrics(view=view), UserMetrics(view=view)
    for compared in [answer.compared_range() for answer in answers]:
        assert compared is not None
        assert compared.start == datetime(2026, 8, 1, tzinfo=UTC)
        assert compared.end == datetime(2026, 8, 7, 12, tzinfo=UTC)
    assert (await trend(view, "BADGES_ISSUED", Granularity.DAY)).compared_range == compared
    assert IssuanceMetrics(view=await told.view()).compared_range() is None


async def test_what_a_range_of_months_retains_is_of_the_months_before(told: Told) -> None:
    """The same as the month's own bucket, though the month before is a day shorter or longer."""
    await told.issue("first", datetime(2026, 7, 1, 0, 30, tzinfo=UTC))
    await told.issue("second", datetime(2026, 8, 9, tzinfo=UTC))
    await told.issue("third", datetime(2026, 6, 30, 23, 30, tzinfo=UTC), user="bob")
    view = await told.view(range=Last(1, Granularity.MONTH, skipped=1))
    (point,) = (await trend(view, "RETENTION_RATE", Granularity.MONTH)).points
    assert (await value(view, "RETENTION_RATE")).value == point.value == 1.0
    assert await UserMetrics(view=view).retention_rate() == 1.0


async def test_nothing_ends_before_it_has_begun(told: Told) -> None:
    await told.tell("badge_revoked", ago(days=9), badge="b", hard=False)
    await told.issue("b", ago(days=2))
    await told.tell("community_created", ago(days=2), community="c", user="owner")
    await told.tell("community_deactivated", ago(days=9), community="c")
    view = await told.view(range=Last(10, Granularity.DAY))
    for name in ("BADGES_HELD", "TOTAL_BADGES_REVOKED", "DEACTIVATED_COMMUNITIES"):
        points = (await trend(view, name, Granularity.DAY)).points
        assert [point.value for point in points[:7]] == [0] * 7
    assert await IssuanceMetrics(view=view).total_badges_revoked() == 1


async def test_a_type_that_is_named_twice_is_counted_once(told: Told) -> None:
    await told.issue("b", ago(days=2))
    page, kind = Page(size=10, backward=False, cursor=None), EventType.BADGE_ISSUED
    found = await told.services.analytics.activity(page, [kind, kind], activity.Told())
    assert (found.total_count, len(found.edges)) == (1, 1)


async def test_a_comparison_looks_back_from_the_range_that_is_compared(told: Told) -> None:
    """What a week is compared with is as if that had been asked for itself."""
    for user, days in {"ann": (40, 33), "bob": (40, 2, 9), "eve": (33,), "joe": (37, 26)}.items():
        for day in days:
            await told.issue(f"{user} {day}", ago(days=day), user=user)
    for other in (Last(2, Granularity.WEEK, skipped=4), Between(date(2026, 8, 10), None)):
        asked = await value(await told.view(range=other), "RETENTION_RATE")
        week = Last(1, Granularity.WEEK, skipped=1)
        figure = await value(await told.view(range=week, compared=other), "RETENTION_RATE")
        assert figure.comparison is not None
        assert figure.comparison.value == asked.value


async def test_all_time_holds_what_is_dated_ahead(told: Told) -> None:
    await told.issue("a", ago(days=3))
    await told.issue("b", ago(days=-1))
    view = await told.view()
    assert await IssuanceMetrics(view=view).total_badges_issued() == 2
    assert (await value(view, "BADGES_ISSUED")).value == 2
    points = (await trend(view, "BADGES_ISSUED", Granularity.DAY)).points
    assert [point.value for point in points] == [1, 0, 0, 0, 1]
    assert [point.is_partial for point in points] == [False] * 3 + [True] * 2
    assert sum(cell.count for cell in await UserMetrics(view=view).peak_activity()) == 2
