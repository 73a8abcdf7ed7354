"""Distribution: what kinds of badges there are, and how they share the whole."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log1p
from typing import Annotated

from services.answers import Badge, BadgeStanding, Slice
from services.cells import NO_KEY, rank
from services.families import Family, Metric, MetricFamily
from services.figures import Figures, ranked
from services.issuance import by_category, by_level
from services.reading import Range
from services.standings import kinds, standings
from services.view import Answer, bounded, figure
from services.window import Granularity

TRENDING_DAYS, TRENDING_MONTH = 7, 30
TRENDING_LEAST = 5
TRENDING_P = 0.05
MOST_AWARDED = 5
_NEGLIGIBLE = 1e-17

First = Annotated[int, "How many, 1 to 100."]


async def _effective_issuers(figures: Figures, ranges: Sequence[Range]) -> list[float | None]:
    return [effective(each) for each in await figures.breakdowns("issuer", ranges)]


def effective(counted: dict[str, int]) -> float | None:
    """Return 1 / sum of squared shares of the known keys: the inverse of the Herfindahl index."""
    counts = [n for key, n in counted.items() if key != NO_KEY]
    whole = sum(counts)
    return whole * whole / sum(n * n for n in counts) if whole else None


FAMILY = Family(
    name=MetricFamily.DISTRIBUTION,
    reads=frozenset({"issued", "users", "held"}),
    metrics=(
        Metric(
            name="EFFECTIVE_ISSUERS",
            title="Effective issuers",
            unit="issuers",
            formula="1 divided by the sum of the squared shares of the issuers in badges issued",
            caveats="As many issuers of equal size would be as concentrated. Null without badges.",
            values=_effective_issuers,
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class TrendingBadge:
    """A kind of badge that is issued more often than before."""

    badge: Badge
    """The kind of badge."""
    last7_days: int
    """Badges issued in the 7 days that end with today."""
    previous23_days: int
    """Badges issued in the 23 days before those."""
    growth: float | None
    """Badges a day in the 7 days over badges a day in the 23, less 1; null if those had none."""
    p_value: float | None
    """How likely so many in the 7 days were if nothing had changed; null if it is new.

    The exact one-sided binomial test, with 7/30 as the share of the 7 days.
    """
    is_new: bool
    """Whether the first one ever was issued in the 7 days."""


@dataclass(frozen=True, kw_only=True)
class CategoryBadge:
    """A kind of badge and its place in one category."""

    rank: int
    """1 for the most issued; ties go by id."""
    badge: Badge
    """The kind of badge."""
    issued: int
    """Badges of this kind issued in the range that are in the category now."""


@dataclass(frozen=True, kw_only=True)
class CategoryBadges:
    """The kinds of badges that are issued most in one category."""

    category: str
    """The name of the category."""
    badges: list[CategoryBadge]
    """The 5 issued most."""


@dataclass(frozen=True, kw_only=True)
class IssuerStanding:
    """An issuer and its place among all, by badges issued."""

    rank: int
    """1 for the most; ties go by address."""
    issuer: str
    """The address."""
    badges: int
    """Distinct kinds of badges issued in the range."""
    issued: int
    """Badges issued in the range."""


class BadgeDistribution(Answer):
    """What kinds of badges were issued in the range, and how they share the whole."""

    @figure
    async def by_category(self) -> list[Slice]:
        """Badges issued in the range by current category, the largest first."""
        return await by_category(self.view)

    @figure
    async def by_level(self) -> list[Slice]:
        """Badges issued in the range by current level, ascending."""
        return await by_level(self.view)

    @figure
    async def top_badges(self, first: First = 15) -> list[BadgeStanding]:
        """The kinds of badges issued most in the range."""
        return await standings(self.view, bounded(first))

    @figure
    async def trending_badges(self, first: First = 10) -> list[TrendingBadge]:
        """The kinds of badges whose issues rise, the surest first, then those that are new.

        The 7 days that end with today against the 23 before them, whatever the range is.
        """
        number = bounded(first)
        days = self.view.last(TRENDING_MONTH, Granularity.DAY)
        turn, end = days[-TRENDING_DAYS].start, days[-1].end
        figures = self.view.figures
        last = await figures.breakdown("template", (turn, end))
        before = await figures.breakdown("template", (days[0].start, turn))
        last.pop(NO_KEY, None)
        fresh = sorted(last.keys() - before.keys())
        earlier = await figures.issued("template", fresh, (0, turn))
        new = {key for key, n in zip(fresh, earlier, strict=True) if not n}
        chosen = _trending(last, before, new)[:number]
        badges = await kinds(self.view, [key for key, _ in chosen])
        return [
            TrendingBadge(
                badge=badge,
                last7_days=last[key],
                previous23_days=before.get(key, 0),
                growth=_growth(last[key], before.get(key, 0)),
                p_value=p,
                is_new=key in new,
            )
            for (key, p), badge in zip(chosen, badges, strict=True)
        ]

    @figure
    async def most_awarded_by_category(self) -> list[CategoryBadges]:
        """The 5 kinds of badges issued most in the range in each category, by its name."""
        pairs = await self.view.figures.breakdown("kind", self.view.range)
        by_category: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for pair, n in pairs.items():
            category, _, template = pair.partition("/")
            by_category[category][template] = n
        named = {self.view.names.category(key): each for key, each in by_category.items()}
        tops = {name: ranked(each, MOST_AWARDED) for name, each in sorted(named.items())}
        ids = list({key for top in tops.values() for key, _ in top})
        badges = dict(zip(ids, await kinds(self.view, ids), strict=True))
        return [
            CategoryBadges(
                category=name,
                badges=[
                    CategoryBadge(rank=place + 1, badge=badges[key], issued=n)
                    for place, (key, n) in enumerate(top)
                ],
            )
            for name, top in tops.items()
            if top
        ]

    @figure
    async def badges_by_issuer(self, first: First = 20) -> list[IssuerStanding]:
        """The issuers of the most badges in the range."""
        top = await self.view.figures.top("issuer", self.view.range, bounded(first))
        issuers = [issuer for issuer, _ in top]
        distinct = await self.view.figures.templates(issuers, self.view.range)
        return [
            IssuerStanding(rank=place + 1, issuer=issuer, badges=distinct[place], issued=n)
            for place, (issuer, n) in enumerate(top)
        ]

    @figure
    async def effective_issuers(self) -> float | None:
        """How many issuers of equal size would be as concentrated, in the range.

        1 / sum of squared shares, the inverse of the Herfindahl-Hirschman index; null without any.
        """
        return effective(await self.view.figures.breakdown("issuer", self.view.range))


def _trending(
    last: dict[str, int], before: dict[str, int], new: set[str]
) -> list[tuple[str, float | None]]:
    """Return the badges that rise, by p, and then the new ones; each with its p."""
    rising = [
        (p, -n, rank(key), key)
        for key, n in last.items()
        if key not in new and n >= TRENDING_LEAST
        for p in [p_value(n, before.get(key, 0))]
        if p < TRENDING_P
    ]
    fresh = [(key, None) for key, _ in ranked({key: last[key] for key in new}, len(new))]
    return [*((key, p) for p, _, _, key in sorted(rising)), *fresh]


def _growth(last: int, before: int) -> float | None:
    days_before = TRENDING_MONTH - TRENDING_DAYS
    return (last / TRENDING_DAYS) / (before / days_before) - 1 if before else None


def p_value(last: int, before: int) -> float:
    """Return P(X >= last) for X ~ Binomial(last + before, 7/30): the exact one-sided test."""
    n, p = last + before, TRENDING_DAYS / TRENDING_MONTH
    if last <= n * p:
        # From the mean down it is a coin's toss or more, and never significant.
        return 1.0
    log_term = (
        lgamma(n + 1) - lgamma(last + 1) - lgamma(before + 1)
        + last * log(p) + before * log1p(-p)
    )  # fmt: skip
    term = total = exp(log_term)
    for k in range(last, n):
        term *= (n - k) / (k + 1) * p / (1 - p)
        total += term
        if term < total * _NEGLIGIBLE:
            break
    return min(1.0, total)
