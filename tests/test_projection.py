"""The collections of a database are made once, whoever starts first."""

import asyncio

from documents.connection import Database, connect
from documents.projection import prepare


async def test_two_processes_may_start_at_once_on_an_empty_database(
    database: Database, mongo_url: str
) -> None:
    other = await connect(mongo_url, database.name)
    heads = await asyncio.gather(prepare(database), prepare(other))
    other.client.close()
    assert [head.position for head in heads] == [0, 0]
