"""What is kept step by step equals what the log says, however it came about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from uuid import uuid4

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from documents.connection import Database, connect
from ingest.synthetic import truth as told_by
from services import cellcheck
from services.analytics import Question
from services.figures import Where
from services.rebuild import rebuild
from services.recount import Told, Truth, recount, work_out
from services.verify import answered, differing
from services.window import Between, Comparison, Granularity, Last, RangeSpec, Weekday
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
                compared=random.choice([None, *Comparison]),
            )
        )
        asked.append(Question(where=where, zone=random.choice(zones)))
    return asked


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
        kept = await answered(view, (Granularity.DAY, Granularity.MONTH))
        found += [f"{question}: {each}" for each in differing(kept, truth)]
    return found


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
