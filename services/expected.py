"""Every figure by brute force, from what a recount says: what the service's answers must equal.

Written for being plainly right. Each class has a method for each figure of the answer whose name
it bears, and computes it from lists. `services.verify` and the tests hold the answers to it.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from math import comb
from typing import Any

from services.answers import (
    Badge,
    BadgeStanding,
    Names,
    SeriesPoint,
    Slice,
    instant,
)
from services.community import Community, CommunityGrowthPoint, CommunityStanding
from services.distribution import (
    TRENDING_LEAST,
    TRENDING_P,
    CategoryBadge,
    CategoryBadges,
    IssuerStanding,
    TrendingBadge,
)
from services.errors import AnalyticsError
from services.figures import Where
from services.recount import Founded, Issued, Person, Truth
from services.retention import (
    Cohort,
    CohortCell,
    LifecyclePoint,
    MeanRetention,
    RetentionCohorts,
    RetentionMode,
)
from services.users import PeakActivityCell, TimeToFirstBadge, UserEngagement
from services.view import View
from services.window import (
    ATOM_MS,
    Bucket,
    Granularity,
    Weekday,
    change,
    change_of_rate,
)

Span = tuple[int, int]
UNKNOWN = "-"


def _at(badge: Issued) -> int:
    return badge.at


class Chosen:
    """What a filter leaves of the truth."""

    def __init__(self, truth: Truth, where: Where) -> None:
        dimensions = {
            "community": where.communities,
            "issuer": where.issuers,
            "category": where.categories,
            "level": where.levels,
            "template": where.badges,
        }
        given = {name: keys for name, keys in dimensions.items() if keys}
        self.truth = truth
        self.badges: list[Issued] = sorted(
            (
                badge
                for badge in truth.badges
                if all((getattr(badge, name) or UNKNOWN) in keys for name, keys in given.items())
            ),
            key=_at,
        )
        self.users: dict[str, Person] = truth.users
        self.communities: list[Founded] = list(truth.communities.values())
        self.members = truth.members
        if given:
            recipients = {badge.user for badge in self.badges}
            self.users = {user: truth.users[user] for user in recipients}
            named = set(where.communities)
            if len(given) > bool(named):
                named = {badge.community for badge in self.badges if badge.community}
            self.communities = [each for each in self.communities if each.community in named]
            self.members = [each for each in truth.members if each[0] in named]

    def issued(self, span: Span) -> list[Issued]:
        """Return the badges issued in a span."""
        low, high = (bisect_left(self.badges, bound, key=_at) for bound in span)
        return self.badges[low:high]

    def active(self, span: Span) -> set[str]:
        """Return the users who received a badge in a span."""
        return {badge.user for badge in self.issued(span)}

    def held(self) -> Counter[str]:
        """Return how many badges each user holds."""
        counted = Counter(dict.fromkeys(self.users, 0))
        counted.update(badge.user for badge in self.badges if badge.revoked is None)
        return counted

    @cache  # noqa: B019  # it lives as long as the one question
    def instants(self, series: str) -> list[int]:
        """Return when what a series counts happened, in order."""
        found: list[int] = {
            "issued": lambda: [badge.at for badge in self.badges],
            "revoked": lambda: [b.revoked for b in self.badges if b.revoked is not None],
            "lost": lambda: [badge.at for badge in self.badges if badge.revoked is not None],
            "users": lambda: [person.joined for person in self.users.values()],
            "communities": lambda: [each.at for each in self.communities],
            "deactivated": lambda: [
                each.deactivated for each in self.communities if each.deactivated is not None
            ],
            "members": lambda: [at for _, _, at in self.members],
        }[series]()
        return sorted(found)

    def count(self, series: str, span: Span) -> int:
        """Count what happened in a span."""
        low, high = (bisect_left(self.instants(series), bound) for bound in span)
        return high - low


class Expected:
    """The figures of one answer, by brute force."""

    def __init__(self, chosen: Chosen, view: View) -> None:
        self.chosen = chosen
        self.view = view
        self.span: Span = (view.window.start, view.window.end)
        if view.window.is_all_time:
            self.span = (0, 1 << 62)

    def to_date(self, series: str, unit: int) -> int:
        """Count what happened since the day (0), the week (1) or the month (2) began."""
        return self.chosen.count(series, self.view.open()[unit])

    def shown(self, granularity: Granularity, default: int) -> list[Bucket]:
        """Return the buckets of a series."""
        return self.view.buckets(granularity, default)

    def series(self, metric: str, granularity: Granularity, default: int) -> list[SeriesPoint]:
        """Return a metric by bucket."""
        return series(self.chosen, self.view, metric, granularity, default)


def series(
    chosen: Chosen, view: View, metric: str, granularity: Granularity, default: int | None = None
) -> list[SeriesPoint]:
    """Return a metric by bucket, compared if the question says so."""
    points = []
    for bucket, earlier in view.pairs(granularity, default):
        value = measured(chosen, view, metric, bucket, granularity)
        comparison = None
        if earlier is not None:
            then = measured(chosen, view, metric, earlier, granularity)
            is_rate = metric.endswith("_RATE")
            comparison = (change_of_rate if is_rate else change)(value, then)
        points.append(
            SeriesPoint(
                start=instant(bucket.start),
                end=instant(bucket.end),
                value=value,
                is_partial=bucket.is_partial,
                comparison=comparison,
            )
        )
    return points


def measured(
    chosen: Chosen, view: View, metric: str, bucket: Bucket, granularity: Granularity | None
) -> float | None:
    """Return any metric of the catalogue in one bucket."""
    start, end = bucket.start, bucket.end
    span, until = (start, end), (0, end)
    if granularity is None:
        before = start - (end - start), start
    else:
        calendar = view.window.calendar
        before = calendar.back(start, 1, granularity), calendar.floor(start, granularity)
    count = chosen.count
    values: dict[str, Callable[[], float | None]] = {
        "BADGES_ISSUED": lambda: count("issued", span),
        "BADGES_REVOKED": lambda: count("revoked", span),
        "UNIQUE_RECIPIENTS": lambda: len(chosen.active(span)),
        "TOTAL_BADGES_ISSUED": lambda: count("issued", until),
        "TOTAL_BADGES_REVOKED": lambda: count("revoked", until),
        "BADGES_HELD": lambda: count("issued", until) - count("revoked", until),
        "REVOCATION_RATE": lambda: _divided(count("lost", span), count("issued", span)),
        "NEW_COMMUNITIES": lambda: count("communities", span),
        "TOTAL_COMMUNITIES": lambda: count("communities", until),
        "DEACTIVATED_COMMUNITIES": lambda: count("deactivated", until),
        "NEW_COMMUNITY_MEMBERS": lambda: count("members", span),
        "TOTAL_COMMUNITY_MEMBERS": lambda: count("members", until),
        "AVERAGE_MEMBERS_PER_COMMUNITY": lambda: _divided(
            count("members", until), count("communities", until)
        ),
        "NEW_USERS": lambda: count("users", span),
        "ACTIVE_USERS": lambda: len(chosen.active(span)),
        "TOTAL_USERS": lambda: count("users", until),
        "AVERAGE_BADGES_PER_USER": lambda: _divided(
            count("issued", until) - count("revoked", until), count("users", until)
        ),
        "ENGAGEMENT_RATE": lambda: _divided(_engaged(chosen, end), count("users", until)),
        "RETENTION_RATE": lambda: _divided(
            len(chosen.active(before) & chosen.active(span)), len(chosen.active(before))
        ),
        "EFFECTIVE_ISSUERS": lambda: _effective(chosen.issued(span)),
    }
    return values[metric]()


def _divided(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _engaged(chosen: Chosen, end: int) -> int:
    return len(
        {
            badge.user
            for badge in chosen.badges
            if badge.at < end and (badge.revoked is None or max(badge.at, badge.revoked) >= end)
        }
    )


def _effective(badges: Iterable[Issued]) -> float | None:
    counted = Counter(badge.issuer for badge in badges if badge.issuer)
    whole = sum(counted.values())
    squares = sum(Fraction(n, whole) ** 2 for n in counted.values()) if whole else None
    return float(1 / squares) if squares else None


def _rank(key: str) -> tuple[int, int, str]:
    return (0, int(key), "") if key.isdigit() else (1, 0, key)


def _ordered(counted: Counter[str]) -> list[tuple[str, int]]:
    known = [(key, n) for key, n in counted.items() if key != UNKNOWN]
    return sorted(known, key=lambda item: (-item[1], _rank(item[0])))


def _slices(counted: list[tuple[str, str, int]], whole: int) -> list[Slice]:
    rest = whole - sum(n for _, _, n in counted)
    exact = [Fraction(100 * n, whole or 1) for n in (*(n for _, _, n in counted), rest)]
    rounded = [int(each) for each in exact]
    missing = 100 - sum(rounded) if whole else 0
    for place in sorted(range(len(exact)), key=lambda i: rounded[i] - exact[i])[:missing]:
        rounded[place] += 1
    return [
        Slice(
            key=key,
            label=label,
            count=n,
            share=n / whole if whole else 0.0,
            percentage=percentage,
        )
        for (key, label, n), percentage in zip(counted, rounded, strict=False)
    ]


def _by(badges: Iterable[Issued], dimension: str) -> Counter[str]:
    return Counter(getattr(badge, dimension) or UNKNOWN for badge in badges)


def _categories(badges: list[Issued], names: Names) -> list[Slice]:
    counted = sorted(_by(badges, "category").items(), key=lambda item: (-item[1], _rank(item[0])))
    return _slices(
        [(names.category(key), names.category(key), n) for key, n in counted], len(badges)
    )


def _levels(badges: list[Issued], names: Names) -> list[Slice]:
    counted = sorted(_by(badges, "level").items(), key=lambda item: _rank(item[0]))
    rows = [("unknown" if key == UNKNOWN else key, names.level(key), n) for key, n in counted]
    return _slices(rows, len(badges))


def _kind(truth: Truth, names: Names, id_: str) -> Badge:
    template = truth.templates.get(id_)
    category = template.category if template else None
    return Badge(
        id=id_,
        name=template.name if template else None,
        category=None if category is None else names.category(str(category)),
        level=template.level if template else None,
    )


def _standings(expected: Expected, first: int) -> list[BadgeStanding]:
    chosen, view = expected.chosen, expected.view
    badges = chosen.issued(expected.span)
    days = view.last(30, Granularity.DAY)
    recent = _by(chosen.issued((days[0].start, days[-1].end)), "template")
    found = []
    for place, (key, n) in enumerate(_ordered(_by(badges, "template"))[:first]):
        of_kind = [badge for badge in chosen.badges if badge.template == key]
        holders = len({badge.user for badge in of_kind if badge.revoked is None})
        found.append(
            BadgeStanding(
                rank=place + 1,
                badge=_kind(chosen.truth, view.names, key),
                issued=n,
                recipients=len({badge.user for badge in badges if badge.template == key}),
                issued_per_day=recent[key] / 30,
                holders=holders,
                rarity=holders / len(chosen.users) if chosen.users else None,
            )
        )
    return found


class IssuanceMetrics(Expected):
    """See `services.issuance`."""

    def total_badges_issued(self) -> int:
        return len(self.chosen.badges)

    def total_badges_revoked(self) -> int:
        return sum(badge.revoked is not None for badge in self.chosen.badges)

    def badges_revoked_softly(self) -> int:
        return sum(b.revoked is not None and not b.hard for b in self.chosen.badges)

    def badges_revoked_hard(self) -> int:
        return sum(badge.hard for badge in self.chosen.badges)

    def badges_held(self) -> int:
        return sum(badge.revoked is None for badge in self.chosen.badges)

    def badges_issued_today(self) -> int:
        return self.to_date("issued", 0)

    def badges_issued_this_week(self) -> int:
        return self.to_date("issued", 1)

    def badges_issued_this_month(self) -> int:
        return self.to_date("issued", 2)

    def badges_issued(self) -> int:
        return len(self.chosen.issued(self.span))

    def revocation_rate(self) -> float | None:
        badges = self.chosen.issued(self.span)
        return _divided(sum(badge.revoked is not None for badge in badges), len(badges))

    def daily_issuance(self) -> list[SeriesPoint]:
        return self.series("BADGES_ISSUED", Granularity.DAY, 30)

    def weekly_issuance(self) -> list[SeriesPoint]:
        return self.series("BADGES_ISSUED", Granularity.WEEK, 12)

    def monthly_issuance(self) -> list[SeriesPoint]:
        return self.series("BADGES_ISSUED", Granularity.MONTH, 12)

    def issued(self) -> list[SeriesPoint]:
        return series(self.chosen, self.view, "BADGES_ISSUED", Granularity.DAY)

    def by_category(self) -> list[Slice]:
        return _categories(self.chosen.issued(self.span), self.view.names)

    def by_level(self) -> list[Slice]:
        return _levels(self.chosen.issued(self.span), self.view.names)

    def by_issuer(self) -> list[Slice]:
        badges = self.chosen.issued(self.span)
        top = _ordered(_by(badges, "issuer"))[:20]
        return _slices([(key, key, n) for key, n in top], len(badges))

    def top_badges(self) -> list[BadgeStanding]:
        return _standings(self, 15)


class CommunityMetrics(Expected):
    """See `services.community`."""

    def total_communities(self) -> int:
        return len(self.chosen.communities)

    def deactivated_communities(self) -> int:
        return sum(each.deactivated is not None for each in self.chosen.communities)

    def new_communities_today(self) -> int:
        return self.to_date("communities", 0)

    def new_communities_this_week(self) -> int:
        return self.to_date("communities", 1)

    def new_communities_this_month(self) -> int:
        return self.to_date("communities", 2)

    def total_community_members(self) -> int:
        return len(self.chosen.members)

    def average_members_per_community(self) -> float:
        return _divided(len(self.chosen.members), len(self.chosen.communities)) or 0.0

    def most_active_communities(self) -> list[CommunityStanding]:
        badges = self.chosen.issued(self.span)
        return [
            CommunityStanding(
                rank=place + 1,
                community=self._community(key),
                members=sum(each[0] == key for each in self.chosen.members),
                badges_issued=n,
                recipients=len({badge.user for badge in badges if badge.community == key}),
            )
            for place, (key, n) in enumerate(_ordered(_by(badges, "community"))[:10])
        ]

    def _community(self, key: str) -> Community:
        known = self.chosen.truth.communities.get(key)
        if known is None:
            return Community(id=key, name=None, owner=None, created_at=None, deactivated_at=None)
        ended = known.deactivated
        return Community(
            id=key,
            name=known.name,
            owner=known.owner,
            created_at=instant(known.at),
            deactivated_at=None if ended is None else instant(ended),
        )

    def community_growth_trend(self) -> list[CommunityGrowthPoint]:
        return [
            CommunityGrowthPoint(
                start=instant(bucket.start),
                end=instant(bucket.end),
                new_communities=self.chosen.count("communities", (bucket.start, bucket.end)),
                total_communities=self.chosen.count("communities", (0, bucket.end)),
                total_members=self.chosen.count("members", (0, bucket.end)),
                is_partial=bucket.is_partial,
            )
            for bucket in self.shown(Granularity.MONTH, 12)
        ]


class UserMetrics(Expected):
    """See `services.users`."""

    def total_users(self) -> int:
        return len(self.chosen.users)

    def new_users_today(self) -> int:
        return self.to_date("users", 0)

    def new_users_this_week(self) -> int:
        return self.to_date("users", 1)

    def new_users_this_month(self) -> int:
        return self.to_date("users", 2)

    def active_users_today(self) -> int:
        return len(self.chosen.active(self.view.open()[0]))

    def active_users_this_week(self) -> int:
        return len(self.chosen.active(self.view.open()[1]))

    def active_users_this_month(self) -> int:
        return len(self.chosen.active(self.view.open()[2]))

    def daily_new_users(self) -> list[SeriesPoint]:
        return self.series("NEW_USERS", Granularity.DAY, 30)

    def weekly_new_users(self) -> list[SeriesPoint]:
        return self.series("NEW_USERS", Granularity.WEEK, 12)

    def monthly_new_users(self) -> list[SeriesPoint]:
        return self.series("NEW_USERS", Granularity.MONTH, 12)

    def daily_active_users(self) -> list[SeriesPoint]:
        return self.series("ACTIVE_USERS", Granularity.DAY, 30)

    def weekly_active_users(self) -> list[SeriesPoint]:
        return self.series("ACTIVE_USERS", Granularity.WEEK, 12)

    def monthly_active_users(self) -> list[SeriesPoint]:
        return self.series("ACTIVE_USERS", Granularity.MONTH, 12)

    def retention_rate(self, by: Granularity = Granularity.MONTH) -> float | None:
        before, last, _ = self.view.last(3, by)
        then = self.chosen.active((before.start, before.end))
        return _divided(len(then & self.chosen.active((last.start, last.end))), len(then))

    def _begun(self, by: Granularity) -> list[Bucket]:
        default = {Granularity.WEEK: 12, Granularity.DAY: 14}.get(by, 12)
        window = self.view.window
        if window.is_all_time:
            buckets = self.view.last(default, by)
        else:
            start, end, buckets = window.calendar.floor(window.start, by), 0, []
            while start < window.end and start <= window.now:
                end = window.calendar.next(start, by)
                buckets.append(Bucket(start, end, end > window.now))
                start = end
        return [bucket for bucket in buckets if bucket.start <= window.now]

    def retention_cohorts(
        self,
        by: Granularity = Granularity.MONTH,
        mode: RetentionMode = RetentionMode.BOUNDED,
    ) -> RetentionCohorts:
        buckets = self._begun(by)
        spans = [(bucket.start, bucket.end) for bucket in buckets]
        active = [self.chosen.active(span) for span in spans]
        found = []
        for place, bucket in enumerate(buckets):
            low, high = spans[place]
            users = {
                user for user, person in self.chosen.users.items() if low <= person.joined < high
            }
            cells = []
            for offset in range(len(buckets) - place):
                kept = sum(_retained(user, active[place:], offset, mode) for user in users)
                complete = not buckets[place + offset].is_partial
                cells.append(
                    CohortCell(
                        offset=offset,
                        retained=kept,
                        rate=_divided(kept, len(users)),
                        is_complete=complete,
                    )
                )
            found.append(
                Cohort(
                    start=instant(low),
                    end=instant(high),
                    size=len(users),
                    is_complete=not bucket.is_partial,
                    cells=cells,
                )
            )
        return RetentionCohorts(mode=mode, cohorts=found, mean=_mean(found))

    def lifecycle(self, by: Granularity = Granularity.MONTH) -> list[LifecyclePoint]:
        points = []
        for bucket in self._begun(by):
            start, end = bucket.start, bucket.end
            now = self.chosen.active((start, end))
            before = self.chosen.active((self.view.window.calendar.back(start, 1, by), start))
            ever = self.chosen.active((0, start))
            points.append(
                LifecyclePoint(
                    start=instant(start),
                    end=instant(end),
                    active=len(now),
                    new=len(now - ever),
                    returning=len(now & before),
                    resurrected=len((now & ever) - before),
                    dormant=len(before - now),
                    is_partial=bucket.is_partial,
                )
            )
        return points

    def user_engagement(self) -> UserEngagement:
        held = list(self.chosen.held().values())
        bins = {
            "0": range(1),
            "1": range(1, 2),
            "2": range(2, 3),
            "3-5": range(3, 6),
            "6-10": range(6, 11),
            "11+": range(11, 1 << 40),
        }
        counted = [(name, name, sum(n in each for n in held)) for name, each in bins.items()]
        return UserEngagement(
            users_with_badges=sum(n > 0 for n in held),
            users_with_multiple_badges=sum(n > 1 for n in held),
            users_with_no_badges=sum(n == 0 for n in held),
            histogram=_slices(counted, len(held)),
        )

    def average_badges_per_user(self) -> float:
        return _divided(sum(self.chosen.held().values()), len(self.chosen.users)) or 0.0

    def engagement_rate(self) -> float | None:
        held = self.chosen.held().values()
        return _divided(sum(n > 0 for n in held), len(self.chosen.users))

    def time_to_first_badge(self) -> TimeToFirstBadge:
        people = [
            person
            for person in self.chosen.users.values()
            if self.span[0] <= person.joined < self.span[1]
        ]
        waits = sorted(
            (person.first - person.joined) / 1000 for person in people if person.first is not None
        )
        return TimeToFirstBadge(
            median=_percentile(waits, 0.5),
            p90=_percentile(waits, 0.9),
            still_waiting=None if not people else 1 - len(waits) / len(people),
        )

    def peak_activity(self) -> list[PeakActivityCell]:
        window = self.view.window
        calendar = window.calendar
        occurred: Counter[tuple[int, int]] = Counter()
        for at in range(
            window.start, min(window.end, -(-window.now // ATOM_MS) * ATOM_MS), ATOM_MS
        ):
            occurred[calendar.clock(at)] += 1
        badges = self.chosen.issued((window.start, window.end))
        counted = Counter(calendar.clock(badge.at) for badge in badges)
        cells = []
        for day in range(7):
            for hour in range(24):
                place = (day + window.week_start) % 7, hour
                often = occurred[place] / 4
                cells.append(
                    PeakActivityCell(
                        weekday=Weekday(place[0]),
                        hour=hour,
                        count=counted[place],
                        value=counted[place] / often if often else None,
                    )
                )
        return cells


def _retained(user: str, active: Sequence[set[str]], offset: int, mode: RetentionMode) -> bool:
    if mode is RetentionMode.BOUNDED:
        return user in active[offset]
    if mode is RetentionMode.UNBOUNDED:
        return any(user in each for each in active[offset:])
    return all(user in each for each in active[: offset + 1])


def _mean(found: list[Cohort]) -> list[MeanRetention]:
    pooled: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for cohort in found:
        for cell in cohort.cells:
            if cell.is_complete:
                pooled[cell.offset][0] += cell.retained
                pooled[cell.offset][1] += cohort.size
    return [
        MeanRetention(offset=offset, retained=kept, size=size, rate=_divided(kept, size))
        for offset, (kept, size) in sorted(pooled.items())
    ]


def _percentile(ordered: list[float], share: float) -> float | None:
    """Return the linear interpolation between order statistics (Hyndman and Fan's type 7)."""
    if not ordered:
        return None
    place = (len(ordered) - 1) * share
    low = ordered[int(place)]
    high = ordered[min(int(place) + 1, len(ordered) - 1)]
    return low + (high - low) * (place - int(place))


class BadgeDistribution(Expected):
    """See `services.distribution`."""

    def by_category(self) -> list[Slice]:
        return _categories(self.chosen.issued(self.span), self.view.names)

    def by_level(self) -> list[Slice]:
        return _levels(self.chosen.issued(self.span), self.view.names)

    def top_badges(self, first: int = 15) -> list[BadgeStanding]:
        return _standings(self, first)

    def trending_badges(self, first: int = 10) -> list[TrendingBadge]:
        days = self.view.last(30, Granularity.DAY)
        low, turn, high = days[0].start, days[23].start, days[-1].end
        last = _by(self.chosen.issued((turn, high)), "template")
        before = _by(self.chosen.issued((low, turn)), "template")
        ever = _by(self.chosen.issued((0, turn)), "template")
        rising, new = [], []
        for key, n in _ordered(last):
            m = before[key]
            if not ever[key]:
                new.append(self._trending(key, n, m, None, None, is_new=True))
                continue
            p = sum(comb(n + m, k) * 7**k * 23 ** (n + m - k) for k in range(n, n + m + 1))
            p_value = float(Fraction(p, 30 ** (n + m)))
            growth = float(Fraction(23 * n, 7 * m) - 1) if m else None
            if n >= TRENDING_LEAST and p_value < TRENDING_P:
                rising.append((p_value, self._trending(key, n, m, growth, p_value, is_new=False)))
        rising.sort(key=lambda each: each[0])
        return [*(badge for _, badge in rising), *new][:first]

    def _trending(
        self, key: str, n: int, m: int, growth: float | None, p: float | None, *, is_new: bool
    ) -> TrendingBadge:
        return TrendingBadge(
            badge=_kind(self.chosen.truth, self.view.names, key),
            last7_days=n,
            previous23_days=m,
            growth=growth,
            p_value=p,
            is_new=is_new,
        )

    def most_awarded_by_category(self) -> list[CategoryBadges]:
        by_category: defaultdict[str, list[Issued]] = defaultdict(list)
        for badge in self.chosen.issued(self.span):
            by_category[self.view.names.category(badge.category or UNKNOWN)].append(badge)
        found = []
        for name, badges in sorted(by_category.items()):
            top = _ordered(_by(badges, "template"))[:5]
            standings = [
                CategoryBadge(
                    rank=place + 1,
                    badge=_kind(self.chosen.truth, self.view.names, key),
                    issued=n,
                )
                for place, (key, n) in enumerate(top)
            ]
            if standings:
                found.append(CategoryBadges(category=name, badges=standings))
        return found

    def badges_by_issuer(self, first: int = 20) -> list[IssuerStanding]:
        badges = self.chosen.issued(self.span)
        return [
            IssuerStanding(
                rank=place + 1,
                issuer=key,
                badges=len({b.template for b in badges if b.issuer == key and b.template}),
                issued=n,
            )
            for place, (key, n) in enumerate(_ordered(_by(badges, "issuer"))[:first])
        ]

    def effective_issuers(self) -> float | None:
        return _effective(self.chosen.issued(self.span))


class Overview(Expected):
    """See `services.overview`."""

    def total_badges_issued(self) -> int:
        return len(self.chosen.badges)

    def total_users(self) -> int:
        return len(self.chosen.users)

    def total_communities(self) -> int:
        return len(self.chosen.communities)

    def average_badges_per_user(self) -> float:
        return _divided(sum(self.chosen.held().values()), len(self.chosen.users)) or 0.0

    def engagement_rate(self) -> float | None:
        held = self.chosen.held().values()
        return _divided(sum(n > 0 for n in held), len(self.chosen.users))


FAMILIES: tuple[type[Expected], ...] = (
    IssuanceMetrics,
    CommunityMetrics,
    UserMetrics,
    BadgeDistribution,
    Overview,
)
"""Each bears the name of the answer that it is to equal."""


def figures(expected: Expected) -> dict[str, Any]:
    """Return every figure of an answer, with default arguments, by its name."""
    names = [name for name in vars(type(expected)) if not name.startswith("_")]
    return {name: _refusable(getattr(expected, name)) for name in names}


def _refusable(compute: Callable[[], Any]) -> Any:  # noqa: ANN401  # of any type
    try:
        return compute()
    except AnalyticsError as refusal:
        return refusal.code
