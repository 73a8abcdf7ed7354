"""Issuance: how many badges were issued, revoked and are held, when, and of what kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.answers import (
    Badge,
    BadgeStanding,
    Names,
    ResolvedRange,
    SeriesPoint,
    Slice,
    flow,
    instant,
    resolved,
    slices,
    to_date,
)
from services.cells import rank
from services.facts import BadgeFacts
from services.families import Family, Measure, Metric, MetricFamily, Point
from services.reading import NO_KEY as UNKNOWN
from services.reading import Reading, Span
from services.window import Granularity, Window, last_buckets

DEFAULT_BUCKETS = {Granularity.DAY: 30, Granularity.WEEK: 12, Granularity.MONTH: 12}
"""How long a series is where no range is asked for."""
TOP_BADGES = 15
TOP_ISSUERS = 20
RATE_DAYS = 30


def _project(badge: BadgeFacts) -> Iterator[Point]:
    at = badge.at
    dimensions = (
        ("issued.category", UNKNOWN if badge.category is None else str(badge.category)),
        ("issued.level", UNKNOWN if badge.level is None else str(badge.level)),
        ("issued.issuer", badge.issuer or UNKNOWN),
        ("issued.template", badge.template or UNKNOWN),
        ("issued.community", badge.community or UNKNOWN),
    )
    yield Point("issued", None, at, unique=True)
    for series, key in dimensions:
        yield Point(series, key, at, unique=True)
    if badge.on_chain:
        yield Point("chain.badge", None, None)
    if badge.revoked is not None:
        yield Point("revoked", None, badge.revoked)
        yield Point("revoked.kind", "hard" if badge.hard else "soft", None)
        yield Point("lost", None, at)


FAMILY = Family(
    name=MetricFamily.ISSUANCE,
    projections={BadgeFacts: _project},
    reads=frozenset({"issued", "revoked", "lost"}),
    metrics=(
        Metric(
            name="BADGES_ISSUED",
            title="Badges issued",
            unit="badges",
            formula="badges whose issue stands, by the time of issue",
            caveats="A later revocation does not lower it.",
            measure=Measure.FLOW,
            plus=("issued",),
        ),
        Metric(
            name="BADGES_REVOKED",
            title="Badges revoked",
            unit="badges",
            formula="badges whose first revocation, soft or hard, falls in the bucket",
            measure=Measure.FLOW,
            plus=("revoked",),
        ),
        Metric(
            name="UNIQUE_RECIPIENTS",
            title="Unique recipients",
            unit="users",
            formula="distinct users who received at least one badge whose issue stands",
            caveats="Distinct in each bucket: buckets must not be added up.",
            measure=Measure.UNIQUES,
            plus=("issued",),
        ),
        Metric(
            name="TOTAL_BADGES_ISSUED",
            title="Total badges issued",
            unit="badges",
            formula="badges issued up to the end of the bucket",
            measure=Measure.STOCK,
            plus=("issued",),
        ),
        Metric(
            name="TOTAL_BADGES_REVOKED",
            title="Total badges revoked",
            unit="badges",
            formula="badges revoked up to the end of the bucket",
            measure=Measure.STOCK,
            plus=("revoked",),
        ),
        Metric(
            name="BADGES_HELD",
            title="Badges held",
            unit="badges",
            formula="badges issued less badges revoked, up to the end of the bucket",
            measure=Measure.STOCK,
            plus=("issued",),
            minus=("revoked",),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class IssuanceMetrics:
    """How many badges were issued, revoked and are held, when, and of what kind."""

    position: int
    """The position at which all of this was true."""
    as_of: datetime
    """When it was computed; what is open, such as today, reaches to its calendar end."""
    range: ResolvedRange
    """The range that the series and the breakdowns are about."""
    total_badges_issued: int
    """Badges whose issue stands, ever. A revocation does not lower it."""
    total_badges_revoked: int
    """Badges revoked, softly or hard, ever."""
    badges_revoked_softly: int
    """Badges revoked by the issuer that still exist as a token, ever."""
    badges_revoked_hard: int
    """Badges burned, ever."""
    badges_held: int
    """Badges issued less badges revoked, ever."""
    badges_issued_today: int
    """Badges issued since the day began in the time zone."""
    badges_issued_this_week: int
    """Badges issued since the week began in the time zone."""
    badges_issued_this_month: int
    """Badges issued since the month began in the time zone."""
    badges_issued: int
    """Badges issued in the range."""
    revocation_rate: float | None
    """Of the badges issued in the range the share that has been revoked since; null without any."""
    daily_issuance: list[SeriesPoint]
    """Badges issued by day: over the range, or the last 30 days."""
    weekly_issuance: list[SeriesPoint]
    """Badges issued by week: over the range, or the last 12 weeks."""
    monthly_issuance: list[SeriesPoint]
    """Badges issued by month: over the range, or the last 12 months."""
    by_category: list[Slice]
    """Badges issued in the range by current category, the largest first."""
    by_level: list[Slice]
    """Badges issued in the range by current level, ascending."""
    by_issuer: list[Slice]
    """Badges issued in the range by issuer, the 20 largest first; shares are of all issuers."""
    top_badges: list[BadgeStanding]
    """The 15 kinds of badges that were issued most in the range."""


async def answer(reading: Reading, window: Window, names: Names) -> IssuanceMetrics:
    """Compute the family's answer. Its cost grows with buckets and keys, not with badges."""
    issued, revoked, soft, hard = await reading.totals(
        ("issued", UNKNOWN),
        ("revoked", UNKNOWN),
        ("revoked.kind", "soft"),
        ("revoked.kind", "hard"),
    )
    today, week, month, lost = await reading.counts(
        [
            *(Span("issued", UNKNOWN, each.start, each.end) for each in to_date(window)),
            Span("lost", UNKNOWN, window.start, window.end),
        ]
    )
    lost = revoked if reading.has_all(window) else lost
    by_category = await reading.breakdown("issued.category", window)
    by_level = await reading.breakdown("issued.level", window)
    by_issuer = await reading.top("issued.issuer", window, TOP_ISSUERS)
    in_range = sum(by_category.values())
    return IssuanceMetrics(
        position=reading.head.position,
        as_of=instant(window.now),
        range=resolved(window),
        total_badges_issued=issued,
        total_badges_revoked=revoked,
        badges_revoked_softly=soft,
        badges_revoked_hard=hard,
        badges_held=issued - revoked,
        badges_issued_today=today,
        badges_issued_this_week=week,
        badges_issued_this_month=month,
        badges_issued=in_range,
        revocation_rate=lost / in_range if in_range else None,
        daily_issuance=await _series(reading, window, Granularity.DAY),
        weekly_issuance=await _series(reading, window, Granularity.WEEK),
        monthly_issuance=await _series(reading, window, Granularity.MONTH),
        by_category=by_name(by_category, names),
        by_level=by_number(by_level, names),
        by_issuer=slices([(key, key, n) for key, n in by_issuer], in_range),
        top_badges=await standings(reading, window, names, TOP_BADGES),
    )


async def standings(
    reading: Reading, window: Window, names: Names, first: int
) -> list[BadgeStanding]:
    """Return the kinds of badges issued most in the window."""
    top = await reading.top("issued.badge", window, first)
    keys = [key for key, _ in top]
    badges = await kinds(reading, names, keys)
    if reading.has_all(window):
        users = await reading.users_ever("issued.badge", keys)
    else:
        users = await reading.users_of(
            [Span("issued.badge", key, window.start, window.end) for key in keys]
        )
    days = last_buckets(RATE_DAYS, Granularity.DAY, zone=window.zone, now=window.now)
    recent = await reading.counts(
        [Span("issued.badge", key, days[0].start, days[-1].end) for key in keys]
    )
    return [
        BadgeStanding(
            rank=place + 1,
            badge=badges[place],
            issued=n,
            recipients=len(users[place]),
            issued_per_day=recent[place] / RATE_DAYS,
        )
        for place, (_, n) in enumerate(top)
    ]


async def kinds(reading: Reading, names: Names, ids: Sequence[str]) -> list[Badge]:
    """Return kinds of badges by their template ids, in the order of the ids."""
    rows = await reading.find(reading.projection.templates, {"_id": {"$in": list(ids)}})
    found = {row["_id"]: row for row in rows}
    badges = []
    for id_ in ids:
        row = found.get(id_, {})
        category = row.get("category")
        badges.append(
            Badge(
                id=id_,
                name=row.get("name"),
                category=None if category is None else names.category(str(category)),
                level=row.get("level"),
            )
        )
    return badges


def by_name(counted: Mapping[str, int], names: Names) -> list[Slice]:
    """Return counts by category as slices, the largest first."""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return slices([(names.category(key), names.category(key), n) for key, n in ordered])


def by_number(counted: Mapping[str, int], names: Names) -> list[Slice]:
    """Return counts by level as slices, ascending, the unknown level last."""
    ordered = sorted(counted.items(), key=lambda item: rank(item[0]))
    return slices(
        [("unknown" if key == UNKNOWN else key, names.level(key), n) for key, n in ordered]
    )


async def _series(reading: Reading, window: Window, granularity: Granularity) -> list[SeriesPoint]:
    default = DEFAULT_BUCKETS[granularity]
    return await flow(reading, "issued", window, granularity, default)
