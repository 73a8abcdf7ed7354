"""Issuance: how many badges were issued, revoked and are held, when, and of what kind."""

from collections.abc import Iterator
from typing import Annotated

from services.answers import BadgeStanding, SeriesPoint, Slice, slices
from services.cells import NO_KEY as UNKNOWN
from services.cells import rank
from services.facts import BadgeFacts
from services.families import Family, Metric, MetricFamily, Point, flow, ratio, stock, uniques
from services.figures import ranked
from services.standings import standings
from services.view import Answer, View, figure
from services.window import Granularity

TOP_BADGES = 15
TOP_ISSUERS = 20


def _project(badge: BadgeFacts) -> Iterator[Point]:
    at = badge.at
    category = UNKNOWN if badge.category is None else str(badge.category)
    template = badge.template or UNKNOWN
    yield Point("issued", None, at, "user")
    yield Point("issued.category", category, at, "user")
    yield Point("issued.level", UNKNOWN if badge.level is None else str(badge.level), at, "user")
    yield Point("issued.issuer", badge.issuer or UNKNOWN, at, "user")
    yield Point("issued.template", template, at, "user")
    yield Point("issued.community", badge.community or UNKNOWN, at, "user")
    yield Point("issued.kind", f"{category}/{template}", at)
    if badge.template and badge.issuer:
        yield Point("templates.issuer", badge.issuer, at, "template")
    if badge.template and badge.revoked is None:
        yield Point("held.template", template, None, "user")
    if badge.on_chain and badge.badge.isdecimal():
        yield Point("chain.badge", None, None)
    if badge.revoked is not None:
        yield Point("revoked", None, badge.revoked)
        yield Point("revoked.kind", "hard" if badge.hard else "soft", None)
        yield Point("lost", None, at)


ISSUED = Metric(
    name="BADGES_ISSUED",
    title="Badges issued",
    unit="badges",
    formula="badges whose issue stands, by the time of issue",
    caveats="A later revocation does not lower it.",
    values=flow("issued"),
)

FAMILY = Family(
    name=MetricFamily.ISSUANCE,
    projections={BadgeFacts: _project},
    reads=frozenset({"issued", "revoked", "lost", "held"}),
    metrics=(
        ISSUED,
        Metric(
            name="BADGES_REVOKED",
            title="Badges revoked",
            unit="badges",
            formula="badges whose first revocation, soft or hard, falls in the bucket",
            values=flow("revoked"),
        ),
        Metric(
            name="UNIQUE_RECIPIENTS",
            title="Unique recipients",
            unit="users",
            formula="distinct users who received at least one badge whose issue stands",
            caveats="Distinct in each bucket: buckets must not be added up.",
            values=uniques("issued"),
        ),
        Metric(
            name="TOTAL_BADGES_ISSUED",
            title="Total badges issued",
            unit="badges",
            formula="badges issued up to the end of the bucket",
            caveats="A later revocation does not lower it.",
            values=stock("issued"),
        ),
        Metric(
            name="TOTAL_BADGES_REVOKED",
            title="Total badges revoked",
            unit="badges",
            formula="badges revoked up to the end of the bucket",
            caveats="A revocation that is dated before its issue counts from the issue on.",
            values=stock("revoked"),
        ),
        Metric(
            name="BADGES_HELD",
            title="Badges held",
            unit="badges",
            formula="badges issued less badges revoked, up to the end of the bucket",
            values=stock("issued", less="revoked"),
        ),
        Metric(
            name="REVOCATION_RATE",
            title="Revocation rate",
            unit="share",
            formula="of the badges issued in the bucket the share that has been revoked since",
            caveats="About one cohort of issues: it rises as long as its badges are revoked.",
            values=ratio(flow("lost"), flow("issued")),
            is_rate=True,
        ),
    ),
)


class IssuanceMetrics(Answer):
    """How many badges were issued, revoked and are held, when, and of what kind."""

    @figure
    async def total_badges_issued(self) -> int:
        """Badges whose issue stands, ever. A revocation does not lower it."""
        return await self.view.figures.total("issued")

    @figure
    async def total_badges_revoked(self) -> int:
        """Badges revoked, softly or hard, ever."""
        return await self.view.figures.total("revoked")

    @figure
    async def badges_revoked_softly(self) -> int:
        """Badges revoked by the issuer that still exist as a token, ever."""
        return await self.view.figures.total("revoked") - await self.view.figures.burned()

    @figure
    async def badges_revoked_hard(self) -> int:
        """Badges burned, ever."""
        return await self.view.figures.burned()

    @figure
    async def badges_held(self) -> int:
        """Badges issued less badges revoked, ever."""
        issued = await self.view.figures.total("issued")
        return issued - await self.view.figures.total("revoked")

    @figure
    async def badges_issued_today(self) -> int:
        """Badges issued since the day began in the time zone."""
        return (await self.view.to_date("issued"))[0]

    @figure
    async def badges_issued_this_week(self) -> int:
        """Badges issued since the week began in the time zone."""
        return (await self.view.to_date("issued"))[1]

    @figure
    async def badges_issued_this_month(self) -> int:
        """Badges issued since the month began in the time zone."""
        return (await self.view.to_date("issued"))[2]

    @figure
    async def badges_issued(self) -> int:
        """Badges issued in the range."""
        return await self.view.count("issued")

    @figure
    async def revocation_rate(self) -> float | None:
        """Of the badges issued in the range the share that has been revoked since."""
        issued = await self.view.count("issued")
        return await self.view.count("lost") / issued if issued else None

    @figure
    async def daily_issuance(self) -> list[SeriesPoint]:
        """Badges issued by day: over the range, or the last 30 days of all time."""
        return await self.view.series(ISSUED, Granularity.DAY, 30)

    @figure
    async def weekly_issuance(self) -> list[SeriesPoint]:
        """Badges issued by week: over the range, or the last 12 weeks of all time."""
        return await self.view.series(ISSUED, Granularity.WEEK, 12)

    @figure
    async def monthly_issuance(self) -> list[SeriesPoint]:
        """Badges issued by month: over the range, or the last 12 months of all time."""
        return await self.view.series(ISSUED, Granularity.MONTH, 12)

    @figure
    async def issued(
        self, granularity: Annotated[Granularity, "The length of a bucket."] = Granularity.DAY
    ) -> list[SeriesPoint]:
        """Badges issued by bucket, over the range."""
        return await self.view.series(ISSUED, granularity)

    @figure
    async def by_category(self) -> list[Slice]:
        """Badges issued in the range by current category, the largest first."""
        return await by_category(self.view)

    @figure
    async def by_level(self) -> list[Slice]:
        """Badges issued in the range by current level, ascending."""
        return await by_level(self.view)

    @figure
    async def by_issuer(self) -> list[Slice]:
        """Badges issued in the range by issuer, the 20 largest first; shares are of all badges."""
        counted = await self.view.figures.breakdown("issuer", self.view.range)
        whole = sum(counted.values())
        return slices([(key, key, n) for key, n in ranked(counted, TOP_ISSUERS)], whole)

    @figure
    async def top_badges(self) -> list[BadgeStanding]:
        """The 15 kinds of badges that were issued most in the range."""
        return await standings(self.view, TOP_BADGES)


async def by_category(view: View) -> list[Slice]:
    """Return badges issued in the window by category, ties by the category's number."""
    counted = await view.figures.breakdown("category", view.range)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], rank(item[0])))
    named = ((view.names.category(key), n) for key, n in ordered)
    return slices([(name, name, n) for name, n in named])


async def by_level(view: View) -> list[Slice]:
    """Return badges issued in the window by level, ascending, the unknown level last."""
    counted = await view.figures.breakdown("level", view.range)
    ordered = sorted(counted.items(), key=lambda item: rank(item[0]))
    return slices(
        [("unknown" if key == UNKNOWN else key, view.names.level(key), n) for key, n in ordered]
    )
