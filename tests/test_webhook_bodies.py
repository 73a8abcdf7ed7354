"""A delivery is not lost for how it was sent, and what is refused can be looked at."""

import asyncio
import gzip
import logging
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from documents.connection import Database
from ingest.webhook import LARGE_BODY, MAX_BODY, QUIET_SECONDS, REASONS, Complaints
from schema.serving import SERVER_OPTIONS
from services.jsontext import MAX_DIGITS, loads
from services.log import REFUSED_BYTES, REFUSED_KEPT
from tests.chainhook_payloads import Transaction, minted, v1
from tests.processes import run
from tests.running import TOKEN, Running, running

PAYLOAD = v1(Transaction([minted(1)]))
MINT = orjson.dumps(PAYLOAD)


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Running]:
    """A service of its own for the test."""
    async with running(database) as started:
        yield started


def _bare_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(data) + packing.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(MINT)),
        ("GZIP", gzip.compress(MINT)),
        ("x-gzip", gzip.compress(MINT)),
        ("gzip", gzip.compress(MINT[:100]) + gzip.compress(MINT[100:])),
        ("deflate", zlib.compress(MINT)),
        ("deflate", _bare_deflate(MINT)),
        ("deflate, gzip", gzip.compress(zlib.compress(MINT))),
        ("identity", MINT),
        ("gzip", MINT),
        (None, gzip.compress(MINT)),
        (None, b"\xef\xbb\xbf" + MINT),
        ("gzip", gzip.compress(b"\xef\xbb\xbf" + MINT)),
        (None, b" \n" + MINT + b"\n"),
        ("deflate", _bare_deflate(b"\xef\xbb\xbf" + b'{"apply": [], "rollback": []}')),
        ("gzip", gzip.compress(MINT) + bytes(500)),
        ("gzip", b"".join(gzip.compress(MINT[at : at + 9]) for at in range(0, len(MINT), 9))),
        ("identity, gzip", gzip.compress(MINT)),
        ("gzip, gzip, deflate", zlib.compress(gzip.compress(gzip.compress(MINT)))),
    ],
)
async def test_a_body_is_read_however_it_is_packed(
    service: Running, encoding: str | None, body: bytes
) -> None:
    headers = {} if encoding is None else {"content-encoding": encoding}
    answer = await service.post(body, **headers)
    assert (answer.status_code, answer.json()["refused"]) == (200, {})
    # What the test compresses by hand may hold no badge.
    assert answer.json()["accepted"] == (len(body) > 100)


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        ("gzip", b"\x1f\x8bnot gzip", "not_json"),
        ("gzip", gzip.compress(MINT)[:-20], "not_json"),
        ("gzip", gzip.compress(MINT) + b"more", "not_json"),
        ("br", MINT, "unknown_encoding"),
        ("gzip", gzip.compress(bytes(MAX_BODY + 1)), "too_large"),
        ("gzip", gzip.compress(gzip.compress(bytes(MAX_BODY + 1))), "too_large"),
        (None, gzip.compress(bytes(MAX_BODY + 1)), "too_large"),
        ("deflate", zlib.compress(bytes(MAX_BODY + 1)), "too_large"),
        ("deflate", _bare_deflate(bytes(MAX_BODY + 1)), "too_large"),
        ("gzip", gzip.compress(bytes(MAX_BODY // 2 + 1)) * 2, "too_large"),
        ("gzip", gzip.compress(MINT) + bytes(500) + b"1", "not_json"),
        ("gzip", gzip.compress(b"") * 200_000, "not_json"),
        ("gzip", b"plain text", "not_json"),
        ("deflate", b"", "not_json"),
        (", ".join(["gzip"] * 1000), MINT, "unknown_encoding"),
        ("gzip, zstd", b"(\xb5/\xfd", "unknown_encoding"),
        (None, b'["\\ud800", 12345678901234567890123]', "not_json"),
        (None, b"[1e400, 12345678901234567890123]", "not_json"),
        (None, b" " * (2 * LARGE_BODY), "not_json"),
        (None, b"[" * (2 * LARGE_BODY), "not_json"),
        (None, b"\xff" * (2 * LARGE_BODY), "not_json"),
        (None, b"", "not_json"),
        (None, b"{", "not_json"),
        (None, b'{"apply": [NaN]}', "not_json"),
        (None, b'{"apply": 1' + b"0" * 20 + b", 5: 5}", "not_json"),
        (None, b"[" * 200_000, "not_json"),
        (None, b"\xff\xfe{}", "not_json"),
    ],
)
async def test_what_cannot_be_read_is_counted_and_kept(
    service: Running, encoding: str | None, body: bytes, reason: str
) -> None:
    headers = {} if encoding is None else {"content-encoding": encoding}
    answer = await service.post(body, **headers)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "refused": {reason: 1}})
    scraped = (await service.client.get("/metrics")).text
    assert f'passportx_webhook_refusals_total{{reason="{reason}"}} 1.0' in scraped
    kept = await service.database["refused_bodies"].find().to_list(None)
    if reason == "too_large":
        assert kept == []
    else:
        assert [(row["reason"], row["length"]) for row in kept] == [(reason, len(body))]
        assert kept[0]["body"] == body[:REFUSED_BYTES]


async def test_of_a_packed_body_the_text_is_kept(service: Running) -> None:
    text = b"<html>Bad gateway</html>" * 10_000
    await service.post(gzip.compress(text), **{"content-encoding": "gzip"})
    [kept] = await service.database["refused_bodies"].find().to_list(None)
    assert (kept["length"], kept["body"]) == (len(text), text[:REFUSED_BYTES])


async def test_refused_bodies_can_be_looked_at(service: Running, mongo_url: str) -> None:
    """What a terminal would obey is shown and not sent to it."""
    await service.post(b"<html>\x1b]0;title\x07\x1b[2J\xff\n" + b"x" * 1000 + b"end")
    await service.post(b"{}", **{"content-encoding": "br"})
    where = ("--mongodb-url", mongo_url, "--mongodb-database", service.database.name)
    code, printed, _ = await run("refused", *where)
    assert code == 0
    first, text, *rest = printed
    assert first.endswith("Z  not_json  1,025 bytes")
    assert text == r"<html>\x1b]0;title\x07\x1b[2J\xff"
    assert rest[-2].endswith("  unknown_encoding  2 bytes")
    assert "end" not in "".join(printed)
    assert "end" in "".join((await run("refused", "--whole", *where))[1])


async def test_without_a_refused_body_it_says_so(service: Running, mongo_url: str) -> None:
    where = ("--mongodb-url", mongo_url, "--mongodb-database", service.database.name)
    assert (await run("refused", *where))[::2] == (0, ["No body was refused."])


async def test_each_reason_is_counted_from_the_start(service: Running) -> None:
    """So that Prometheus sees the first increase."""
    scraped = (await service.client.get("/metrics")).text
    for reason in REASONS:
        assert f'passportx_webhook_refusals_total{{reason="{reason}"}} 0.0' in scraped


async def test_only_the_last_refused_bodies_are_kept(service: Running) -> None:
    for number in range(REFUSED_KEPT + 5):
        await service.post(f"no JSON {number}".encode())
    kept = await service.database["refused_bodies"].find(sort=[("_id", 1)]).to_list(None)
    assert [row["body"] for row in kept] == [
        f"no JSON {number}".encode() for number in range(5, REFUSED_KEPT + 5)
    ]


async def test_a_number_above_64_bits_keeps_its_digits(service: Running) -> None:
    payload = v1(Transaction([minted(1)]), raw=False)
    receipt = payload["apply"][0]["transactions"][0]["metadata"]["receipt"]
    for badge in (2**63, 2**64 + 1, 2**128 - 1):
        receipt["events"][0]["data"]["value"]["badge-id"] = badge
        body = orjson.dumps(payload, default=str) if badge < 2**63 else _written(payload)
        assert (await service.post(body)).json()["accepted"] == 1
    entries = await service.database["log"].find().to_list(None)
    events = [event for entry in entries for event in entry["applied"][0]["events"]]
    assert [event["badge"] for event in events] == [str(2**63), str(2**64 + 1), str(2**128 - 1)]


def _written(payload: Any) -> bytes:
    import json  # noqa: PLC0415  # orjson writes no integer above 64 bits

    return json.dumps(payload).encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('[18446744073709551616, "0x00000000000000000000", 1.5, -9223372036854775809]',
         [2**64, "0x00000000000000000000", 1.5, -(2**63) - 1]),
        ("\ufeff{}", {}),
        ("340282366920938463463374607431768211455", 2**128 - 1),
        ('"\u00e9"', "é"),
        ('["\\ud83d\\ude00", "\\\\ud800", 12345678901234567890123]',
         ["\U0001f600", "\\ud800", 12345678901234567890123]),
        (" " * (2**20 - 10) + "-9223372036854775809", -(2**63) - 1),
        (" " * (2**20 - 1) + "18446744073709551617", 2**64 + 1),
        ('{"a":' + "9" * 39 + "}", {"a": 10**39 - 1}),
        ("[" + "9" * MAX_DIGITS + "]", [10**MAX_DIGITS - 1]),
        ("12345678901234567890123.5e3", 12345678901234567890123.5e3),
    ],
)  # fmt: skip
def test_json_is_read_without_changing_a_number(text: str, value: object) -> None:
    for gently in (False, True):
        assert loads(text, gently=gently) == value
        assert loads(text.encode(), gently=gently) == value
        assert loads(bytearray(text.encode()), gently=gently) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "[Infinity]",
        "[-Infinity, 12345678901234567890123]",
        "[" + "1" * (MAX_DIGITS + 1) + "]",
        "[" + "1" * 100_000 + "]",
        "[" * 100_000 + "12345678901234567890123",
        '{"a": 1, }',
        "{'a': 12345678901234567890123}",
        '"\\ud800"',
        '["\\ude00\\ud83d", 12345678901234567890123]',
        "1e400",
        "[-1e400, 12345678901234567890123]",
        "01",
        "\ufeff\ufeff{}",
        "[1]]",
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    for gently in (False, True):
        with pytest.raises(ValueError, match=r"\w"):
            loads(text, gently=gently)


async def test_a_slash_at_the_end_and_any_host_are_as_good(service: Running) -> None:
    """A hook in a container calls `host.docker.internal`; a page cannot know the token."""
    headers = {"host": "host.docker.internal:8000", "authorization": f"Bearer {TOKEN}"}
    for path in ("/webhooks/chainhook", "/webhooks/chainhook/"):
        answer = await service.client.post(path, content=MINT, headers=headers)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    stranger = await service.client.post(
        "/webhooks/chainhook", content=MINT, headers={"host": "evil", "authorization": ""}
    )
    assert stranger.status_code == 401
    page = await service.client.get("/healthz", headers={"host": "host.docker.internal:8000"})
    assert (page.status_code, page.text) == (400, "Invalid host header")


async def test_a_stranger_is_counted_and_logged_once_a_minute(
    service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        answer = await service.client.post(
            "/webhooks/chainhook", content=MINT, headers={"authorization": "Bearer guess"}
        )
        assert answer.status_code == 401
    scraped = (await service.client.get("/metrics")).text
    assert 'passportx_webhook_refusals_total{reason="unauthenticated"} 3.0' in scraped
    assert caplog.text.count("refused a delivery, unauthenticated") == 1
    assert "guess" not in caplog.text


def test_complaints_say_how_many_they_left_out(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    complaints = Complaints(lambda: now)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            complaints.note("not_json", "broken")
        now = QUIET_SECONDS
        complaints.note("not_json", "broken")
    assert [record.getMessage() for record in caplog.records] == [
        "The webhook refused a delivery, not_json: broken",
        "The webhook refused a delivery, not_json: broken (4 more of this kind since the last "
        "such line)",
    ]
    assert complaints.counts == {"not_json": 6}


async def test_a_connection_that_a_hook_keeps_open_stays_open(service: Running) -> None:
    """For longer than the five seconds of uvicorn's own default."""
    assert SERVER_OPTIONS["timeout_keep_alive"] > 90
    headers = {"authorization": f"Bearer {TOKEN}"}
    limits = httpx.Limits(max_connections=1, keepalive_expiry=None)
    async with httpx.AsyncClient(base_url=service.base, limits=limits, headers=headers) as client:
        first = await client.post("/webhooks/chainhook", content=MINT)
        await asyncio.sleep(5.5)
        second = await client.post("/webhooks/chainhook", content=MINT)
        streams = [each.extensions["network_stream"] for each in (first, second)]
        ports = {each.get_extra_info("client_addr")[1] for each in streams}
    assert len(ports) == 1


async def test_large_bodies_are_taken_a_few_at_a_time(service: Running) -> None:
    """All of them, while small ones go by."""
    filler = b" " * (2 * LARGE_BODY)
    async with asyncio.TaskGroup() as tasks:
        large = [tasks.create_task(service.post(MINT + filler)) for _ in range(8)]
        small = [tasks.create_task(service.post(MINT)) for _ in range(8)]
    assert {task.result().status_code for task in (*large, *small)} == {200}
