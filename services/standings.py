"""Kinds of badges and their places, which more than one family tells of."""

import asyncio
from collections.abc import Sequence

from services.answers import Badge, BadgeStanding
from services.view import View
from services.window import Granularity

RATE_DAYS = 30
"""Over how many days, today contained, badges a day are counted."""


async def standings(view: View, first: int) -> list[BadgeStanding]:
    """Return the kinds of badges issued most in the window."""
    top = await view.figures.top("template", view.range, first)
    return await stand(view, top)


async def stand(view: View, top: Sequence[tuple[str, int]]) -> list[BadgeStanding]:
    """Return kinds of badges with their counts in the window as standings, in that order."""
    keys = [key for key, _ in top]
    days = view.last(RATE_DAYS, Granularity.DAY)
    badges, recipients, recent, holders, users = await asyncio.gather(
        kinds(view, keys),
        view.figures.recipients("template", keys, view.range),
        view.figures.issued("template", keys, (days[0].start, days[-1].end)),
        view.figures.holders(keys),
        view.figures.total("users"),
    )
    return [
        BadgeStanding(
            rank=place + 1,
            badge=badges[place],
            issued=n,
            recipients=recipients[place],
            issued_per_day=recent[place] / RATE_DAYS,
            holders=holders[place],
            rarity=holders[place] / users if users else None,
        )
        for place, (_, n) in enumerate(top)
    ]


async def kinds(view: View, ids: Sequence[str]) -> list[Badge]:
    """Return kinds of badges by their template ids, in the order of the ids."""
    reading = view.reading
    rows = await reading.find(reading.projection.templates, {"_id": {"$in": list(ids)}})
    found = {row["_id"]: row for row in rows}
    return [_kind(view, id_, found.get(id_, {})) for id_ in ids]


def _kind(view: View, id_: str, row: dict[str, object]) -> Badge:
    category, level = row.get("category"), row.get("level")
    return Badge(
        id=id_,
        name=None if row.get("name") is None else str(row["name"]),
        category=None if category is None else view.names.category(str(category)),
        level=level if isinstance(level, int) else None,
    )
