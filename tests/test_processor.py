"""The batch processor on a real database: what it commits, and what it does when it cannot."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

import app
from app import Service, access, application
from documents.projection import Database, prepare
from ingest.processor import Processor
from ingest.synthetic import DAY_MS, Chain, Scale, history, told_block
from services import ledger, status
from services.events import Delivery
from services.log import Log
from services.waits import Waits
from settings import Settings, load_settings
from tests.processes import PATIENCE, until
from tests.services import Services
from tests.serving import serve

NOW = 1_767_085_200_000


def deliveries(badges: int) -> list[Delivery]:
    """Return the first deliveries of a chain."""
    chain = Chain(1, start=NOW - 30 * DAY_MS, scale=Scale(users=40, days=30))
    steps = history(chain, badges, NOW, per_block=5)
    return [Delivery(apply=[told_block(chain, block) for block in step.apply]) for step in steps]


@asynccontextmanager
async def running(database: Database, settings: Settings) -> AsyncIterator[tuple[Service, str]]:
    """Run a service on a database; yield it and its address."""
    await prepare(database)
    service = Service(settings, database, access(settings, None))
    async with serve(application(settings, service)) as base:
        yield service, base


async def break_entry(database: Database, number: int) -> dict[str, Any]:
    """Take the blocks out of an entry of the log, as a damaged restore might; return it whole."""
    log = database["log"]
    whole: dict[str, Any] | None = await log.find_one({"_id": number})
    assert whole
    await log.update_one({"_id": number}, {"$unset": {"applied": 1}})
    return whole


async def position(database: Database) -> tuple[int, int]:
    """Return how many commits there were, and the last entry of the log that they contain."""
    head = await database["head"].find_one({"_id": "head"})
    assert head
    return head["position"], head["sequence"]


async def readiness(base: str) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(base_url=base) as client:
        answer = await client.get("/readyz")
        body: dict[str, Any] = answer.json()
        return answer.status_code, body


async def test_a_full_batch_is_committed_at_once_and_the_rest_when_the_service_stops(
    database: Database,
) -> None:
    first, second, third = deliveries(15)
    settings = load_settings(batch_size=10, batch_timeout_ms=3_600_000)
    async with running(database, settings) as (service, _):
        await service.log.accept(first, "chainhook")
        await service.log.accept(second, "chainhook")
        await asyncio.wait_for(service.updates.beyond(0), PATIENCE)
        await service.log.accept(third, "chainhook")
        assert (await position(database))[1] < 3, "it should have waited for more"
    assert (await position(database))[1] == 3


async def test_an_entry_that_cannot_be_read_is_tried_again_and_told_of_until_it_is_mended(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await prepare(database)
    for delivery in deliveries(20):
        await Log(database).accept(delivery, "chainhook")
    whole = await break_entry(database, 3)
    async with running(database, load_settings(batch_size=1)) as (_, base):

        async def tried_three_times() -> bool:
            return "tried again in 1 s" in caplog.text

        async def ready() -> bool:
            return (await readiness(base))[0] == httpx.codes.OK

        await until(tried_three_times)
        status, body = await readiness(base)
        assert (status, body["status"]) == (503, "failing")
        assert "KeyError" in body["reason"]
        assert caplog.text.index("again in 0.25 s") < caplog.text.index("again in 0.5 s")
        assert "Traceback" in caplog.text
        assert "KeyError: 'applied'" in caplog.text

        async def all_committed() -> bool:
            return (await position(database))[1] == 4

        await database["log"].replace_one({"_id": 3}, whole)
        await until(ready)
        await until(all_committed)


async def test_a_failure_at_the_stop_is_told_of_and_loses_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings(
        batch_size=10_000, batch_timeout_ms=3_600_000, backlog_batch_size=10_000
    )
    async with running(database, settings) as (service, _):
        for delivery in deliveries(20):
            await service.log.accept(delivery, "chainhook")
        whole = await break_entry(database, 3)
        assert "Traceback" not in caplog.text, "nothing should have been committed yet"
    assert "KeyError: 'applied'" in caplog.text
    assert "left for the next start" in caplog.text
    assert await position(database) == (0, 0)

    await database["log"].replace_one({"_id": 3}, whole)
    async with running(database, settings):
        pass
    assert await position(database) == (1, 4)


async def test_a_clock_that_is_set_back_delays_no_commit(database: Database) -> None:
    """By an hour, after the delivery was dated; nothing else arrives."""
    services = await Services.on(database, NOW)
    await services.log.accept(deliveries(5)[0], "chainhook")
    processor = Processor(
        services.log,
        services.ledger,
        services.updates,
        size=1000,
        timeout=0.2,
        backlog_size=1000,
        clock=lambda: time.time() - 3600,
    )
    processor.start()
    await asyncio.wait_for(services.updates.beyond(0), PATIENCE)
    await processor.stop()
    assert await position(database) == (1, 1)
    await services.reader.close()


async def test_a_commit_that_is_tried_again_within_its_transaction_is_not_ready(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MongoDB's driver tries for two minutes, while another transaction holds the head."""
    # Sooner than the service ends a transaction in which nothing happens.
    monkeypatch.setattr(ledger, "RETRYING_SECONDS", 0.3)
    async with running(database, load_settings(batch_size=1)) as (service, base):

        async def answers(status: int, told: str) -> bool:
            found, body = await readiness(base)
            return (found, body["status"]) == (status, told)

        await until(lambda: answers(200, "ready"))
        async with await database.client.start_session() as session:
            session.start_transaction()
            await database["head"].update_one(
                {"_id": "head"}, {"$set": {"held": True}}, session=session
            )
            await service.log.accept(deliveries(5)[0], "chainhook")
            await until(lambda: answers(503, "failing"))
            await session.abort_transaction()
        await until(lambda: answers(200, "ready"))
        assert (await position(database))[1] == 1


async def test_a_clock_that_is_set_back_does_not_hide_what_waits(database: Database) -> None:
    """The lag begins where the status is first asked for, and grows from there."""
    services = await Services.on(database, NOW)
    await services.log.accept(deliveries(5)[0], "chainhook")
    moments = iter([100.0, 107.5])
    waits = Waits(lambda: time.time() - 3600, lambda: next(moments))
    lags = []
    for _ in range(2):
        reading = await services.analytics.reading()
        lags.append((await status.answer(reading, database, None, waits)).lag_seconds)
    assert lags == [0.0, 7.5]
    await services.reader.close()


def test_what_waits_goes_on_waiting_whatever_the_clock_does() -> None:
    """In seconds since 1970, and by the clock that is never set."""
    told = iter([(1000.0, 50.0), (1003.0, 53.0), (400.0, 54.0), (401.0, 55.0), (402.0, 56.0)])
    now = (0.0, 0.0)
    waits = Waits(lambda: now[0], lambda: now[1])
    ages = []
    # The clock is set back by ten minutes, then one more arrives, then the first is committed.
    for since in (1_000_000, 1_000_000, 1_000_000, 400_500, None):
        now = next(told)
        ages.append(waits.age(since))
    assert ages == [0.0, 3.0, 4.0, 5.0, 0.0]
    now = (403.0, 57.0)
    assert waits.age(400_000) == 3.0


async def test_a_disabled_service_is_not_ready(database: Database) -> None:
    async with running(database, load_settings(enabled=False)) as (_, base):
        status, body = await readiness(base)
    assert (status, body["status"]) == (503, "disabled")
    assert "ANALYTICS_ENABLED" in body["reason"]


async def test_what_waits_without_a_commit_is_stalled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although no try has failed yet: a commit may take minutes to fail."""
    monkeypatch.setattr(app, "STALLED_SECONDS", 0.0)
    settings = load_settings(batch_size=1000, batch_timeout_ms=1)
    async with running(database, settings) as (service, base):
        await service.processor.stop()
        await service.log.accept(deliveries(5)[0], "chainhook")

        async def stalled() -> bool:
            status, body = await readiness(base)
            return (status, body["status"]) == (503, "stalled")

        await until(stalled)
