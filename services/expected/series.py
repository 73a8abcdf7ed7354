"""Every metric of the catalogue, in one bucket and by bucket."""

from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction

from services.answers import SeriesPoint, instant
from services.expected.chosen import Chosen, Span
from services.recount import Issued
from services.view import View
from services.window import Bucket, Granularity, Window, change, change_of_rate


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
    chosen: Chosen, view: View, metric: str, bucket: Bucket, granularity: Granularity
) -> float | None:
    """Return any metric of the catalogue in one bucket."""
    back, floor = view.window.calendar.back, view.window.calendar.floor
    start = bucket.start
    before = back(start, 1, granularity), floor(start, granularity)
    return of_span(chosen, metric, (start, bucket.end), before)


def of_range(chosen: Chosen, view: View, metric: str) -> tuple[float | None, float | None]:
    """Return any metric of the catalogue over the range, and over what that is compared with."""
    windows = [each for each in (view.window, view.earlier()) if each is not None]
    found = [of_span(chosen, metric, (each.start, each.end), _before(each)) for each in windows]
    return found[0], found[1] if len(found) > 1 else None


def _before(window: Window) -> Span:
    """Return the bounds of the units before, or of the same length before what is not cut."""
    start, last = window.start, window.last
    if last is None:
        return start - ((window.whole_end or window.end) - start), start
    first = start
    for _ in range(last.n):
        first = window.calendar.shift(first, -1, last.unit)
    return first, start


def of_span(chosen: Chosen, metric: str, span: Span, before: Span) -> float | None:
    """Return any metric of the catalogue in a span; `before` is what came before."""
    end = span[1]
    until = (0, end)
    count = chosen.count
    values: dict[str, Callable[[], float | None]] = {
        "BADGES_ISSUED": lambda: count("issued", span),
        "BADGES_REVOKED": lambda: count("revoked", span),
        "UNIQUE_RECIPIENTS": lambda: len(chosen.active(span)),
        "TOTAL_BADGES_ISSUED": lambda: count("issued", until),
        "TOTAL_BADGES_REVOKED": lambda: count("revoked", until),
        "BADGES_HELD": lambda: count("issued", until) - count("revoked", until),
        "REVOCATION_RATE": lambda: divided(count("lost", span), count("issued", span)),
        "NEW_COMMUNITIES": lambda: count("communities", span),
        "TOTAL_COMMUNITIES": lambda: count("communities", until),
        "DEACTIVATED_COMMUNITIES": lambda: count("deactivated", until),
        "NEW_COMMUNITY_MEMBERS": lambda: count("members", span),
        "TOTAL_COMMUNITY_MEMBERS": lambda: count("members", until),
        "AVERAGE_MEMBERS_PER_COMMUNITY": lambda: divided(
            count("members", until), count("communities", until)
        ),
        "NEW_USERS": lambda: count("users", span),
        "ACTIVE_USERS": lambda: len(chosen.active(span)),
        "TOTAL_USERS": lambda: count("users", until),
        "AVERAGE_BADGES_PER_USER": lambda: divided(
            count("issued", until) - count("revoked", until), count("users", until)
        ),
        "ENGAGEMENT_RATE": lambda: divided(engaged(chosen, end), count("users", until)),
        "RETENTION_RATE": lambda: divided(
            len(chosen.active(before) & chosen.active(span)), len(chosen.active(before))
        ),
        "EFFECTIVE_ISSUERS": lambda: effective(chosen.issued(span)),
    }
    return values[metric]()


def divided(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def engaged(chosen: Chosen, end: int) -> int:
    return len(
        {
            badge.user
            for badge in chosen.badges
            if badge.at < end and (badge.revoked is None or badge.revoked >= end)
        }
    )


def effective(badges: Iterable[Issued]) -> float | None:
    counted = Counter(badge.issuer for badge in badges if badge.issuer)
    whole = sum(counted.values())
    squares = sum(Fraction(n, whole) ** 2 for n in counted.values()) if whole else None
    return float(1 / squares) if squares else None


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
