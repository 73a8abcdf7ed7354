"""What one batch does with deliveries that are odd: each is right or counted, and none stops it."""

import asyncio
from typing import Any, cast

import pytest

from documents.connection import Database
from services.analytics import Question
from services.batch import Batch
from services.chain import OTHER_HEIGHT
from services.distribution import BadgeDistribution
from services.events import Block, BlockRef, Delivery, Event
from services.window import day_index, month_of_day
from tests.services import Services

NOW = 1_790_000_000_000


def block(height: int, name: str, *events: dict[str, Any]) -> Block:
    """Return a block whose events are numbered in their order."""
    placed = [{"index": place, "tx": "0x", **event} for place, event in enumerate(events)]
    return Block(height, name, f"parent of {name}", NOW - 1000, cast("list[Event]", placed))


def issued(badge: int, **fields: object) -> Event:
    """Return the issue of a badge of no block."""
    event = {"id": f"issue {badge}", "type": "badge_issued", "badge": str(badge), "at": NOW - 5000}
    return cast("Event", {**event, "user": f"user-{badge}", "template": "t", **fields})


def registered(name: str, at: int, **fields: object) -> Event:
    """Return the registration of the template of all badges."""
    event = {"id": name, "type": "template_registered", "template": "t", "name": name, "at": at}
    return cast("Event", {**event, **fields})


async def categories(services: Services) -> dict[str, int]:
    """Return the badges by category."""
    view = await services.analytics.view(Question())
    return {each.key: each.count for each in await BadgeDistribution(view=view).by_category()}


async def test_a_block_at_a_second_height_is_refused_and_commits_go_on(database: Database) -> None:
    services = await Services.on(database, NOW)
    first = {"id": "a", "type": "user_joined", "user": "alice"}
    second = {"id": "b", "type": "user_joined", "user": "bob"}
    third = {"id": "c", "type": "user_joined", "user": "carol"}
    await services.log.accept(Delivery(apply=[block(5, "X", first)]), "chainhook")
    await services.commit()
    at_seven = Delivery(rollback=[BlockRef(7, "X")], apply=[block(7, "X", second)])
    await services.log.accept(at_seven, "chainhook")
    await services.log.accept(Delivery(apply=[block(8, "Y", third)]), "chainhook")
    await services.commit()
    reading = await services.analytics.reading()
    assert reading.head.sequence == 3
    assert reading.head.refused == {OTHER_HEIGHT: 2}
    rows = await database["events_1"].find({"live": True}, {"_id": 1}).to_list(None)
    assert sorted(row["_id"] for row in rows) == ["a", "c"]


async def test_a_template_that_is_told_again_or_changes_reads_no_badge(database: Database) -> None:
    services = await Services.on(database, NOW)
    issues = [issued(number) for number in range(50)]
    issues += [issued(50, category=1, level=1)]
    template = registered("first", NOW - 9000, category=2, level=3)
    await services.log.accept(Delivery(events=[template, *issues]), "api")
    await services.commit()
    assert await categories(services) == {"participation": 50, "achievement": 1}
    again = registered("again", NOW - 8000, category=2, level=3)
    assert await read_by(services, again) < 5
    assert await categories(services) == {"participation": 50, "achievement": 1}
    moved = registered("moved", NOW - 7000, category=4)
    assert await read_by(services, moved) < 5
    assert await categories(services) == {"leadership": 50, "achievement": 1}


async def read_by(services: Services, event: Event) -> int:
    """Return how many events the database gave the commit of an event."""
    profile = services.database["system.profile"]
    await services.log.accept(Delivery(events=[event]), "api")
    await services.database.command("profile", 2)
    await services.commit()
    await services.database.command("profile", 0)
    events = f"{services.database.name}.events_1"
    read = await profile.find({"ns": events, "op": {"$in": ["query", "getmore"]}}).to_list(None)
    await profile.drop()
    return sum(each["nreturned"] for each in read)


async def test_a_commit_that_another_has_overtaken_begins_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has read in the meantime may be torn, and it may fail on that."""
    one, other = await Services.on(database, NOW), await Services.on(database, NOW)
    work_out = Batch.work_out

    async def overtaken(*_: object) -> None:
        monkeypatch.setattr(Batch, "work_out", work_out)
        await other.commit()
        raise OverflowError("torn")

    await one.log.accept(Delivery(events=[issued(1)]), "api")
    monkeypatch.setattr(Batch, "work_out", overtaken)
    assert await one.ledger.commit(1000) is None
    await one.log.accept(Delivery(events=[issued(2)]), "api")
    committed = await one.ledger.commit(1000)
    assert committed is not None
    assert committed.position == 2


async def test_a_commit_that_fails_by_itself_says_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = await Services.on(database, NOW)

    async def failing(*_: object) -> None:
        raise OverflowError("of its own")

    await services.log.accept(Delivery(events=[issued(1)]), "api")
    with monkeypatch.context() as patched:
        patched.setattr(Batch, "work_out", failing)
        with pytest.raises(OverflowError, match="of its own"):
            await services.ledger.commit(1000)
    assert await services.ledger.commit(1000) is not None


async def test_a_reading_that_is_let_go_of_still_answers_who_is_at_work(
    database: Database,
) -> None:
    services = await Services.on(database, NOW)
    day = 86_400_000
    events = [issued(number, at=NOW - number * 40 * day, category=1) for number in range(1, 4)]
    await services.log.accept(Delivery(events=events), "api")
    await services.commit()
    reading = await services.analytics.reading()
    months = sorted({month_of_day(day_index(event["at"]))[0] for event in events})
    await reading.whole_months("issued.category", months[:1])
    asking = asyncio.create_task(reading.whole_months("issued.category", months))
    await asyncio.sleep(0)
    reading.retire()
    assert [len(cells) for _, cells in sorted((await asking).items())] == [1] * len(months)
