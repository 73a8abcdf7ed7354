"""What a filter leaves of what is true, as lists."""

from bisect import bisect_left
from collections import Counter
from functools import cache

from services.figures import Where
from services.recount import Founded, Issued, Person, Truth

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
