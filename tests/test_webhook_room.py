"""How many bodies are held at once, and what becomes of clients that stall or go away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import orjson
import pytest

from documents.connection import Database
from ingest import webhook
from ingest.webhook import LARGE_AT_ONCE, LARGE_BODY, MAX_BODY, SMALL_AT_ONCE
from tests.chainhook_payloads import Transaction, minted, v1, v2
from tests.processes import until
from tests.running import TOKEN, Running, running

MINT = orjson.dumps(v1(Transaction([minted(1)])))
LARGE = MINT + b" " * (2 * LARGE_BODY)
CHUNK = 64 * 1024


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Running]:
    """A service of its own for the test."""
    async with running(database) as started:
        yield started


@asynccontextmanager
async def begun(
    service: Running, length: int
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a connection on which a delivery of so many bytes has been announced."""
    where = urlsplit(service.base)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = (
        f"POST /webhooks/chainhook HTTP/1.1\r\nhost: localhost\r\n"
        f"authorization: Bearer {TOKEN}\r\ncontent-length: {length}\r\n\r\n"
    )
    try:
        writer.write(head.encode())
        await writer.drain()
        yield reader, writer
    finally:
        writer.close()


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in parts, so that its length is not announced."""
    for start in range(0, len(body), CHUNK):
        yield body[start : start + CHUNK]


def incomplete(service: Running) -> int:
    return service.service.webhook.complaints.counts["incomplete"]


async def test_a_large_body_waits_for_others_and_a_small_one_does_not(service: Running) -> None:
    large = service.service.webhook.room.large

    async def is_full() -> bool:
        return large.locked()

    async with begun(service, len(LARGE)) as (reader, writer), begun(service, len(LARGE)):
        await until(is_full)
        waiting = [
            asyncio.create_task(service.post(LARGE)),
            asyncio.create_task(service.client.post("/webhooks/chainhook", content=chunks(LARGE))),
            asyncio.create_task(service.post(b"x" * 10, **{"content-encoding": "gzip"})),
        ]
        assert (await service.post(MINT)).json()["accepted"] == 1
        assert not any(task.done() for task in waiting)
        writer.write(LARGE)
        assert (await reader.readline()).split()[1] == b"200"
        answers = [(await task).json() for task in waiting]
    assert [each["accepted"] for each in answers] == [1, 1, 0]

    async def is_free() -> bool:
        return not large.locked()

    await until(is_free)


async def test_more_large_and_small_bodies_than_there_is_room_for_are_all_taken(
    service: Running,
) -> None:
    """Those that only turn out to be large hold small room while they wait; all get on."""
    count = SMALL_AT_ONCE + LARGE_AT_ONCE + 6
    async with asyncio.TaskGroup() as tasks:
        posted = [
            tasks.create_task(
                service.client.post(
                    "/webhooks/chainhook", content=chunks(LARGE if number % 2 else MINT)
                )
            )
            for number in range(2 * count)
        ]
    assert {task.result().status_code for task in posted} == {200}
    room = service.service.webhook.room
    for free, size in ((room.small, SMALL_AT_ONCE), (room.large, LARGE_AT_ONCE)):
        for _ in range(size):
            assert not free.locked()
            await free.acquire()
        assert free.locked(), "no room was given back twice"


async def test_waiting_for_room_takes_nothing_of_the_time_to_send(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "BODY_SECONDS", 1.5)
    large = service.service.webhook.room.large
    for _ in range(LARGE_AT_ONCE):
        await large.acquire()
    posting = [
        asyncio.create_task(service.post(LARGE)),
        asyncio.create_task(service.client.post("/webhooks/chainhook", content=chunks(LARGE))),
    ]
    await asyncio.sleep(2)
    for _ in range(LARGE_AT_ONCE):
        large.release()
    assert [(await each).status_code for each in posting] == [200, 200]


@pytest.mark.parametrize("length", [len(MINT), len(LARGE), MAX_BODY + 1])
async def test_a_client_that_stalls_in_a_body_gets_400_and_is_counted(
    service: Running,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    length: int,
) -> None:
    """And makes room: as many stall as may be held, and one more is taken."""
    monkeypatch.setattr(webhook, "BODY_SECONDS", 0.2)
    for number in range(LARGE_AT_ONCE + 1):
        async with begun(service, length) as (reader, writer):
            writer.write(MINT[:10])
            assert (await reader.readline()).split()[1] == b"400"
        assert incomplete(service) == number + 1
    scraped = (await service.client.get("/metrics")).text
    assert 'passportx_webhook_refusals_total{reason="incomplete"} 3.0' in scraped
    assert caplog.text.count("refused a delivery, incomplete") == 1
    monkeypatch.undo()
    assert (await service.post(LARGE)).json()["accepted"] == 1


@pytest.mark.parametrize("length", [len(MINT), len(LARGE)])
async def test_a_client_that_goes_away_in_a_body_is_counted_and_makes_room(
    service: Running, length: int
) -> None:
    for number in range(LARGE_AT_ONCE + 1):
        async with begun(service, length) as (_, writer):
            writer.write(MINT[:10])

        async def is_counted(count: int = number + 1) -> bool:
            return incomplete(service) == count

        await until(is_counted)
    assert (await service.post(LARGE)).json()["accepted"] == 1
    assert await service.database["log"].count_documents({}) == 1


@pytest.mark.parametrize("length", ["\xb2", "+5", "5" * 4000, "-1"])
async def test_an_absurd_length_does_no_harm(service: Running, length: str) -> None:
    """The server refuses it before the webhook sees it, or the webhook goes by what comes."""
    where = urlsplit(service.base)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = f"POST /webhooks/chainhook HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n"
    writer.write(f"{head}content-length: {length}\r\n\r\n".encode("latin-1"))
    writer.write_eof()
    status = (await reader.readline()).split()
    assert not status or status[1] == b"400"
    writer.close()
    assert (await service.post(MINT)).json()["accepted"] == 1


@pytest.mark.parametrize("encode", [v1, v2])
async def test_a_large_delivery_of_either_generation_tells_all(
    service: Running, encode: type
) -> None:
    """It is read by another reader than a small one, and long integers keep their digits."""
    payload = encode(*(Transaction([minted(n)], txid=f"0x{n:064x}") for n in range(1, 1500)))
    assert await service.deliver({**payload, "long": 2**130}) == {"accepted": 1499, "refused": {}}
    entries = await service.database["log"].find().to_list(None)
    told = [event["badge"] for entry in entries for event in entry["applied"][0]["events"]]
    assert told == [str(number) for number in range(1, 1500)]


async def test_a_large_refused_body_is_cut_where_it_is_kept(service: Running) -> None:
    body = b"<html>" + b"x" * (3 * LARGE_BODY)
    assert (await service.post(body)).json()["refused"] == {"not_json": 1}
    [kept] = await service.database["refused_bodies"].find().to_list(None)
    assert (kept["length"], len(kept["body"])) == (len(body), 65_536)
