"""Issuance by brute force; see `services.issuance`."""

from services.answers import BadgeStanding, SeriesPoint, Slice
from services.expected.parts import by, categories, levels, ordered, slices, standings
from services.expected.series import Expected, divided, series
from services.window import Granularity


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
        return divided(sum(badge.revoked is not None for badge in badges), len(badges))

    def daily_issuance(self) -> list[SeriesPoint]:
        return self.series("BADGES_ISSUED", Granularity.DAY, 30)

    def weekly_issuance(self) -> list[SeriesPoint]:
        return self.series("BADGES_ISSUED", Granularity.WEEK, 12)

    def monthly_issuance(self) -> list[SeriesPoint]:
        return self.series("BADGES_ISSUED", Granularity.MONTH, 12)

    def issued(self) -> list[SeriesPoint]:
        return series(self.chosen, self.view, "BADGES_ISSUED", Granularity.DAY)

    def by_category(self) -> list[Slice]:
        return categories(self.chosen.issued(self.span), self.view.names)

    def by_level(self) -> list[Slice]:
        return levels(self.chosen.issued(self.span), self.view.names)

    def by_issuer(self) -> list[Slice]:
        badges = self.chosen.issued(self.span)
        top = ordered(by(badges, "issuer"))[:20]
        return slices([(key, key, n) for key, n in top], len(badges))

    def top_badges(self) -> list[BadgeStanding]:
        return standings(self, 15)
