"""Verifying: every figure that is kept against a recount of the log, and where they differ."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from math import isclose
from typing import Any

from documents.projection import Database
from services import expected
from services.analytics import Analytics, Question
from services.catalogue import METRICS
from services.community import CommunityMetrics
from services.distribution import BadgeDistribution
from services.errors import AnalyticsError
from services.figures import Where
from services.issuance import IssuanceMetrics
from services.overview import Overview
from services.recount import Truth, recount
from services.trends import trend
from services.users import UserMetrics
from services.view import Answer, View, collect
from services.window import Comparison, Granularity, Last

ANSWERS: tuple[type[Answer], ...] = (
    IssuanceMetrics,
    CommunityMetrics,
    UserMetrics,
    BadgeDistribution,
    Overview,
)


@dataclass(frozen=True)
class Difference:
    """A figure that is not what the log says."""

    path: str
    """What is asked and which part of the answer it is."""
    kept: object
    expected: object

    def __str__(self) -> str:
        return f"{self.path}: kept {self.kept!r}, the log says {self.expected!r}"


async def verify(
    database: Database, analytics: Analytics, tell: Callable[[str, int], None]
) -> list[Difference]:
    """Recount everything; return every difference. `tell` is told what is done and how far it is.

    About the position that is the latest at the start; what is committed meanwhile is not seen.
    """
    reading = await analytics.reading()
    truth = await recount(database, reading.head.sequence, lambda n: tell("entries read", n))
    found = []
    for number, question in enumerate(_questions(truth)):
        tell("questions asked", number + 1)
        found += await check(await analytics.view(question, reading), truth)
    return found


def _questions(truth: Truth) -> Iterator[Question]:
    """Return what together touches every counter and table."""
    yield Question()
    yield Question(range=Last(45, Granularity.DAY), zone="Asia/Kolkata")
    yield Question(range=Last(3, Granularity.MONTH), compared=Comparison.PREVIOUS_PERIOD)
    if truth.badges:
        badge = truth.badges[len(truth.badges) // 2]
        yield Question(where=Where(categories=(badge.category or expected.UNKNOWN,)))
        yield Question(where=Where(issuers=(badge.issuer or expected.UNKNOWN,)))


async def check(view: View, truth: Truth) -> list[Difference]:
    """Return where the answers to one question are not those of brute force."""
    chosen = expected.Chosen(truth, view.where)
    asked = _spoken(view)
    found: list[Difference] = []
    for answer in ANSWERS:
        answered = await collect(answer(view=view))
        counterpart = next(each for each in expected.FAMILIES if each.__name__ == answer.__name__)
        wanted = expected.figures(counterpart(chosen, view))
        found += differences(answered, wanted, f"{asked} {answer.__name__}")
    for name in METRICS:
        for granularity in (Granularity.DAY, Granularity.MONTH):
            kept = await refusable(trend(view, name, granularity))
            series = _brute(chosen, view, name, granularity)
            points = getattr(kept, "points", kept)
            found += differences(points, series, f"{asked} trends {name} by {granularity}")
    return found


def _brute(chosen: expected.Chosen, view: View, name: str, granularity: Granularity) -> object:
    try:
        return expected.series(chosen, view, name, granularity)
    except AnalyticsError as refusal:
        return refusal.code


async def refusable(answer: Awaitable[object]) -> object:
    """Return an answer, or the code with which it is refused."""
    try:
        return await answer
    except AnalyticsError as refusal:
        return refusal.code


def _spoken(view: View) -> str:
    window = view.window
    where = "".join(f" {name} {'/'.join(keys)}" for name, keys in view.where.dimensions().items())
    return f"[{window.start}..{window.end} {window.zone}{where}]"


def differences(kept: object, wanted: object, path: str) -> Iterator[Difference]:
    """Yield where two answers differ; decimal fractions may differ in their last digits."""
    if is_dataclass(kept) and type(kept) is type(wanted):
        for each in fields(kept):
            one, other = getattr(kept, each.name), getattr(wanted, each.name)
            yield from differences(one, other, f"{path}.{each.name}")
    elif isinstance(kept, list) and isinstance(wanted, list) and len(kept) == len(wanted):
        for place, (one, other) in enumerate(zip(kept, wanted, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif isinstance(kept, dict) and isinstance(wanted, dict) and kept.keys() == wanted.keys():
        for name, one in kept.items():
            yield from differences(one, wanted[name], f"{path}.{name}")
    elif not _equal(kept, wanted):
        yield Difference(path, kept, wanted)


def _equal(kept: Any, wanted: Any) -> bool:  # noqa: ANN401  # of any type
    if isinstance(kept, float) and isinstance(wanted, float | int):
        return isclose(kept, wanted, rel_tol=1e-9, abs_tol=1e-12)
    return bool(kept == wanted)
