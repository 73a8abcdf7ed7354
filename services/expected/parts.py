"""Parts of a whole and places in an order, which several answers have."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from services.answers import Badge, BadgeStanding, Names, Slice
from services.expected.chosen import UNKNOWN
from services.expected.series import Expected
from services.recount import Issued, Truth
from services.window import Granularity


def rank(key: str) -> tuple[int, int, str]:
    return (0, int(key), "") if key.isdigit() else (1, 0, key)


def ordered(counted: Counter[str]) -> list[tuple[str, int]]:
    known = [(key, n) for key, n in counted.items() if key != UNKNOWN]
    return sorted(known, key=lambda item: (-item[1], rank(item[0])))


def slices(counted: list[tuple[str, str, int]], whole: int) -> list[Slice]:
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


def by(badges: Iterable[Issued], dimension: str) -> Counter[str]:
    return Counter(getattr(badge, dimension) or UNKNOWN for badge in badges)


def categories(badges: list[Issued], names: Names) -> list[Slice]:
    counted = sorted(by(badges, "category").items(), key=lambda item: (-item[1], rank(item[0])))
    return slices(
        [(names.category(key), names.category(key), n) for key, n in counted], len(badges)
    )


def levels(badges: list[Issued], names: Names) -> list[Slice]:
    counted = sorted(by(badges, "level").items(), key=lambda item: rank(item[0]))
    rows = [("unknown" if key == UNKNOWN else key, names.level(key), n) for key, n in counted]
    return slices(rows, len(badges))


def kind(truth: Truth, names: Names, id_: str) -> Badge:
    template = truth.templates.get(id_)
    category = template.category if template else None
    return Badge(
        id=id_,
        name=template.name if template else None,
        category=None if category is None else names.category(str(category)),
        level=template.level if template else None,
    )


def standings(expected: Expected, first: int) -> list[BadgeStanding]:
    chosen, view = expected.chosen, expected.view
    badges = chosen.issued(expected.span)
    days = view.last(30, Granularity.DAY)
    recent = by(chosen.issued((days[0].start, days[-1].end)), "template")
    found = []
    for place, (key, n) in enumerate(ordered(by(badges, "template"))[:first]):
        of_kind = [badge for badge in chosen.badges if badge.template == key]
        holders = len({badge.user for badge in of_kind if badge.revoked is None})
        found.append(
            BadgeStanding(
                rank=place + 1,
                badge=kind(chosen.truth, view.names, key),
                issued=n,
                recipients=len({badge.user for badge in badges if badge.template == key}),
                issued_per_day=recent[key] / 30,
                holders=holders,
                rarity=holders / len(chosen.users) if chosen.users else None,
            )
        )
    return found
