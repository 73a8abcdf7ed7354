"""The embedded mongod: a real one, which lives exactly as long as its service."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.write_concern import WriteConcern

from documents.connection import Client
from documents.embedded import (
    DataDirectoryInUse,
    EmbeddedMongo,
    NoServerProgram,
    find_mongod,
)
from tests.processes import Passportx, mongod, until


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    connected: Client = AsyncIOMotorClient(url)
    try:
        yield connected
    finally:
        connected.close()


async def write(url: str, text: str) -> None:
    async with client(url) as connected:
        collection = connected["test"].get_collection(
            "kept", write_concern=WriteConcern("majority")
        )
        await collection.insert_one({"_id": text})


async def kept(url: str) -> list[str]:
    async with client(url) as connected:
        return [row["_id"] async for row in connected["test"]["kept"].find({}, sort=[("_id", 1)])]


async def test_it_is_a_one_member_replica_set_that_only_this_machine_can_reach(
    tmp_path: Path,
) -> None:
    mongo = EmbeddedMongo(tmp_path)
    async with mongo as url, client(url) as connected:
        hello = await connected.admin.command("hello")
        assert hello["isWritablePrimary"]
        assert hello["hosts"] == [hello["me"]]
        assert hello["me"].startswith("127.0.0.1:")
        listening = psutil.Process(mongo.pid).net_connections()
        assert {each.laddr.ip for each in listening if each.status == "LISTEN"} == {"127.0.0.1"}


async def test_the_data_and_the_address_survive_a_restart(tmp_path: Path) -> None:
    async with EmbeddedMongo(tmp_path) as first:
        await write(first, "before")
    async with EmbeddedMongo(tmp_path) as second:
        assert second == first
        assert await kept(second) == ["before"]


async def test_the_data_survive_a_restart_at_another_address(tmp_path: Path) -> None:
    async with EmbeddedMongo(tmp_path) as first:
        await write(first, "before")
    with socket.socket() as taken:  # bound and not listening: mongod waits long for who is silent
        taken.bind(("127.0.0.1", int((tmp_path / "port").read_text())))
        async with EmbeddedMongo(tmp_path) as second:
            assert second != first
            await write(second, "now")
            assert await kept(second) == ["before", "now"]


async def test_it_is_started_again_at_the_same_address_when_it_is_killed(tmp_path: Path) -> None:
    mongo = EmbeddedMongo(tmp_path)
    async with mongo as url:
        for turn in ("1", "2"):
            await write(url, turn)
            killed = mongo.pid
            os.kill(killed, signal.SIGKILL)
            await write(url, f"{turn}, after the kill")
            assert mongo.pid != killed
        assert await kept(url) == ["1", "1, after the kill", "2", "2, after the kill"]


async def test_a_start_that_fails_is_tried_again_until_it_succeeds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mongo = EmbeddedMongo(tmp_path)
    async with mongo as url:
        (tmp_path / "mongod.log.1").mkdir()  # in the way of the log of the run before
        os.kill(mongo.pid, signal.SIGKILL)

        async def failed() -> bool:
            return "starting it again in 0.2 s" in caplog.text

        await until(failed)
        assert "IsADirectoryError" in caplog.text
        (tmp_path / "mongod.log.1").rmdir()
        await write(url, "after")
        assert await kept(url) == ["after"]


async def test_a_data_directory_is_used_by_one_at_a_time(tmp_path: Path) -> None:
    async with EmbeddedMongo(tmp_path):
        with pytest.raises(
            DataDirectoryInUse, match=f"{tmp_path} is in use by process {os.getpid()}"
        ):
            await EmbeddedMongo(tmp_path).start()
    async with EmbeddedMongo(tmp_path):
        pass


async def test_a_server_that_was_left_behind_is_ended_before_another_starts(
    tmp_path: Path,
) -> None:
    """As if the kernel had not ended it with its service."""
    async with EmbeddedMongo(tmp_path) as url:
        await write(url, "before")
    async with (
        mongod(tmp_path / "db", "--replSet", "passportx"),
        EmbeddedMongo(tmp_path) as another,
    ):
        assert await kept(another) == ["before"]


async def test_a_process_that_only_has_the_number_of_a_server_is_left_alone(
    tmp_path: Path,
) -> None:
    bystander = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    try:
        (tmp_path / "db").mkdir()
        (tmp_path / "db" / "mongod.lock").write_text(f"{bystander.pid}\n")
        async with EmbeddedMongo(tmp_path):
            assert bystander.returncode is None
    finally:
        await bystander.communicate(b"\n")
    assert bystander.returncode == 0


# With the service


@pytest.mark.parametrize(
    ("how", "code"),
    [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)],
)
async def test_it_is_gone_with_its_service_however_that_ends(
    tmp_path: Path, how: signal.Signals, code: int
) -> None:
    arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path))
    async with Passportx(*arguments) as service:
        (server,) = psutil.Process(service.process.pid).children()
        assert await service.stop(how) == code
        await until(lambda: is_gone(server))
    stopped_by_itself = '"msg":"Shutting down","attr":{"exitCode":0}' in log(tmp_path)
    assert stopped_by_itself == (how != signal.SIGKILL)
    async with EmbeddedMongo(tmp_path):
        pass


async def test_it_is_gone_with_a_service_that_is_killed_while_it_starts(tmp_path: Path) -> None:
    service = Passportx("serve", "--port", "0", "--data-dir", str(tmp_path))
    await service.start()

    async def mongods() -> list[psutil.Process]:
        return psutil.Process(service.process.pid).children()

    (server,) = await until(mongods)
    await service.stop(signal.SIGKILL)
    await until(lambda: is_gone(server))
    assert service.printed == []


async def test_a_service_goes_on_when_its_server_is_killed(tmp_path: Path) -> None:
    arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path))
    async with Passportx(*arguments) as service, httpx.AsyncClient(base_url=service.base) as asking:
        (server,) = psutil.Process(service.process.pid).children()
        server.kill()

        async def ready() -> bool:
            return (await asking.get("/readyz", timeout=30)).status_code == httpx.codes.OK

        await until(ready)
        (another,) = psutil.Process(service.process.pid).children()
        assert another.pid != server.pid
        assert (await asking.get("/healthz")).status_code == httpx.codes.OK


async def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def log(data_dir: Path) -> str:
    return (data_dir / "mongod.log").read_text()


# Which mongod


def a_mongod(directory: Path, version: str) -> Path:
    """Make a program that says that it is some version of mongod."""
    program = directory / "mongod"
    program.write_text(f"#!/bin/sh\necho 'db version v{version}'\n")
    program.chmod(0o755)
    return program


def test_the_newer_of_the_wheels_and_the_one_on_path_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = find_mongod()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    newer = a_mongod(tmp_path, "99.0.0")
    assert find_mongod() == str(newer)
    a_mongod(tmp_path, "4.4.0")
    assert find_mongod() == wheels
    a_mongod(tmp_path, "unknown")
    assert find_mongod() == wheels


def test_another_platform_is_told_to_bring_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NoServerProgram, match="set MONGODB_URL"):
        find_mongod()
