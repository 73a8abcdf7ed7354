"""A template that changes: what all its badges have from it moves, without touching each badge.

What a badge inherits is not stored with it, only in the rows of the fact table and in the counters
by category, level and community. So the work is done on columns, in one pass over the table: time
and memory grow with the chunks that change (some 30 bytes a badge), not with documents.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from services.cells import NO_KEY
from services.facts import TemplateFacts
from services.tables import BADGE, OWN_BITS, Rows
from services.window import DAY_MS, month_of_day
from services.workspace import Workspace

SERIES = {dimension: f"issued.{dimension}" for dimension in OWN_BITS}


class Move(NamedTuple):
    """One field of one template that changed."""

    template: str
    dimension: str
    before: str | None
    now: str | None


@dataclass(slots=True)
class _Moved:
    """The badges that a move takes along: when they were issued, and to whom."""

    days: list[NDArray[np.int64]]
    users: list[NDArray[np.uint32]]


def moves(
    before: Mapping[str, TemplateFacts | None], now: Mapping[str, TemplateFacts | None]
) -> list[Move]:
    """Return what changed of templates, as far as badges inherit it."""
    found = []
    for template, known in now.items():
        for dimension in OWN_BITS:
            old = _text(getattr(before.get(template), dimension, None))
            new = _text(getattr(known, dimension, None))
            if old != new:
                found.append(Move(template, dimension, old, new))
    return found


async def follow(
    workspace: Workspace,
    moved: Collection[Move],
    besides: Collection[int],
) -> int | None:
    """Move the rows and the counters of the badges that inherit; return the earliest issue's time.

    The rows in `besides` are those of the badges that the batch itself has brought up to date.
    """
    taken = await _move_rows(workspace, moved, besides)
    if not taken:
        return None
    counters = workspace.counters
    for move, found in taken.items():
        days, counts = np.unique(np.concatenate(found.days), return_counts=True)
        for key, sign in ((move.before, -1), (move.now, 1)):
            name = NO_KEY if key is None else key
            counters.add_days(SERIES[move.dimension], name, days.tolist(), (sign * counts).tolist())
            if move.dimension == "category":
                kind = f"{name}/{move.template}"
                counters.add_days("issued.kind", kind, days.tolist(), (sign * counts).tolist())
    await counters.apply()
    await _move_users(workspace, taken)
    return int(min(days.min() for found in taken.values() for days in found.days)) * DAY_MS


async def _move_rows(
    workspace: Workspace, moved: Collection[Move], besides: Collection[int]
) -> dict[Move, _Moved]:
    code = workspace.code
    wanted = [
        (move, code("template", move.template), code(move.dimension, move.now)) for move in moved
    ]
    codes = np.array([template for _, template, _ in wanted], np.uint32)
    done = np.fromiter(besides, np.int64, len(besides))
    taken: dict[Move, _Moved] = {}
    chunk = workspace.facts.chunk
    async for number, stored in workspace.facts.scan():
        able = (stored["kind"] == BADGE) & np.isin(stored["template"], codes)
        if not able.any():
            continue
        able[done[(done >= number * chunk) & (done < (number + 1) * chunk)] - number * chunk] = (
            False
        )
        rows: Rows | None = None
        for move, template, new in wanted:
            bit = OWN_BITS[move.dimension]
            places = np.flatnonzero(
                able & (stored["template"] == template) & ((stored["own"] & bit) == 0)
            )
            if not len(places):
                continue
            rows = stored.copy() if rows is None else rows
            rows[move.dimension][places] = new
            found = taken.setdefault(move, _Moved([], []))
            found.days.append(stored["at"][places] // DAY_MS)
            found.users.append(stored["user"][places])
        if rows is not None:
            workspace.facts.replace(number, rows)
    return taken


async def _move_users(workspace: Workspace, taken: Mapping[Move, _Moved]) -> None:
    """Bring the distinct users by month and ever up to what the rows say now."""
    come: defaultdict[tuple[str, str], defaultdict[int | None, BitMap]]
    come = defaultdict(lambda: defaultdict(BitMap))
    gone: defaultdict[tuple[str, str], defaultdict[int | None, BitMap]]
    gone = defaultdict(lambda: defaultdict(BitMap))
    for move, found in taken.items():
        by_month = _by_month(np.concatenate(found.days), np.concatenate(found.users))
        for key, side in ((move.before, gone), (move.now, come)):
            for month, users in by_month.items():
                side[move.dimension, NO_KEY if key is None else key][month] |= users
    stay = await _users_by_month(workspace, gone)
    for (dimension, key), by_period in gone.items():
        for month in by_period:
            by_period[month] -= stay[dimension, key][month]
    for dimension, key in gone.keys() | come.keys():
        out, into = gone[dimension, key], come[dimension, key]
        for month in out.keys() | into.keys():
            workspace.counters.replace_users(SERIES[dimension], key, month, out[month], into[month])


async def _users_by_month(
    workspace: Workspace, keys: Collection[tuple[str, str]]
) -> defaultdict[tuple[str, str], defaultdict[int | None, BitMap]]:
    """Return the users who have badges of some keys now, by month and ever (None)."""
    found: defaultdict[tuple[str, str], defaultdict[int | None, BitMap]]
    found = defaultdict(lambda: defaultdict(BitMap))
    codes = {
        (dimension, key): workspace.code(dimension, None if key == NO_KEY else key)
        for dimension, key in keys
    }
    async for _, rows in workspace.facts.scan():
        is_badge = rows["kind"] == BADGE
        for (dimension, key), code in codes.items():
            places = np.flatnonzero(is_badge & (rows[dimension] == code))
            if len(places):
                by_month = _by_month(rows["at"][places] // DAY_MS, rows["user"][places])
                for month, users in by_month.items():
                    found[dimension, key][month] |= users
    return found


def _by_month(days: NDArray[np.int64], users: NDArray[np.uint32]) -> dict[int | None, BitMap]:
    """Return the users by month, and all of them under None."""
    found: dict[int | None, BitMap] = {None: BitMap(np.unique(users).tolist())}
    distinct, of_day = np.unique(days, return_inverse=True)
    months = np.array([month_of_day(int(day))[0] for day in distinct], np.int64)[of_day]
    for month in np.unique(months).tolist():
        found[month] = BitMap(np.unique(users[months == month]).tolist())
    return found


def _text(value: object) -> str | None:
    return None if value is None else str(value)
