"""The connection to MongoDB: what is refused, and what cannot be weakened."""

from pathlib import Path

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from documents import connection
from documents.connection import (
    BadUrl,
    Client,
    ServerTooOld,
    ServerUnreachable,
    StandaloneServer,
    connect,
)
from tests.processes import free_port, mongod, until


@pytest.mark.parametrize(
    "options",
    [
        "",
        "&w=majority",
        "&journal=true",
        "&readConcernLevel=local",
        "&readPreference=secondaryPreferred",
        "&retryWrites=false&retryReads=false",
        "&W=majority",
    ],
)
async def test_no_option_of_the_url_weakens_what_is_acknowledged(
    mongo_url: str, options: str
) -> None:
    database = await connect(mongo_url + options, "any")
    try:
        assert database.write_concern == WriteConcern(w="majority", j=True)
        assert database.read_concern == ReadConcern("majority")
        assert database.read_preference == ReadPreference.PRIMARY
        assert database.client.delegate.options.retry_writes
        assert database.client.delegate.options.retry_reads
    finally:
        database.client.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("w=1", "MONGODB_URL sets w=1"),
        ("w=0", "MONGODB_URL sets w=0"),
        ("w=2", "MONGODB_URL sets w=2"),
        ("W=1", "MONGODB_URL sets w=1"),
        ("journal=false", "MONGODB_URL sets journal=false"),
        ("replicaSet=x&w=1", "MONGODB_URL sets w=1"),
    ],
)
async def test_a_url_that_asks_for_weaker_writes_is_refused(options: str, told: str) -> None:
    """Nobody is asked: the address is one at which nothing listens."""
    with pytest.raises(BadUrl, match=told):
        await connect(f"mongodb://127.0.0.1:1/?{options}", "any")


@pytest.mark.parametrize(
    "url",
    ["", "http://127.0.0.1", "mongodb://", "mongodb://user:pass:word@host/",
     "mongodb://127.0.0.1:99999/"],
)  # fmt: skip
async def test_what_is_no_mongodb_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadUrl, match="MONGODB_URL is not a MongoDB URL") as refused:
        await connect(url, "any")
    assert "pass:word" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("connectTimeoutMS=soon", "connecttimeoutms must be an integer or float"),
        ("replicaset=x&ssll=true", "ssll"),
        ("w=1&w=majority", "Duplicate"),
    ],
)
async def test_an_option_that_would_be_passed_over_is_refused(options: str, told: str) -> None:
    with pytest.raises(BadUrl, match=f"MONGODB_URL has an option that will not do .*{told}"):
        await connect(f"mongodb://127.0.0.1:1/?{options}", "any")


async def test_a_server_that_nobody_runs_is_unreachable() -> None:
    with pytest.raises(ServerUnreachable, match="MONGODB_URL"):
        await connect(f"mongodb://127.0.0.1:{free_port()}/?replicaSet=x", "any")


async def test_a_set_of_another_name_is_unreachable(mongo_url: str) -> None:
    with pytest.raises(ServerUnreachable, match="the name of the replica set"):
        await connect(mongo_url.replace("replicaSet=passportx", "replicaSet=other"), "any")


async def test_a_standalone_server_is_refused(tmp_path: Path) -> None:
    async with mongod(tmp_path) as address:
        with pytest.raises(StandaloneServer, match="MONGODB_URL"):
            await connect(f"mongodb://{address}/", "any")


async def test_a_set_that_was_never_initiated_is_refused(tmp_path: Path) -> None:
    async with mongod(tmp_path, "--replSet", "x") as address:
        with pytest.raises(StandaloneServer, match=r"rs.initiate\(\)"):
            await connect(f"mongodb://{address}/?directConnection=true", "any")


async def test_a_member_that_is_not_the_primary_is_refused(tmp_path: Path) -> None:
    async with mongod(tmp_path, "--replSet", "x") as address:
        url = f"mongodb://{address}/?directConnection=true"
        client: Client = AsyncIOMotorClient(url)
        members = [{"_id": 0, "host": address}]
        await client.admin.command("replSetInitiate", {"_id": "x", "members": members})

        async def is_primary() -> bool:
            return bool((await client.admin.command("hello"))["isWritablePrimary"])

        await until(is_primary)
        await client.admin.command("replSetStepDown", 60, force=True)
        client.close()
        with pytest.raises(ServerUnreachable, match=r"MONGODB_URL is not the primary"):
            await connect(url, "any")


async def test_a_server_older_than_the_oldest_that_will_do_is_refused(
    mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No older server can be had from a package, so the real one is measured by a later age."""
    monkeypatch.setattr(connection, "OLDEST_SERVER", (99, 0))
    with pytest.raises(ServerTooOld, match=r"is \d+\.\d+\.\d+: upgrade it to MongoDB 99\.0"):
        await connect(mongo_url, "any")
