"""Snapshots of closed buckets: recorded once, caught up, and revised when their figures change."""

import asyncio
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.projection import Database
from documents.snapshots import SnapshotRecord
from services import expected, snapshots
from services.analytics import Question
from services.catalogue import METRICS
from services.events import Block, BlockRef, Delivery, Event
from services.figures import Where
from services.live import UpdateReason, updates
from services.paging import Page
from services.recount import recount
from services.snapshots import GRANULARITIES, SnapshotPeriod, SnapshotProblem
from services.verify import differences
from services.window import DAY_MS, HOUR_MS, Between, Bucket, Calendar, Granularity
from tests.histories import NOW, History
from tests.processes import until
from tests.services import Services
from tests.test_ledger import HISTORIES, UNMEASURED, UNSHRUNK, empty

ALL = Page(size=100, backward=False, cursor=None)


def issued(number: int, at: int) -> Event:
    return Event(
        id=f"{number:032x}", type="badge_issued", at=at, badge=f"b-{number}", user=f"u-{number % 3}"
    )


async def stored() -> dict[str, SnapshotRecord]:
    """Return all snapshots by their ids."""
    return {each.id: each for each in await SnapshotRecord.find_all().to_list()}


@UNMEASURED
@settings(max_examples=max(2, HISTORIES // 3), phases=UNSHRUNK)
@given(seed=st.integers(0, 2**32))
async def test_snapshots_are_what_the_log_says_whenever_they_were_recorded(
    mongo_url: str, seed: int
) -> None:
    """Over random histories with reorganisations, ticks at any moment and a clock that moves."""
    random, history = Random(seed), History(seed)  # noqa: S311  # a story needs no secrecy
    async with empty(mongo_url) as database:
        services = await Services.on(database, NOW - 20 * DAY_MS)
        for delivery in history.deliveries():
            await services.log.accept(delivery, "chainhook")
            services.clock.now = min(NOW, services.clock.now + random.randrange(DAY_MS))
            if random.random() < 0.2:
                await services.commit(random.choice([5, 50]))
                await services.snapshots.tick()
        await services.commit()
        services.clock.now = NOW
        await services.snapshots.tick()
        truth = await recount(database, 1 << 60)
        view = await services.analytics.view(Question())
        chosen, found = expected.Chosen(truth, Where()), await stored()
        for snapshot in random.sample(sorted(found), k=min(12, len(found))):
            record = found[snapshot]
            granularity = GRANULARITIES[SnapshotPeriod(record.period)]
            bucket = Bucket(record.start, record.end)
            wanted = {
                name: expected.measured(chosen, view, name, bucket, granularity) for name in METRICS
            }
            assert not list(differences(record.values, wanted, snapshot))
        for period, granularity in GRANULARITIES.items():
            end = Calendar().floor(NOW, granularity)
            assert f"{period.value}|{Calendar().back(NOW, 1, granularity)}" in found
            assert f"{period.value}|{end}" not in found, "an open bucket"
        await services.reader.close()


async def test_a_bucket_is_recorded_once_however_often_the_scheduler_looks(
    database: Database,
) -> None:
    services = await Services.on(database, NOW)
    await services.log.accept(Delivery(events=[issued(1, NOW - 3 * HOUR_MS)]), "api")
    await services.commit()
    await services.snapshots.tick()
    before = await stored()
    await services.snapshots.tick()
    assert await stored() == before
    assert {each.revision for each in before.values()} == {1}


async def test_what_was_missed_is_caught_up(database: Database) -> None:
    services = await Services.on(database, NOW)
    await services.log.accept(Delivery(events=[issued(1, NOW - 30 * HOUR_MS)]), "api")
    await services.commit()
    await services.snapshots.tick()
    services.clock.now += 5 * HOUR_MS
    await services.snapshots.tick()
    found = await services.snapshots.page(SnapshotPeriod.HOURLY, Question(), ALL)
    starts = [edge.node.start for edge in found.edges]
    assert starts == sorted(starts, reverse=True)
    assert found.total_count == 30 + 5
    assert {(a - b).total_seconds() for a, b in pairwise(starts)} == {3600}


async def test_an_event_of_the_past_revises_the_snapshots_from_its_bucket_on(
    database: Database,
) -> None:
    services = await Services.on(database, NOW)
    await services.log.accept(Delivery(events=[issued(1, NOW - 50 * HOUR_MS)]), "api")
    await services.commit()
    await services.snapshots.tick()
    late = NOW - 10 * HOUR_MS
    await services.log.accept(Delivery(events=[issued(2, late)]), "api")
    await services.commit()
    await services.snapshots.tick()
    for record in (await stored()).values():
        assert record.revision == (2 if record.end > late else 1), record.id
        assert record.values["TOTAL_BADGES_ISSUED"] == (2 if record.end > late else 1)


async def test_recording_on_demand_renews_and_refuses_what_is_open(database: Database) -> None:
    services = await Services.on(database, NOW)
    empty_ = await services.snapshots.record(SnapshotPeriod.DAILY, None)
    assert empty_.problem is SnapshotProblem.BEFORE_THE_FIRST_EVENT
    await services.log.accept(Delivery(events=[issued(1, NOW - 2 * DAY_MS)]), "api")
    await services.commit()
    for revision in (1, 2):
        payload = await services.snapshots.record(SnapshotPeriod.DAILY, NOW - 2 * DAY_MS)
        assert payload.snapshot is not None
        assert payload.snapshot.revision == revision
        values = {each.metric.name: each.value for each in payload.snapshot.figures}
        assert values["BADGES_ISSUED"] == 1
        assert values.keys() == METRICS.keys()
    refused = await services.snapshots.record(SnapshotPeriod.DAILY, NOW)
    assert refused.problem is SnapshotProblem.BUCKET_NOT_ENDED
    assert refused.snapshot is None


async def test_subscribers_are_told_of_a_snapshot(database: Database) -> None:
    services = await Services.on(database, NOW)
    await services.log.accept(Delivery(events=[issued(1, NOW - 2 * DAY_MS)]), "api")
    await services.commit()
    stream = updates(services.analytics, after=None, families=[], min_interval_ms=0)
    current = await anext(stream)
    await services.snapshots.record(SnapshotPeriod.DAILY, NOW - 2 * DAY_MS)
    update = await anext(stream)
    assert (update.position, update.reason) == (current.position + 1, UpdateReason.SNAPSHOT)
    assert update.families == []
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_a_page_of_snapshots_goes_on_at_its_cursor(database: Database) -> None:
    services = await Services.on(database, NOW)
    await services.log.accept(Delivery(events=[issued(1, NOW - 12 * HOUR_MS)]), "api")
    await services.commit()
    await services.snapshots.tick()
    everything = await services.snapshots.page(SnapshotPeriod.HOURLY, Question(), ALL)
    first = await services.snapshots.page(
        SnapshotPeriod.HOURLY, Question(), Page(size=5, backward=False, cursor=None)
    )
    second = await services.snapshots.page(
        SnapshotPeriod.HOURLY,
        Question(),
        Page(size=5, backward=False, cursor=first.page_info.end_cursor),
    )
    assert [*first.edges, *second.edges] == everything.edges[:10]
    assert first.page_info.has_next_page
    assert Granularity.HOUR is GRANULARITIES[SnapshotPeriod.HOURLY]


async def test_a_record_that_cannot_be_read_stops_the_scheduler_until_it_is_mended(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(snapshots, "RETRY_SECONDS", 0.01)
    services = await Services.on(database, NOW)
    await services.log.accept(Delivery(events=[issued(1, NOW - 3 * HOUR_MS)]), "api")
    await services.commit()
    records = database[SnapshotRecord.Settings.name]
    damaged = {"_id": "damaged", "period": SnapshotPeriod.HOURLY.value, "start": NOW}
    await records.insert_one(damaged)
    services.snapshots.start()

    async def told() -> bool:
        return "KeyError: 'end'" in caplog.text

    async def recorded() -> bool:
        return await records.count_documents({}) > 0

    await until(told)
    await records.delete_one({"_id": "damaged"})
    await until(recorded)
    await services.snapshots.stop()
    await services.reader.close()


async def test_of_two_recorders_the_one_that_read_the_later_position_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it writes first."""
    slow, fast = await Services.on(database, NOW), await Services.on(database, NOW)
    bucket = SnapshotPeriod.HOURLY, NOW - 2 * HOUR_MS
    await slow.log.accept(Delivery(events=[issued(1, NOW - 2 * HOUR_MS)]), "api")
    await slow.commit()
    reading, later = slow.updates.position, asyncio.Event()
    measured = slow.analytics.view

    async def wait(*arguments: Any) -> Any:
        view = await measured(*arguments)
        await later.wait()
        return view

    monkeypatch.setattr(slow.analytics, "view", wait)  # it is only slowed down
    recording = asyncio.create_task(slow.snapshots.record(*bucket))
    await asyncio.sleep(0.1)
    await fast.log.accept(Delivery(events=[issued(2, NOW - 2 * HOUR_MS)]), "api")
    await fast.commit()
    first = await fast.snapshots.record(*bucket)
    later.set()
    second = await recording
    assert first.snapshot is not None
    assert second.snapshot is not None
    assert first.snapshot.position > reading
    assert second.snapshot == first.snapshot


async def test_what_was_measured_before_a_block_left_is_not_stored_after_it_has(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nobody else had to write meanwhile, since the figures are again what they were."""
    slow, fast = await Services.on(database, NOW), await Services.on(database, NOW)
    at = NOW - 2 * HOUR_MS
    fork = Block(7, "0x7", "0x6", at, [{**issued(2, at), "index": 0, "tx": "0x"}])
    await slow.log.accept(Delivery(events=[issued(1, at)]), "api")
    await slow.commit()
    await slow.snapshots.tick()
    before = (await stored())[f"HOURLY|{Calendar().floor(at, Granularity.HOUR)}"]
    await slow.log.accept(Delivery(apply=[fork]), "chainhook")
    await slow.commit()
    await fast.updates.learn(slow.updates.position)
    view, later = slow.analytics.view, asyncio.Event()

    async def wait(*arguments: Any) -> Any:
        found = await view(*arguments)
        await later.wait()
        return found

    monkeypatch.setattr(slow.analytics, "view", wait)  # it is only slowed down
    recording = asyncio.create_task(slow.snapshots.record(SnapshotPeriod.HOURLY, at))
    await asyncio.sleep(0.1)
    await fast.log.accept(Delivery(rollback=[BlockRef(7, "0x7")]), "chainhook")
    await fast.commit()
    await fast.snapshots.tick()
    later.set()
    await recording
    after = (await stored())[before.id]
    assert after.values == before.values
    assert after.revision == before.revision


async def test_a_range_bounds_the_snapshots_that_go_on_after_the_last_event(
    database: Database,
) -> None:
    services = await Services.on(database, NOW)
    await services.log.accept(Delivery(events=[issued(1, NOW - 60 * HOUR_MS)]), "api")
    await services.commit()
    await services.snapshots.tick()
    end = NOW - 10 * HOUR_MS
    question = Question(range=Between(NOW - 100 * HOUR_MS, end))
    found = await services.snapshots.page(SnapshotPeriod.HOURLY, question, ALL)
    whole = await services.snapshots.page(SnapshotPeriod.HOURLY, Question(), ALL)
    wanted = [edge for edge in whole.edges if edge.node.start.timestamp() * 1000 < end]
    assert found.edges == wanted
    assert 0 < found.total_count == len(wanted) < whole.total_count
