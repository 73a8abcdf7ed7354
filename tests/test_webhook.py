"""`POST /webhooks/chainhook` on the running service: who may, what is taken, what is answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from documents.connection import Database, connect
from documents.embedded import EmbeddedMongo
from ingest.webhook import MAX_BODY
from tests.chainhook_payloads import (
    ALICE,
    CONTRACTS,
    DEPLOYER,
    ENCODINGS,
    Print,
    Token,
    Transaction,
    minted,
    v1,
    v2,
)
from tests.running import TOKEN, Running, running
from tests.test_chainhook_captures import CALLS, NAKAMOTO, capture

SYNTHETIC = Path(__file__).parent / "fixtures" / "synthetic-passportx"
MINT = orjson.dumps(v1(Transaction([minted(1)])))
MINTED = minted(2).value


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Running]:
    """A service of its own for the test."""
    async with running(database) as started:
        yield started


async def refused(service: Running) -> dict[str, int]:
    """Return what `status` says was refused, by reason."""
    await service.settled()
    answer = await service.ask("{status{refused{reason count}}}")
    return {each["reason"]: each["count"] for each in answer["status"]["refused"]}


# Who may


@pytest.fixture(scope="module")
async def guarded(mongo_url: str) -> AsyncIterator[Running]:
    """A service with tokens of every kind."""
    database = await connect(mongo_url, "guarded")
    async with running(
        database,
        ingest_tokens=(TOKEN, "second"),
        admin_tokens=("administrator",),
        read_tokens=("reader",),
        webhook_authorization="Token 1.x sends this verbatim",
    ) as started:
        yield started
    await database.client.drop_database(database.name)
    database.client.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN}"},
        {"authorization": "", "x-chainhook-consumer-secret": TOKEN},
        {"authorization": "Bearer other", "x-chainhook-consumer-secret": TOKEN},
        {"authorization": "Token 1.x sends this verbatim"},
        {"authorization": "Bearer second"},
        {"authorization": TOKEN},
        {"authorization": "", "x-chainhook-consumer-secret": f"Bearer {TOKEN}"},
        {"authorization": "Bearer administrator"},
    ],
)
async def test_200_for_each_way_to_send_a_token(guarded: Running, headers: dict[str, str]) -> None:
    """Chainhook's documents disagree about the header, and 1.x sends what it was given."""
    answer = await guarded.post(MINT, **headers)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "refused": {}})


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": f"{TOKEN}x"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Bearer reader"},
        {"authorization": "", "x-chainhook-consumer-secret": f"{TOKEN}x"},
        {"authorization": "", "x-chainhook-consumer-secret": ""},
        {"authorization": "Token 1.x sends this"},
        {"authorization": "Bearer t\xf6ken"},
    ],
)
async def test_401_for_anybody_else(guarded: Running, headers: dict[str, str]) -> None:
    """A token that only reads is not enough; nothing of the body is stored."""
    stored = await guarded.database["log"].count_documents({})
    answer = await guarded.client.post(
        "/webhooks/chainhook",
        content=MINT,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "UNAUTHENTICATED"
    assert await guarded.database["log"].count_documents({}) == stored


async def test_only_posts_are_taken(service: Running) -> None:
    assert (await service.client.get("/webhooks/chainhook")).status_code == 405


# What is no delivery at all


@pytest.mark.parametrize(
    "body",
    [b"", b"apply", b'{"apply": [', b"\xff\xfe{}", b'"\xed\xa0\x80"', b"[" * 100_000, b"[1]]"],
)
async def test_what_is_not_json_in_utf_8_is_counted_and_answered_200(
    service: Running, body: bytes
) -> None:
    """It would be an outage for the hook otherwise, which gives up after three of them."""
    answer = await service.post(body)
    receipt = {"accepted": 0, "refused": {"not_json": 1}}
    assert (answer.status_code, answer.json()) == (200, receipt)
    assert await refused(service) == {"not_json": 1}


async def test_any_other_json_is_counted_and_answered_200(service: Running) -> None:
    bodies = (b"null", b"5", b'"abc"', b"[]", b"{}", b"[" * 500 + b"]" * 500, b'{"apply": 5}')
    for body in bodies:
        answer = await service.post(body)
        assert (answer.status_code, answer.json()["refused"]) == (200, {"unknown_shape": 1})
    assert await refused(service) == {"unknown_shape": len(bodies)}


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(-(-size // 2**16)):
        yield b" " * 2**16


@pytest.mark.parametrize("said", [True, False], ids=["content-length", "chunked"])
async def test_a_body_that_is_too_large_is_counted_and_answered_200(
    service: Running, said: bool
) -> None:
    """Also where the client does not say how large it is."""
    content: Any = b" " * (MAX_BODY + 1) if said else _chunks(MAX_BODY + 1)
    answer = await service.client.post("/webhooks/chainhook", content=content)
    assert (answer.status_code, answer.json()["refused"]) == (200, {"too_large": 1})
    assert (await service.post(MINT)).status_code == 200, "the next one is taken"
    assert await refused(service) == {"too_large": 1}


async def test_a_busy_block_of_many_megabytes_is_taken(service: Running) -> None:
    block = v1(*(Transaction([minted(n)], txid=f"0x{n:064x}") for n in range(1, 4001)))
    block["apply"][0]["metadata"] = {"filler": "x" * (MAX_BODY // 2)}
    assert (await service.deliver(block))["accepted"] == 4000
    await service.settled()
    answer = await service.ask("{issuance{totalBadgesIssued}}")
    assert answer["issuance"]["totalBadgesIssued"] == 4000


# What is in a delivery and not believed


ISSUER = CONTRACTS.badge_issuer
FAILED = Transaction([minted(2), Token(2, ALICE)], succeeded=False, txid="0x" + "2b" * 32)
REFUSED = {
    "untrusted_contract": [Transaction([minted(1), Print(f"{ALICE}.badge-issuer", MINTED)])],
    "failed_transaction": [Transaction([minted(1)]), FAILED],
    "malformed_value": [Transaction([minted(1), minted(2, recipient="nobody")])],
    "unsupported:renamed": [Transaction([minted(1), Print(ISSUER, {"event": "renamed"})])],
}


async def test_what_is_refused_is_counted_by_its_reason_and_the_rest_is_taken(
    service: Running,
) -> None:
    """In each of the four encodings."""
    for encode in ENCODINGS.values():
        for reason, transactions in REFUSED.items():
            receipt = await service.deliver(encode(*transactions))
            assert receipt == {"accepted": 1, "refused": {reason: 1}}
    assert await refused(service) == dict.fromkeys(REFUSED, 4)
    answer = await service.ask("{issuance{totalBadgesIssued}}")
    assert answer["issuance"]["totalBadgesIssued"] == 1


async def test_malformed_hexadecimal_is_refused_with_its_reason(service: Running) -> None:
    payload = v2(Transaction([minted(1), minted(2)]))
    for value in ("0x", "0xzz", "0x0c00000001", "0x" + "0a" * 100_000):
        payload["event"]["apply"][0]["transactions"][0]["operations"][3]["metadata"]["value"] = (
            value
        )
        receipt = await service.deliver(payload)
        assert receipt == {"accepted": 1, "refused": {"malformed_value": 1}}
    assert await refused(service) == {"malformed_value": 4}


async def test_another_network_is_refused_whole(service: Running) -> None:
    """And its blocks displace none of ours."""
    foreign = [
        v2(Transaction([minted(1)]), network="mainnet"),
        v1(Transaction([minted(1)], sender="SP000000000000000000002Q6VF78")),
        {"event": v2(Transaction([minted(1)]))["event"] | {"chain": "bitcoin"}},
    ]
    for payload in foreign:
        assert await service.deliver(payload) == {"accepted": 0, "refused": {"wrong_network": 1}}
    assert await refused(service) == {"wrong_network": 3}
    answer = await service.ask("{status{lastBlock{height} gaps{missing}}}")
    assert answer["status"] == {"lastBlock": None, "gaps": []}


# What 2xx means


async def test_an_answered_delivery_is_in_the_database_before_it_is_committed(
    database: Database,
) -> None:
    """Nothing but the log has it, and a service that starts later counts it."""
    async with running(
        database, batch_size=10_000, batch_timeout_ms=3_600_000, backlog_batch_size=10_000
    ) as service:
        assert await service.deliver(orjson.loads(MINT)) == {"accepted": 1, "refused": {}}
        [entry] = await database["log"].find().to_list(None)
        assert [event["badge"] for event in entry["applied"][0]["events"]] == ["1"]
        assert entry["source"] == "chainhook"
        answer = await service.ask("{status{position eventsWaiting} issuance{totalBadgesIssued}}")
        assert answer == {
            "status": {"position": 0, "eventsWaiting": 1},
            "issuance": {"totalBadgesIssued": 0},
        }
    async with running(database) as service:
        await service.settled()
        answer = await service.ask("{status{eventsWaiting} issuance{totalBadgesIssued}}")
        assert answer["status"]["eventsWaiting"] == 0
        assert answer["issuance"]["totalBadgesIssued"] == 1


async def test_503_while_the_database_is_away_and_200_when_it_is_back(tmp_path: Path) -> None:
    """The hook tries again, and then the delivery is there once."""
    mongo = EmbeddedMongo(tmp_path)
    database = await connect(await mongo.start(), "away")
    try:
        async with running(database) as service:
            await mongo.stop()
            answer = await service.post(MINT)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")
            assert answer.headers["retry-after"] == "1"
            await mongo.start()
            assert (await service.post(MINT)).status_code == 200
            await service.settled()
            data = await service.ask("{issuance{totalBadgesIssued}}")
            assert data["issuance"]["totalBadgesIssued"] == 1
    finally:
        database.client.close()
        await mongo.stop()


async def test_503_while_events_are_not_taken(database: Database) -> None:
    """The hook is to come back; what is there is answered meanwhile."""
    async with running(database, enabled=False) as service:
        answer = await service.post(MINT)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "DISABLED")
        assert (await service.ask("{issuance{totalBadgesIssued}}"))["issuance"] is not None


# What it is all for


ENCODED = ("v1-raw", "v1-decoded", "v2-raw", "v2-decoded")
STEPS = [path.name.removeprefix("v1-raw-") for path in sorted(SYNTHETIC.glob("v1-raw-*.json"))]
OF_THE_ASKING = {"asOf", "timestamp", "position"}
"""What depends on when it was asked; snapshots move the position at a time of their own."""
OF_THE_BLOCKS = {"burnHeight", "occurredAt", "cursor", "startCursor", "endCursor", "median", "p90"}
"""What tells the times of blocks, and what lies between them."""


def without(names: set[str], answer: Any) -> Any:  # any JSON
    """Return an answer without some fields."""
    if isinstance(answer, dict):
        return {name: without(names, each) for name, each in answer.items() if name not in names}
    return [without(names, each) for each in answer] if isinstance(answer, list) else answer


async def story(mongo_url: str, encoding: str) -> list[Any]:
    """Return what is answered after each delivery of the synthetic story in one encoding."""
    database = await connect(mongo_url, f"story_{encoding}")
    answers = []
    async with running(database) as service:
        for step in STEPS:
            await service.deliver(orjson.loads((SYNTHETIC / f"{encoding}-{step}").read_bytes()))
            await service.settled()
            fields = ("aggregated", "activity")
            answers.append({field: await service.ask_all(field) for field in fields})
    await database.client.drop_database(database.name)
    database.client.close()
    return [without(OF_THE_ASKING, answer) for answer in answers]


def by_identity(answer: dict[str, Any]) -> Any:  # any JSON
    """Return an answer without the times of blocks, and without the order that they give."""
    edges = sorted(answer["activity"]["edges"], key=lambda edge: edge["node"]["id"])
    return without(OF_THE_BLOCKS, {**answer, "activity": {**answer["activity"], "edges": edges}})


@pytest.mark.no_cover  # it would be half of the time, for lines that all other tests reach
async def test_four_encodings_of_one_story_give_one_answer(mongo_url: str) -> None:
    """After every delivery, in everything that `aggregated` and `activity` tell, ids contained.

    Between the generations but for the times of blocks, which they take from two clocks.
    """
    raw, decoded, raw_2, decoded_2 = [await story(mongo_url, encoding) for encoding in ENCODED]
    assert decoded == raw
    assert decoded_2 == raw_2
    assert list(map(by_identity, raw_2)) == list(map(by_identity, raw))
    issued = [each["aggregated"]["issuance"]["totalBadgesIssued"] for each in raw]
    revoked = [each["aggregated"]["issuance"]["totalBadgesRevoked"] for each in raw]
    assert (issued, revoked) == ([0, 2, 2, 2, 2, 2], [0, 0, 0, 0, 1, 0])


async def test_a_failed_mint_of_the_story_is_told_as_refused(service: Running) -> None:
    for encoding in ENCODED:
        await service.deliver(orjson.loads((SYNTHETIC / f"{encoding}-{STEPS[3]}").read_bytes()))
    assert await refused(service) == {"failed_transaction": 4}


# Real deliveries


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        (NAKAMOTO, {"failed_transaction": 42}),
        (CALLS, {"failed_transaction": 71}),
        ("hirosystems-docs/full-payload-example.json", {}),
        ("hirosystems-docs/nft-event.json", {"unknown_shape": 1}),
        ("hirosystems-docs/print-event.json", {"unknown_shape": 1}),
        ("hirosystems-docs/ft-event.json", {"unknown_shape": 1}),
        ("hirosystems-docs/stx-event.json", {"unknown_shape": 1}),
        ("hirosystems-chainhook/occurrence.json", {"unknown_shape": 14}),
    ],
)
async def test_real_deliveries_hold_no_badge_and_harm_nothing(
    database: Database, name: str, reasons: dict[str, int]
) -> None:
    payloads = capture(name)
    async with running(database, network="testnet", deployer=DEPLOYER) as service:
        receipts = await asyncio.gather(*map(service.deliver, payloads))
        assert {receipt["accepted"] for receipt in receipts} == {0}
        assert await refused(service) == reasons
        status = (await service.ask("{status{eventsProcessed eventsWaiting gaps{kind}}}"))["status"]
        assert status == {"eventsProcessed": 0, "eventsWaiting": 0, "gaps": []}
        assert (await service.ask("{activity{totalCount}}"))["activity"]["totalCount"] == 0


async def test_the_last_block_of_real_deliveries_is_told(database: Database) -> None:
    payloads = capture(NAKAMOTO)
    async with running(database, network="testnet", deployer=DEPLOYER) as service:
        await asyncio.gather(*map(service.deliver, payloads))
        await service.settled()
        status = (await service.ask("{status{lastBlock{height}}}"))["status"]
    assert status["lastBlock"]["height"] == 112291


async def test_prints_of_a_capture_s_own_contract_are_read_when_it_is_trusted(
    database: Database,
) -> None:
    """All 525 of a name service; none bears the name of a PassportX event."""
    payloads = capture(CALLS)
    async with running(
        database,
        network="testnet",
        deployer="ST000000000000000000002AMW42H",
        badge_issuer="bns",
    ) as service:
        await asyncio.gather(*map(service.deliver, payloads))
        assert await refused(service) == {"failed_transaction": 71, "unknown_event": 525}


async def test_mints_of_a_capture_s_own_contract_are_badges_when_it_is_trusted(
    database: Database,
) -> None:
    """Two tokens of a game, with their class renamed to that of badges."""
    renamed = orjson.dumps(capture(NAKAMOTO)).replace(b"::nft-monsters", b"::passport-badge")
    player = "ST16GEW6P7GBGZG0PXRXFJEMR3TJHJEY2HHFN76M2"
    async with running(
        database,
        network="testnet",
        deployer="ST3FFRX7C911PZP5RHE148YDVDD9JWVS6FZRA60VS",
        passport_nft="monsters",
    ) as service:
        await asyncio.gather(*map(service.deliver, orjson.loads(renamed)))
        await service.settled()
        data = await service.ask(
            "{issuance{totalBadgesIssued} activity{edges{node{type badge user}}}"
            " status{gaps{kind missing highest}}}"
        )
    assert data["issuance"]["totalBadgesIssued"] == 2
    assert sorted(edge["node"]["badge"] for edge in data["activity"]["edges"]) == ["33", "34"]
    assert Counter(edge["node"]["user"] for edge in data["activity"]["edges"]) == {player: 2}
    assert data["status"]["gaps"] == [{"kind": "BADGE", "missing": 32, "highest": "34"}]
