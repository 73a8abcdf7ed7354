"""Distribution by brute force; see `services.distribution`."""

from collections import defaultdict
from fractions import Fraction
from math import comb

from services.answers import BadgeStanding, Slice
from services.distribution import (
    TRENDING_LEAST,
    TRENDING_P,
    CategoryBadge,
    CategoryBadges,
    IssuerStanding,
    TrendingBadge,
)
from services.expected.chosen import UNKNOWN
from services.expected.parts import by, categories, kind, levels, ordered, standings
from services.expected.series import Expected, effective
from services.recount import Issued
from services.window import Granularity


class BadgeDistribution(Expected):
    """See `services.distribution`."""

    def by_category(self) -> list[Slice]:
        return categories(self.chosen.issued(self.span), self.view.names)

    def by_level(self) -> list[Slice]:
        return levels(self.chosen.issued(self.span), self.view.names)

    def top_badges(self, first: int = 15) -> list[BadgeStanding]:
        return standings(self, first)

    def trending_badges(self, first: int = 10) -> list[TrendingBadge]:
        days = self.view.last(30, Granularity.DAY)
        low, turn, high = days[0].start, days[23].start, days[-1].end
        last = by(self.chosen.issued((turn, high)), "template")
        before = by(self.chosen.issued((low, turn)), "template")
        ever = by(self.chosen.issued((0, turn)), "template")
        rising, new = [], []
        for key, n in ordered(last):
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
            badge=kind(self.chosen.truth, self.view.names, key),
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
            top = ordered(by(badges, "template"))[:5]
            standings = [
                CategoryBadge(
                    rank=place + 1,
                    badge=kind(self.chosen.truth, self.view.names, key),
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
            for place, (key, n) in enumerate(ordered(by(badges, "issuer"))[:first])
        ]

    def effective_issuers(self) -> float | None:
        return effective(self.chosen.issued(self.span))
