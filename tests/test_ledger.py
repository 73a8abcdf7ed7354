"""What is kept step by step equals what the log says, however it came about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from documents.connection import Database, connect
from ingest.synthetic import truth as told_by
from services import activity, cellcheck, expected
from services.analytics import Question
from services.distribution import BadgeDistribution
from services.figures import Where
from services.paging import Page
from services.rebuild import rebuild
from services.recount import Told, Truth, as_happened, recount, work_out
from services.retention import RetentionMode
from services.users import UserMetrics
from services.verify import Difference, Kept, answered, differences, differing
from services.view import View
from services.window import (
    Between,
    Comparison,
    Granularity,
    Last,
    RangeSpec,
    Weekday,
    WindowError,
)
from tests.histories import NOW, History
from tests.services import Services


@asynccontextmanager
async def empty(url: str) -> AsyncIterator[Database]:
    """Lend an empty database."""
    database = await connect(url, f"test_{uuid4().hex}")
    try:
        yield database
    finally:
        await database.client.drop_database(database.name)
        database.client.close()


def questions(random: Random, truth: Truth) -> list[Question]:
    """Return all time, a range in an odd zone, and filters of every kind."""
    zones = ["UTC", "Asia/Kolkata", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu"]
    badge = random.choice(truth.badges) if truth.badges else None
    between = sorted(NOW - random.randrange(80 * 86_400_000) for _ in range(2))
    ranges: list[RangeSpec] = [
        Last(random.randint(1, 40), Granularity.DAY),
        Last(random.randint(1, 4), Granularity.MONTH),
        Between(between[0], between[1] + 900_000),
    ]
    filters = [Where()]
    if badge is not None:
        filters += [
            Where(categories=(badge.category or "-",)),
            Where(levels=(badge.level or "-",), issuers=(badge.issuer or "-",)),
            Where(badges=(badge.template or "-",)),
        ]
    if truth.communities:
        named = tuple(random.sample(sorted(truth.communities), k=min(2, len(truth.communities))))
        filters += [Where(communities=named)]
        if badge is not None:
            filters += [Where(communities=named, categories=(badge.category or "-",))]
    asked = [Question(), Question(zone=random.choice(zones))]
    for where in filters:
        asked.append(
            Question(
                range=random.choice(ranges),
                zone=random.choice(zones),
                week_start=random.choice(list(Weekday)),
                where=where,
                compared=random.choice([None, *Comparison, *ranges]),
            )
        )
        asked.append(Question(where=where, zone=random.choice(zones)))
    return random.sample(asked, k=min(QUESTIONS, len(asked)))


QUESTIONS = 5
"""How many questions each history is asked."""


async def compared(services: Services, truth: Truth, random: Random) -> list[str]:
    """Return where the answers are not those of brute force, over many questions."""
    reading = await services.analytics.reading()
    found: list[str] = []
    cells, wanted = await cellcheck.stored(reading), cellcheck.counted(truth)
    found += [
        f"{cell}: kept {cells.get(cell)}, expected {wanted.get(cell)}"
        for cell in cells.keys() | wanted.keys()
        if cells.get(cell) != wanted.get(cell)
    ]
    for question in questions(random, truth):
        view = await services.analytics.view(question, reading)
        kept = await answered(view, [random.choice(list(Granularity))])
        found += [f"{question}: {each}" for each in differing(kept, truth)]
        found += [f"{question}: {each}" for each in await with_arguments(view, truth, random)]
        found += [f"{question}: {each}" for each in broken_identities(kept)]
    found += await misplaced(services, truth)
    return found


async def with_arguments(view: View, truth: Truth, random: Random) -> list[Difference]:
    """Return where figures that take arguments are not those of brute force."""
    by = random.choice([Granularity.DAY, Granularity.WEEK, Granularity.MONTH])
    mode, first = random.choice(list(RetentionMode)), random.randint(1, 30)
    chosen = expected.Chosen(truth, view.where)
    users, brute = UserMetrics(view=view), expected.UserMetrics(chosen, view)
    badges, brute_badges = BadgeDistribution(view=view), expected.BadgeDistribution(chosen, view)
    try:
        cohorts = await users.retention_cohorts(by, mode)
    except WindowError:
        return []  # more cohorts than there may be, which a test of its own is about
    kept = [
        cohorts,
        await users.lifecycle(by),
        await users.retention_rate(by),
        await badges.top_badges(first),
        await badges.trending_badges(first),
        await badges.badges_by_issuer(first),
    ]
    wanted = [
        brute.retention_cohorts(by, mode),
        brute.lifecycle(by),
        brute.retention_rate(by),
        brute_badges.top_badges(first),
        brute_badges.trending_badges(first),
        brute_badges.badges_by_issuer(first),
    ]
    return list(differences(kept, wanted, f"by {by} {mode} {first}"))


def broken_identities(kept: Kept) -> list[str]:
    """Return which of the identities that hold for any history do not hold."""
    users, issuance = kept.answers["UserMetrics"], kept.answers["IssuanceMetrics"]
    points: Any = users["lifecycle"]
    broken = [
        f"lifecycle {now}"
        for before, now in pairwise([None, *points])
        if now.active != now.new + now.returning + now.resurrected
        or (
            before is not None
            and now.active - before.active != now.new + now.resurrected - now.dormant
        )
    ]
    for name in ("by_category", "by_level"):
        slices: Any = issuance[name]
        if slices and sum(each.percentage for each in slices) != 100:
            broken.append(f"{name} does not add to 100")
        if sum(each.count for each in slices) != issuance["badges_issued"]:
            broken.append(f"{name} does not add to the whole")
    series: Any = users["daily_active_users"]
    months: Any = users["monthly_active_users"]
    if not isinstance(series, str) and not isinstance(months, str):
        most = max((point.value or 0 for point in series), default=0)
        if sum(point.value or 0 for point in months) < most:
            broken.append("fewer users in all months than on one day")
    return broken


async def misplaced(services: Services, truth: Truth) -> list[str]:
    """Return whether the activity is not the events that take effect, the newest first."""
    found: list[str] = []
    cursor = None
    while True:
        page = Page(size=100, backward=False, cursor=cursor)
        part = await services.analytics.activity(page, [], activity.Told())
        found += [edge.node.id for edge in part.edges]
        if not part.page_info.has_next_page:
            break
        cursor = part.page_info.end_cursor
    wanted = [event["id"] for event in sorted(truth.events, key=as_happened, reverse=True)]
    return [] if found == wanted and part.total_count == len(wanted) else ["activity"]


def told(history: History) -> Truth:
    """Return what is true by the chain's own account and the API's events, past all parsing."""
    events: list[Told] = [dict(event) for event in history.posted]
    for block in told_by(history.chain):
        place = {"at": block.at, "height": block.height, "block": block.hash}
        events += [{**event, **place} for event in block.events]
    return work_out(events)


HISTORIES = max(8, settings.default.max_examples // 12)  # type: ignore[union-attr]  # it is set
"""How many random histories a test tells; the profile `thorough` tells more."""
UNSHRUNK = [Phase.explicit, Phase.reuse, Phase.generate]
"""A smaller seed is no simpler history."""
UNMEASURED = pytest.mark.no_cover
"""Coverage would make it take more than twice as long, and other tests reach the same lines."""


@UNMEASURED
@settings(max_examples=HISTORIES, phases=UNSHRUNK)
@given(seed=st.integers(0, 2**32))
async def test_incremental_equals_brute_force_over_random_histories(
    mongo_url: str, seed: int
) -> None:
    """With redelivery, reorganisations, two hooks that lag, API events and restarts."""
    random, history = Random(seed), History(seed)  # noqa: S311  # a story needs no secrecy
    async with empty(mongo_url) as database:
        services = await Services.on(database, NOW)
        for delivery in history.deliveries():
            await services.log.accept(delivery, "chainhook")
            if random.random() < 0.3:
                await services.commit(random.choice([1, 5, 50]))
            if random.random() < 0.1:
                await services.reader.close()
                services = await Services.on(database, NOW)
        await services.commit()
        truth = await recount(database, 1 << 60)
        assert _plain(truth) == _plain(told(history))
        assert await compared(services, truth, random) == []
        await rebuild(database, random.choice([3, 1000]), lambda *_: None)
        await services.updates.learn(await services.reader.position())
        assert await compared(services, truth, random) == []
        await services.reader.close()


def _plain(truth: Truth) -> dict[str, object]:
    return {
        "badges": sorted(map(repr, truth.badges)),
        "communities": truth.communities,
        "members": sorted(truth.members),
        "templates": truth.templates,
        "users": truth.users,
    }
