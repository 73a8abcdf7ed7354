"""Every counter against a recount: what the facts of the log add up to, cell by cell."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from pyroaring import BitMap

from services.catalogue import points
from services.cells import NO_KEY, cell_id, part_counts
from services.engagement import steps, turns
from services.facts import BadgeFacts, CommunityFacts, Facts, MembershipFacts, UserFacts
from services.reading import Reading
from services.recount import Truth
from services.window import ATOM_MS, ATOMS_A_DAY, month_of_day

Cell = dict[str, Any]


async def stored(reading: Reading) -> dict[str, Cell]:
    """Return every counter that is not empty: how many, in which parts, of how many users.

    By the collection and the `_id` of each.
    """
    found: dict[str, Cell] = {}
    projection = reading.projection
    for level in (
        projection.totals,
        projection.months,
        projection.quarter_hours,
        projection.day_users,
    ):
        for row in await reading.find(level, {"n": {"$ne": 0}}):
            told = part_counts(row) if "parts" in row else ()
            parts = {part: n for part, n in enumerate(told) if n}
            users = len(BitMap.deserialize(row["users"])) if row.get("users") else 0
            name = f"{level.name.rpartition('_')[0]} {row['_id']}"
            found[name] = {"n": row["n"], "parts": parts, "distinct": users}
            # Told beside the users of a total only.
            found[name]["user_count"] = row.get("user_count", users)
    return found


def counted(truth: Truth) -> dict[str, Cell]:
    """Return what every counter must be."""
    n: Counter[str] = Counter()
    parts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    distinct: defaultdict[str, set[str]] = defaultdict(set)
    for fact in _facts(truth):
        for series, key, at, whom in points(fact):
            who = _who(fact, whom) if whom else None
            for cell, part, user in _cells(series, key, at, who):
                n[cell] += 1
                if part is not None:
                    parts[cell][part] += 1
                if user is not None:
                    distinct[cell].add(user)
    for event in truth.events:
        n[f"totals {cell_id('events', event['type'], None)}"] += 1
    for reason, count in truth.ineffective.items():
        n[f"totals {cell_id('ineffective', reason, None)}"] = count
    found = {}
    for cell, count in n.items():
        users = len(distinct[cell])
        parted = dict(parts[cell])
        found[cell] = {"n": count, "parts": parted, "distinct": users, "user_count": users}
    return found


def _cells(
    series: str, key: str | None, at: int | None, who: str | None
) -> Iterator[tuple[str, int | None, str | None]]:
    """Yield the counters that a point is in: which, in which part, and the user if it tells one."""
    name = key or NO_KEY
    yield f"totals {cell_id(series, name, None)}", None, who
    if at is None:
        return
    day, slot = divmod(at // ATOM_MS, ATOMS_A_DAY)
    month, place = month_of_day(day)
    yield f"months {cell_id(series, name, month)}", place, who
    if key is not None:
        return
    yield f"quarter_hours {cell_id(series, name, month)}", place * ATOMS_A_DAY + slot, None
    if who is not None:
        yield f"day_users {cell_id(series, name, day)}", None, who


def _who(fact: Facts, whom: str) -> str | None:
    if isinstance(fact, BadgeFacts):
        return fact.recipient if whom == "user" else fact.template
    return fact.user if isinstance(fact, UserFacts) else None


def _facts(truth: Truth) -> Iterator[Facts]:
    for each in truth.badges:
        yield BadgeFacts(
            badge=each.badge,
            recipient=each.user,
            at=each.at,
            issuer=each.issuer,
            template=each.template,
            category=None if each.category is None else int(each.category),
            level=None if each.level is None else int(each.level),
            community=each.community,
            revoked=each.revoked,
            hard=each.hard,
            on_chain=each.on_chain,
        )
    for known in truth.communities.values():
        yield CommunityFacts(
            community=known.community,
            name=known.name,
            owner=known.owner,
            creator=known.creator,
            created=known.at,
            deactivated=known.deactivated,
            on_chain=known.on_chain,
        )
    for community, user, since in truth.members:
        yield MembershipFacts(community, user, since)
    spans = defaultdict(list)
    for each in truth.badges:
        spans[each.user].append((each.at, each.revoked))
    for name, person in truth.users.items():
        turned = turns(steps(spans[name]))
        yield UserFacts(name, person.joined, person.first, person.issued, person.held, turned)
