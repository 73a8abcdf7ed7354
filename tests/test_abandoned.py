"""Transactions that a killed process left open: nobody waits for them for long."""

import asyncio
import sys
from pathlib import Path

from documents.abandoned import end_abandoned_transactions
from documents.connection import Database, connect
from tests.test_startup import PASSWORD, protected

_ABANDONS = """
import asyncio, os, signal, sys
from documents.connection import connect

async def main(url, name):
    database = await connect(url, name)
    session = await database.client.start_session()
    session.start_transaction()
    await database["kept"].insert_one({"_id": 1, "by": "the killed one"}, session=session)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


async def abandon(url: str, database: Database) -> None:
    """Let another process write a document in a transaction, and kill it there."""
    await database.create_collection("kept")
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ABANDONS, url, database.name, cwd=Path(__file__).parent.parent
    )
    await program.wait()


async def test_a_write_that_an_abandoned_transaction_is_in_the_way_of_goes_on(
    mongo_url: str, database: Database
) -> None:
    await abandon(mongo_url, database)
    writing = asyncio.ensure_future(database["kept"].insert_one({"_id": 1, "by": "another"}))
    sweeping = asyncio.create_task(end_abandoned_transactions(database.client))
    try:
        await asyncio.wait_for(writing, 30)  # the server itself would need 60
        assert await database["kept"].find_one() == {"_id": 1, "by": "another"}
    finally:
        sweeping.cancel()


async def test_a_transaction_that_goes_on_is_left_alone(database: Database) -> None:
    await database.create_collection("kept")
    sweeping = asyncio.create_task(end_abandoned_transactions(database.client))
    try:
        async with await database.client.start_session() as session, session.start_transaction():
            for number in range(12):  # for three times as long as one may be idle
                await database["kept"].insert_one({"_id": number}, session=session)
                await asyncio.sleep(0.5)
        assert await database["kept"].count_documents({}) == 12
    finally:
        sweeping.cancel()


async def test_a_user_who_may_only_read_and_write_can_end_them(tmp_path: Path) -> None:
    async with protected(tmp_path, "writer", "readWrite") as address:
        url = f"mongodb://writer:{PASSWORD}@{address}/?replicaSet=x"
        database = await connect(url, "passportx")
        await abandon(url, database)
        sweeping = asyncio.create_task(end_abandoned_transactions(database.client))
        await asyncio.wait_for(database["kept"].insert_one({"_id": 1}), 30)
        assert not sweeping.done()
        sweeping.cancel()
        database.client.close()
