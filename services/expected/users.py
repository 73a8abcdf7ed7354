"""Users by brute force; see `services.users`."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from services.answers import SeriesPoint, instant
from services.expected.parts import slices
from services.expected.series import Expected, divided
from services.retention import (
    Cohort,
    CohortCell,
    LifecyclePoint,
    MeanRetention,
    RetentionCohorts,
    RetentionMode,
)
from services.users import PeakActivityCell, TimeToFirstBadge, UserEngagement
from services.window import ATOM_MS, Bucket, Granularity, Weekday


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
        return divided(len(then & self.chosen.active((last.start, last.end))), len(then))

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
                        rate=divided(kept, len(users)),
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
            histogram=slices(counted, len(held)),
        )

    def average_badges_per_user(self) -> float:
        return divided(sum(self.chosen.held().values()), len(self.chosen.users)) or 0.0

    def engagement_rate(self) -> float | None:
        held = self.chosen.held().values()
        return divided(sum(n > 0 for n in held), len(self.chosen.users))

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
        MeanRetention(offset=offset, retained=kept, size=size, rate=divided(kept, size))
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
