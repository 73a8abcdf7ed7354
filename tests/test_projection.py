"""The collections of a database are made once, whoever starts first."""

import asyncio

from documents.connection import Database, connect
from documents.projection import prepare
from services.rebuild import rebuild


async def test_two_processes_may_start_at_once_on_an_empty_database(
    database: Database, mongo_url: str
) -> None:
    other = await connect(mongo_url, database.name)
    heads = await asyncio.gather(prepare(database), prepare(other))
    other.client.close()
    assert [head.position for head in heads] == [0, 0]


async def test_only_collections_of_earlier_generations_are_dropped(database: Database) -> None:
    await prepare(database)
    for name in ("users_2024", "users_backup", "events_v2", "orders"):
        await database[name].insert_one({"of": "another application"})
    await rebuild(database, 1000, lambda *_: None)
    await prepare(database)
    names = set(await database.list_collection_names())
    assert {"users_2024", "users_backup", "events_v2", "orders", "users_2"} <= names
    assert "users_1" not in names
