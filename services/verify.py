"""Verifying: every figure that is kept against a recount of the log, and where they differ."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from math import isclose
from typing import Any

from documents.projection import Database
from services import cellcheck, expected
from services.analytics import Analytics, Question
from services.catalogue import METRICS
from services.community import CommunityMetrics
from services.distribution import BadgeDistribution
from services.errors import AnalyticsError
from services.figures import Where
from services.issuance import IssuanceMetrics
from services.overview import Overview
from services.reading import Reading
from services.recount import Truth, recount
from services.trends import trend, value
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
        return f"{self.path}: kept {_cut(self.kept)}, the log says {_cut(self.expected)}"


@dataclass(frozen=True)
class Kept:
    """What the service answers to one question."""

    view: View
    answers: Mapping[str, Mapping[str, object]]
    """The figures of each answer, by their names."""
    trends: Mapping[tuple[str, Granularity], object]
    values: Mapping[str, object]
    """Each metric over the range, and over what that is compared with."""


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


_SHOWN = 200
"""Characters of a value that are shown."""


async def verify(
    database: Database, analytics: Analytics, tell: Callable[[int, int], None]
) -> list[Difference]:
    """Recount everything; return every difference. `tell` is told how many steps of how many.

    About the position that is the latest at the start; what is committed meanwhile is not seen.
    """
    reading = await analytics.reading()
    # The answers come first: a snapshot of the database does not last as long as a recount may.
    kept = [
        await answered(await analytics.view(question, reading), (Granularity.MONTH,))
        for question in await _questions(analytics, reading)
    ]
    cells = await cellcheck.stored(reading)
    last = reading.head.sequence
    truth = await recount(database, last, lambda n: tell(n, last + len(kept)))
    wanted = cellcheck.counted(truth)
    found = [
        Difference(f"counter {cell}", cells.get(cell), wanted.get(cell))
        for cell in sorted(cells.keys() | wanted.keys())
        if cells.get(cell) != wanted.get(cell)
    ]
    for number, each in enumerate(kept):
        found += list(differing(each, truth))
        tell(last + number + 1, last + len(kept))
    return found


async def _questions(analytics: Analytics, reading: Reading) -> list[Question]:
    """Return what together touches every counter and table."""
    everything = (await analytics.view(Question(), reading)).figures
    categories = await everything.top("category", None, 1)
    issuers = await everything.top("issuer", None, 1)
    return [
        Question(),
        Question(range=Last(45, Granularity.DAY), zone="Asia/Kolkata"),
        Question(range=Last(3, Granularity.MONTH), compared=Comparison.PREVIOUS_PERIOD),
        *(Question(where=Where(categories=(key,))) for key, _ in categories),
        *(Question(where=Where(issuers=(key,))) for key, _ in issuers),
    ]


async def answered(view: View, granularities: Sequence[Granularity]) -> Kept:
    """Return every answer to one question, and every trend."""
    return Kept(
        view,
        {answer.__name__: await collect(answer(view=view)) for answer in ANSWERS},
        {
            (name, granularity): await _refusable(trend(view, name, granularity))
            for name in METRICS
            for granularity in granularities
        },
        {name: await _refusable(_value(view, name)) for name in METRICS},
    )


async def _value(view: View, name: str) -> tuple[float | None, float | None]:
    found = await value(view, name)
    return found.value, None if found.comparison is None else found.comparison.value


def differing(kept: Kept, truth: Truth) -> Iterator[Difference]:
    """Yield where the answers to one question are not those of brute force."""
    view, asked = kept.view, _spoken(kept.view)
    chosen = expected.Chosen(truth, view.where)
    for counterpart in expected.FAMILIES:
        name = counterpart.__name__
        wanted = expected.figures(counterpart(chosen, view))
        yield from differences(kept.answers[name], wanted, f"{asked} {name}")
    for (name, granularity), found in kept.trends.items():
        path = f"{asked} trends {name} by {granularity}"
        wanted_points = _brute(chosen, view, name, granularity)
        yield from differences(getattr(found, "points", found), wanted_points, path)
    for name, pair in kept.values.items():
        yield from differences(pair, _over(chosen, view, name), f"{asked} figures {name}")


def _over(chosen: expected.Chosen, view: View, name: str) -> object:
    try:
        return expected.of_range(chosen, view, name)
    except AnalyticsError as refusal:
        return refusal.code


def _brute(chosen: expected.Chosen, view: View, name: str, granularity: Granularity) -> object:
    try:
        return expected.series(chosen, view, name, granularity)
    except AnalyticsError as refusal:
        return refusal.code


async def _refusable(answer: Awaitable[object]) -> object:
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
    elif isinstance(kept, list | tuple) and type(kept) is type(wanted) and len(kept) == len(wanted):
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
