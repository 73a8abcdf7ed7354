"""Answers are kept by position: computed once, bounded, never stale."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from documents.projection import Database
from services.analytics import Question
from services.cache import KEPT_POSITIONS, AnswerCache
from services.errors import AnalyticsError
from services.events import Delivery, Event
from services.issuance import IssuanceMetrics
from services.view import View
from tests.services import Services

MIDNIGHT = datetime(2026, 9, 16, tzinfo=UTC)


class Computing:
    """Computes an answer when it is let to, and counts how often."""

    def __init__(self, answer: object = "answer") -> None:
        self.times = 0
        self.answer = answer
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> object:
        self.times += 1
        self.begun.set()
        await self.go.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_hundred_askers_at_once_cause_one_computation() -> None:
    cache, computing = AnswerCache(ttl_seconds=60), Computing()
    askers = [asyncio.create_task(cache.get("1", "name", computing)) for _ in range(100)]
    await computing.begun.wait()
    computing.go.set()
    assert await asyncio.gather(*askers) == ["answer"] * 100
    assert computing.times == 1
    assert (cache.misses, cache.hits) == (1, 99)


async def test_an_asker_that_leaves_does_not_take_the_answer_from_the_others() -> None:
    cache, computing = AnswerCache(ttl_seconds=60), Computing()
    leaving = asyncio.create_task(cache.get("1", "name", computing))
    staying = asyncio.create_task(cache.get("1", "name", computing))
    await computing.begun.wait()
    leaving.cancel()
    computing.go.set()
    assert await staying == "answer"


async def test_none_is_an_answer() -> None:
    cache, computing = AnswerCache(ttl_seconds=60), Computing(None)
    computing.go.set()
    assert [await cache.get("1", "name", computing) for _ in range(3)] == [None] * 3
    assert computing.times == 1


async def test_an_error_reaches_everybody_and_is_not_kept() -> None:
    cache = AnswerCache(ttl_seconds=60)
    failing = Computing(AnalyticsError("UNAVAILABLE", "away"))
    failing.go.set()
    askers = (cache.get("1", "name", failing), cache.get("1", "name", failing))
    found = await asyncio.gather(*askers, return_exceptions=True)
    assert all(isinstance(each, AnalyticsError) for each in found)
    working = Computing()
    working.go.set()
    assert await cache.get("1", "name", working) == "answer"


async def test_the_cache_is_bounded_and_forgets_the_oldest() -> None:
    cache = AnswerCache(ttl_seconds=60, size=3)
    computing = Computing()
    computing.go.set()
    for name in "abcd":
        await cache.get("1", name, computing)
    await cache.get("1", "d", computing)
    assert computing.times == 4
    await cache.get("1", "a", computing)
    assert computing.times == 5


async def test_answers_of_old_positions_are_let_go() -> None:
    cache, computing = AnswerCache(ttl_seconds=60), Computing()
    computing.go.set()
    for position in range(KEPT_POSITIONS + 1):
        await cache.get(str(position), "name", computing)
    await cache.get("1", "name", computing)
    assert computing.times == KEPT_POSITIONS + 1
    await cache.get("0", "name", computing)
    assert computing.times == KEPT_POSITIONS + 2


async def test_the_time_to_live_is_a_ceiling() -> None:
    cache, computing = AnswerCache(ttl_seconds=0.02), Computing()
    computing.go.set()
    await cache.get("1", "name", computing)
    async with asyncio.timeout(10):
        while computing.times == 1:
            await asyncio.sleep(0.005)
            await cache.get("1", "name", computing)


@pytest.fixture
async def services(database: Database) -> Services:
    before = MIDNIGHT - timedelta(minutes=1)
    services = await Services.on(database, int(before.timestamp() * 1000))
    event = Event(id="e", type="badge_issued", badge="b", user="u", at=services.clock.now)
    await services.log.accept(Delivery(events=[event]), "api")
    await services.commit()
    return services


async def test_today_rolls_over_at_midnight_though_nothing_is_committed(
    services: Services,
) -> None:
    async def today() -> int:
        view: View = await services.analytics.view(Question())
        return await IssuanceMetrics(view=view).badges_issued_today()

    assert await today() == 1
    services.clock.now += 2 * 60_000
    assert await today() == 0
    await services.reader.close()


async def test_a_commit_is_seen_at_once(services: Services) -> None:
    async def total() -> int:
        view: View = await services.analytics.view(Question())
        return await IssuanceMetrics(view=view).total_badges_issued()

    assert await total() == 1
    event = Event(id="f", type="badge_issued", badge="c", user="u", at=services.clock.now)
    await services.log.accept(Delivery(events=[event]), "api")
    await services.commit()
    assert await total() == 2
    await services.reader.close()


async def test_large_answers_count_for_what_they_hold() -> None:
    cache, computing = AnswerCache(ttl_seconds=60, size=100), Computing([1] * 40)
    computing.go.set()
    for name in "abc":
        await cache.get("1", name, computing)
    await cache.get("1", "c", computing)
    assert computing.times == 3
    await cache.get("1", "a", computing)
    assert computing.times == 4, "three of them do not fit"


async def test_what_is_larger_than_the_whole_cache_pushes_nothing_out() -> None:
    cache, small, large = AnswerCache(ttl_seconds=60, size=10), Computing(), Computing([1] * 11)
    small.go.set()
    large.go.set()
    for _ in range(2):
        await cache.get("1", "small", small)
        await cache.get("1", "large", large)
    assert (small.times, large.times) == (1, 2)


async def test_with_a_time_to_live_of_zero_nothing_is_kept() -> None:
    cache, computing = AnswerCache(ttl_seconds=0), Computing()
    computing.go.set()
    for _ in range(3):
        await cache.get("1", "name", computing)
    assert computing.times == 3
