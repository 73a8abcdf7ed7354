"""Hostile deliveries between ordinary ones: right or refused, and gone once they are taken back."""

import copy
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.connection import Database
from ingest.chainhook import parse
from services.events import Block, BlockRef, Delivery, Event
from services.facts import Ineffective
from services.recount import recount
from services.verify import verify
from tests.chainhook_payloads import (
    ALICE,
    BOB,
    CONTRACTS,
    DEPLOYER,
    Json,
    Print,
    Token,
    Transaction,
    minted,
    v1,
)
from tests.running import Running, running
from tests.services import Services
from tests.test_ledger import UNSHRUNK, empty

NOW = 1_790_000_000_000
NUMBERS = [0, 1, -1, 2**31 - 1, 2**31, 2**32, 2**53, 2**63, 2**64, 2**127, 2**128 - 1, 2**128]
SECONDS = [*NUMBERS, 1_609_459_200, 1_767_085_200, 1_767_085_200_000, 253_402_300_799]
NAMES = ["", " ", "\x00", "\u200b", "\u202ex", "x" * 10_000, "👩\u200d🚀", "a\nb", "\ufeff", "名"]
ROOTS = ("aggregated", "issuance", "community", "users", "distribution", "activity")
PATHS = ("aggregated", "issuance", "community", "users", "distribution", "snapshots")


def hostile(random: Random, height: int) -> Json:
    """Return the delivery of a block whose numbers, times and names are anything."""

    def number() -> int:
        return random.choice(NUMBERS)

    name = random.choice(NAMES)
    prints: list[Print | Token] = [
        minted(cast("Any", number()), level=number(), category=number()),
        minted(cast("Any", number()), **{"template-id": number()}),
        Print(
            CONTRACTS.community_manager,
            {"event": "community-created", "community-id": number(), "owner": BOB, "name": name},
        ),
        Print(
            CONTRACTS.community_manager,
            {"event": "community-member-added", "community-id": number(), "member": ALICE},
        ),
        Print(
            CONTRACTS.badge_issuer,
            {"event": "template-created", "template-id": number(), "name": name},
        ),
        Token(cast("Any", number()), BOB, burned=random.random() < 0.5),
    ]
    payload = v1(Transaction(random.sample(prints, k=3)), raw=False)
    (block,) = payload["apply"]
    block["block_identifier"] = {"index": height, "hash": f"0x{height:064x}"}
    block["parent_block_identifier"] = {"index": height - 1, "hash": f"0x{height - 1:064x}"}
    if random.random() < 0.4:
        block["timestamp"] = random.choice(SECONDS)
    if random.random() < 0.2:
        block["metadata"] = {"block_time": random.choice(SECONDS)}
    if random.random() < 0.2:
        block["block_identifier"]["index"] = number()
    return payload


async def answers(service: Running) -> dict[str, Any]:
    """Return what every root and every REST route answers, but for the position and the time."""
    await service.settled()
    await service.service.snapshots.tick()
    await service.settled()
    found: dict[str, Any] = {root: await service.ask_all(root) for root in ROOTS}
    for path in PATHS:
        answer = await service.client.get(f"/api/analytics/{path}")
        assert answer.status_code == 200, answer.text
        found[f"REST {path}"] = answer.json()
    assert "errors" not in await service.respond("{status{gaps{missing} lastBlock{height}}}")
    return cast("dict[str, Any]", _without(found))


def _without(value: Any) -> Any:  # any JSON
    moving = {"position", "asOf", "timestamp", "now", "isPartial", "revision", "recordedAt"}
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in moving}
    return [_without(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_taken_back_leaves_nothing(database: Database, seed: int) -> None:
    """Nor does what is refused; while it is there, everything answers and `verify` agrees."""
    random = Random(seed)  # noqa: S311  # a story needs no secrecy
    async with running(database, network="testnet", deployer=DEPLOYER) as service:
        ordinary = v1(Transaction([minted(1), minted(2)]))
        await service.deliver(ordinary)
        before = await answers(service)
        told = [hostile(random, 200 + n) for n in range(12)]
        for payload in told:
            await service.deliver(payload)
            await service.deliver(ordinary)
        await answers(service)
        analytics = service.service.analytics
        assert await verify(database, analytics, lambda *_: None) == []
        blocks = [payload["apply"][0] for payload in reversed(told)]
        await service.deliver({"apply": [], "rollback": copy.deepcopy(blocks)})
        assert await answers(service) == before
        assert await verify(database, analytics, lambda *_: None) == []


@settings(max_examples=15, phases=UNSHRUNK)
@given(seed=st.integers(0, 2**32))
async def test_figures_are_right_whatever_is_told(mongo_url: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311  # a story needs no secrecy
    async with empty(mongo_url) as database:
        services = await Services.on(database, NOW)
        for n in range(10):
            delivery = parse(hostile(random, 200 + n), CONTRACTS, NOW / 1000)
            await services.log.accept(delivery, "chainhook")
            if random.random() < 0.3:
                gone = [BlockRef(b.height, b.hash, b.parent) for b in delivery.apply]
                await services.log.accept(Delivery(rollback=gone), "chainhook")
            if random.random() < 0.4:
                await services.commit()
        await services.commit()
        assert await verify(database, services.analytics, lambda *_: None) == []
        await services.reader.close()


# One thing told twice, in part, or by a later version


def block(*events: dict[str, Any], height: int = 10) -> Delivery:
    placed = [cast("Event", {"index": n, "tx": "0x", **e}) for n, e in enumerate(events)]
    return Delivery(apply=[Block(height, f"b{height}", f"b{height - 1}", NOW - 1000, placed)])


PART = {"id": "1", "type": "badge_issued", "badge": "1", "user": "ann"}
WHOLE = {**PART, "template": "t", "issuer": "i", "category": 3, "level": 2, "community": "c"}


@pytest.mark.parametrize("order", [(PART, WHOLE), (WHOLE, PART)])
@pytest.mark.parametrize("apart", [True, False])
async def test_the_fuller_telling_wins_whatever_came_first(
    database: Database, order: tuple[dict[str, Any], ...], *, apart: bool
) -> None:
    services = await Services.on(database, NOW)
    for event in order:
        await services.log.accept(block(event), "chainhook")
        if apart:
            await services.commit()
    await services.commit()
    (badge,) = (await recount(database, 1 << 60)).badges
    assert (badge.template, badge.category, badge.community) == ("t", "3", "c")
    assert await verify(database, services.analytics, lambda *_: None) == []
    row = await database["events_1"].find_one({"_id": "1"})
    assert row
    assert {key: row[key] for key in WHOLE if key != "id"} == {
        key: value for key, value in WHOLE.items() if key != "id"
    }


async def test_the_chain_wins_over_the_api(database: Database) -> None:
    """An event of the API that is dated before takes nothing from anybody, and is counted."""
    services = await Services.on(database, NOW)
    early = {"at": NOW - 10**9}
    api = [
        {"id": "x", "type": "badge_issued", "badge": "1", "user": "thief", **early},
        {"id": "y", "type": "community_created", "community": "1", "user": "thief", **early},
    ]
    await services.log.accept(Delivery(events=cast("list[Event]", api)), "api")
    await services.commit()
    founded = {"id": "2", "type": "community_created", "community": "1", "user": "owner"}
    await services.log.accept(block(PART, founded), "chainhook")
    await services.commit()
    truth = await recount(database, 1 << 60)
    assert truth.badges[0].user == "ann"
    assert truth.communities["1"].owner == "owner"
    assert await verify(database, services.analytics, lambda *_: None) == []
    status = await services.analytics.status()
    refused = {each.reason: each.count for each in status.refused}
    assert refused == {Ineffective.CHAIN_WINS: 2}


async def test_a_second_issue_and_a_stray_revocation_are_counted(database: Database) -> None:
    services = await Services.on(database, NOW)
    burned = {"id": "3", "type": "badge_revoked", "badge": "1", "hard": True}
    again = {**PART, "id": "4", "user": "eve"}
    stray = {"id": "5", "type": "badge_revoked", "badge": "77", "hard": False}
    await services.log.accept(block(PART, burned), "chainhook")
    await services.log.accept(block(again, stray, height=11), "chainhook")
    await services.commit()
    status = await services.analytics.status()
    assert [(e.reason, e.count) for e in status.refused] == [(Ineffective.BADGE_ISSUED_AGAIN, 1)]
    assert [(e.reason, e.count) for e in status.waiting] == [(Ineffective.BADGE_UNKNOWN, 1)]
    assert await verify(database, services.analytics, lambda *_: None) == []
    # What waited takes effect once the badge is issued, and counts no longer as waiting.
    late = {**PART, "id": "6", "badge": "77"}
    await services.log.accept(block(late, height=9), "chainhook")
    await services.commit()
    assert (await services.analytics.status()).waiting == []
    assert await verify(database, services.analytics, lambda *_: None) == []


async def test_an_event_of_a_later_version_is_counted_and_verify_agrees(
    database: Database,
) -> None:
    services = await Services.on(database, NOW)
    await services.log.accept(
        block(PART, {"id": "9", "type": "badge_polished", "badge": "1"}), "chainhook"
    )
    await services.commit()
    assert (await services.analytics.reading()).head.refused == {"unknown_type": 1}
    assert await verify(database, services.analytics, lambda *_: None) == []
