"""Accepting on a real database: what is answered is stored, whatever others do meanwhile."""

import asyncio
from typing import Any

from documents.projection import Database, prepare
from services.events import Block, BlockRef, Delivery, Event
from services.log import Log, Receipt

PATIENCE = 20.0
"""Seconds after which a test gives up."""


def joined(*users: str) -> Delivery:
    """Return a delivery of users who registered through the API."""
    events: list[Event] = [
        {"id": user, "type": "user_joined", "user": user, "at": 1_767_085_200_000} for user in users
    ]
    return Delivery(events=events)


async def stored(database: Database) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await database["log"].find({}, sort=[("_id", 1)]).to_list(None)
    return rows


async def test_a_client_that_goes_away_takes_the_answer_from_nobody_else(
    database: Database,
) -> None:
    await prepare(database)
    log = Log(database)
    leaving = asyncio.create_task(log.accept(joined("alice"), "api"))
    staying = asyncio.create_task(log.accept(joined("bob"), "api"))
    await asyncio.sleep(0)  # both wait for the same write now
    leaving.cancel()
    receipt = await asyncio.wait_for(staying, PATIENCE)
    assert receipt.accepted == 1
    assert [row["client_ids"] for row in await stored(database)] == [["alice"], ["bob"]]


async def test_a_delivery_that_cannot_be_stored_leaves_nobody_without_an_answer(
    database: Database,
) -> None:
    await prepare(database)
    log = Log(database)
    unstorable = joined("mallory")
    unstorable.events[0]["at"] = 2**64
    results = asyncio.gather(
        *(log.accept(each, "api") for each in (unstorable, joined("bob"))), return_exceptions=True
    )
    first, second = await asyncio.wait_for(results, PATIENCE)
    assert isinstance(first, OverflowError)
    assert isinstance(second, Receipt)
    receipt = await asyncio.wait_for(log.accept(joined("carol"), "api"), PATIENCE)
    assert receipt.accepted == 1
    assert [row["client_ids"] for row in await stored(database)] == [["bob"], ["carol"]]


async def test_writers_on_one_database_number_their_entries_without_a_hole(
    database: Database,
) -> None:
    await prepare(database)
    logs = [Log(database) for _ in range(4)]
    names = [f"user-{number}" for number in range(200)]
    await asyncio.gather(
        *(logs[place % 4].accept(joined(name), "api") for place, name in enumerate(names))
    )
    rows = await stored(database)
    assert [row["_id"] for row in rows] == list(range(1, 201))
    assert sorted(row["client_ids"][0] for row in rows) == sorted(names)


async def test_a_delivery_of_any_length_becomes_entries_that_the_database_takes(
    database: Database,
) -> None:
    """Empty blocks, blocks taken back, and long events count as events do."""
    await prepare(database)
    log, names = Log(database), [f"0x{number:064x}" for number in range(60_000)]
    rollback = [BlockRef(number, name) for number, name in enumerate(names)]
    empty = [Block(number, name, name, 1_767_085_200_000) for number, name in enumerate(names)]
    long: list[Event] = [
        {"id": name, "type": "template_registered", "template": name, "name": "n" * 1000, "tx": "x"}
        for name in names[:19_000]
    ]
    full = Block(60_000, "0xff", names[-1], 1_767_085_200_000, long)
    receipt = await log.accept(Delivery(rollback, [*empty, full]), "chainhook")
    assert receipt.accepted == len(long)
    rows = await stored(database)
    assert sum(len(row.get("rolled_back", ())) for row in rows) == len(names)
    applied = [block for row in rows for block in row["applied"]]
    assert [block["height"] for block in applied[: len(empty)]] == list(range(len(empty)))
    told = [event["id"] for block in applied for event in block["events"]]
    assert told == names[: len(long)]
    assert [row.get("partial", False) for row in rows] == [True] * (len(rows) - 1) + [False]
