"""Who comes back: cohorts of users and their lifecycle, from the users active in each bucket.

Everything here is sets: `active[i]` are the users who received a badge in bucket i, `joined[i]`
those who joined in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pyroaring import BitMap

from services.answers import instant
from services.window import Bucket


class RetentionMode(StrEnum):
    """When a user of a cohort counts as retained at an offset."""

    BOUNDED = "BOUNDED"
    """Active in the bucket at this offset."""
    UNBOUNDED = "UNBOUNDED"
    """Active in the bucket at this offset, or in a later one of the range."""
    STREAK = "STREAK"
    """Active in every bucket from the first up to the one at this offset."""


@dataclass(frozen=True, kw_only=True)
class CohortCell:
    """How many users of a cohort are retained at one offset."""

    offset: int
    """How many buckets after the one in which the cohort joined; 0 is that bucket."""
    retained: int
    """Users who are retained."""
    rate: float | None
    """Retained users divided by the size of the cohort, 0 to 1; null for an empty cohort."""
    is_complete: bool
    """Whether the bucket at this offset has ended. If not, the number may still rise; in the mode
    UNBOUNDED it may do so as long as the range is open."""


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """The users who joined in one bucket, and how many of them came back."""

    start: datetime
    """The first instant of the bucket in which they joined."""
    end: datetime
    """The first instant after that bucket."""
    size: int
    """How many users joined in it; a join is the first appearance ever."""
    is_complete: bool
    """Whether the bucket has ended; if not, the cohort may still grow."""
    cells: list[CohortCell]
    """One for each offset up to the bucket that is open or ends the range."""


@dataclass(frozen=True, kw_only=True)
class MeanRetention:
    """The retention at one offset, pooled over all cohorts that have a complete cell there."""

    offset: int
    """How many buckets after joining."""
    retained: int
    """Users of all these cohorts who are retained."""
    size: int
    """Users of all these cohorts."""
    rate: float | None
    """Retained users divided by users, 0 to 1; null if there is no user."""


@dataclass(frozen=True, kw_only=True)
class RetentionCohorts:
    """Users by the bucket in which they joined, and how many of them came back when."""

    mode: RetentionMode
    """When a user counts as retained."""
    cohorts: list[Cohort]
    """The cohorts, the earliest first."""
    mean: list[MeanRetention]
    """The pooled mean by offset: the sum of the retained over the sum of the sizes."""


@dataclass(frozen=True, kw_only=True)
class LifecyclePoint:
    """The users of one bucket by what they did before.

    Active users are the new, the returning and the resurrected ones; the change of active users
    is the new and the resurrected less the dormant ones.
    """

    start: datetime
    """The first instant of the bucket."""
    end: datetime
    """The first instant after the bucket."""
    active: int
    """Users who received a badge in the bucket."""
    new: int
    """Those of them who had never received one before."""
    returning: int
    """Those of them who received one in the bucket before, too."""
    resurrected: int
    """Those of them who received one earlier, but none in the bucket before."""
    dormant: int
    """Users who received one in the bucket before and none in this one."""
    is_partial: bool
    """Whether the bucket has not ended."""


def cohorts(
    buckets: Sequence[Bucket],
    joined: Sequence[BitMap],
    active: Sequence[BitMap],
    mode: RetentionMode,
) -> RetentionCohorts:
    """Return the cohorts of the buckets; buckets that have not begun are left out."""
    found = [
        Cohort(
            start=instant(bucket.start),
            end=instant(bucket.end),
            size=len(joined[place]),
            is_complete=not bucket.is_partial,
            cells=[
                CohortCell(
                    offset=offset,
                    retained=retained,
                    rate=retained / len(joined[place]) if joined[place] else None,
                    is_complete=not buckets[place + offset].is_partial,
                )
                for offset, retained in enumerate(_retained(joined[place], active[place:], mode))
            ],
        )
        for place, bucket in enumerate(buckets)
    ]
    return RetentionCohorts(mode=mode, cohorts=found, mean=_mean(found))


def _retained(
    cohort: BitMap, active: Sequence[BitMap], mode: RetentionMode
) -> Sequence[int] | Iterator[int]:
    if mode is RetentionMode.BOUNDED:
        return [cohort.intersection_cardinality(each) for each in active]
    if mode is RetentionMode.UNBOUNDED:
        later, counts = BitMap(), []
        for each in reversed(active):
            later |= each
            counts.append(cohort.intersection_cardinality(later))
        return counts[::-1]
    counts = []
    for each in active:
        cohort = cohort & each
        counts.append(len(cohort))
    return counts


def _mean(found: Sequence[Cohort]) -> list[MeanRetention]:
    means = []
    for offset in range(len(found)):
        there = [cohort for cohort in found if len(cohort.cells) > offset]
        complete = [cohort for cohort in there if cohort.cells[offset].is_complete]
        if not complete:
            break
        retained = sum(cohort.cells[offset].retained for cohort in complete)
        size = sum(cohort.size for cohort in complete)
        means.append(
            MeanRetention(
                offset=offset,
                retained=retained,
                size=size,
                rate=retained / size if size else None,
            )
        )
    return means


def lifecycle(
    buckets: Sequence[Bucket], active: Sequence[BitMap], earlier: BitMap
) -> list[LifecyclePoint]:
    """Return the lifecycle of the buckets.

    `active` begins with the bucket before the first one; `earlier` are the users who were active
    at any time before the first one.
    """
    points = []
    for place, bucket in enumerate(buckets):
        before, now = active[place], active[place + 1]
        new = now - earlier
        returning = now & before
        points.append(
            LifecyclePoint(
                start=instant(bucket.start),
                end=instant(bucket.end),
                active=len(now),
                new=len(new),
                returning=len(returning),
                resurrected=len(now) - len(new) - len(returning),
                dormant=len(before - now),
                is_partial=bucket.is_partial,
            )
        )
        earlier = earlier | now
    return points
