"""Engagement: a user is engaged while it holds a badge, and turns when that begins or ends."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.tables import NEVER, Rows, only

Span = tuple[int, int | None]
"""When a badge was issued, and when it was revoked."""


class Turns(NamedTuple):
    """When users came to hold a badge without having held one, and when they came to hold none."""

    engaged: tuple[int, ...]
    disengaged: tuple[int, ...]


def steps(badges: Iterable[Span]) -> Counter[int]:
    """Return by how much a user's number of badges changes at each instant."""
    found: Counter[int] = Counter()
    for issued, revoked in badges:
        found[issued] += 1
        if revoked is not None:
            found[revoked] -= 1
    return Counter({at: by for at, by in found.items() if by})


def turns(changes: Mapping[int, int], held: int = 0) -> Turns:
    """Return the turns of one user who first holds a number of badges, given its `steps`."""
    engaged, disengaged = [], []
    for at in sorted(changes):
        before, held = held, held + changes[at]
        if not before and held:
            engaged.append(at)
        elif before and not held:
            disengaged.append(at)
    return Turns(tuple(engaged), tuple(disengaged))


def turns_of_all(badges: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when users came to hold one of the badges, and when they came to hold none."""
    lost = only(badges, badges["end"] != NEVER)
    users = np.concatenate([badges["user"], lost["user"]])
    instants = np.concatenate([badges["at"], np.maximum(lost["at"], lost["end"])])
    signs = np.repeat([1, -1], [len(badges), len(lost)])
    order = np.lexsort((-signs, instants, users))
    instants, signs = instants[order], signs[order]
    # In the end everybody has as many badges as were not lost, so each user's sum begins anew.
    firsts = np.concatenate([[True], np.diff(users[order]) != 0]) if len(order) else order
    held = np.cumsum(signs)
    lengths = np.diff(np.append(np.flatnonzero(firsts), len(order)))
    held = held - np.repeat((held - signs)[firsts], lengths)
    return instants[(held == 1) & (signs == 1)], instants[(held == 0) & (signs == -1)]
