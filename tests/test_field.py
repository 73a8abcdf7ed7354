"""Inputs that were seen in the field, or are of their kind, with the right answers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from documents.connection import Database
from ingest.chainhook import Contracts, Refusal, parse
from services.analytics import Question
from services.community import CommunityMetrics
from services.events import Delivery, identity
from services.facts import Ineffective
from services.issuance import IssuanceMetrics
from services.verify import verify
from tests.services import Services

FIELD = Path(__file__).parent / "fixtures" / "field"
DEPLOYER = "ST1PQHQKV0RJXZFY1DGX8MNSNYVE3VGZJSRTPGZGM"
CONTRACTS = Contracts.of("testnet", DEPLOYER)
SECOND = Contracts.of(
    "testnet", DEPLOYER, badge_issuer="badge-issuer-v2", passport_nft="passport-nft-v2"
)
BOTH = replace(CONTRACTS, further=(SECOND,))
NOW = 1_790_000_000_000
FIRST, SECOND_USER = (
    "ST1NRDCKKZWTFSRCXDE04XZTT7XBMFBD4XBD5FY57",
    "ST3A76QHT4SF1DVQ07XCQ32WVBM1G3707V2E99MR5",
)


def deliveries(*names: str, contracts: Contracts = CONTRACTS) -> list[Delivery]:
    """Return the deliveries of sets, in order."""
    paths = [
        path
        for name in names
        for path in sorted((*FIELD.glob(f"{name}.json"), *FIELD.glob(f"{name}-[0-9].json")))
    ]
    assert paths
    return [parse(orjson.loads(path.read_bytes()), contracts, NOW / 1000) for path in paths]


async def heard(database: Database, *told: Delivery) -> Services:
    """Return a service that was told some deliveries, and committed each by itself."""
    services = await Services.on(database, NOW)
    for delivery in told:
        await services.log.accept(delivery, "chainhook")
        await services.commit()
    assert await verify(database, services.analytics, lambda *_: None) == []
    await services.analytics.status()
    return services


async def badges(services: Services) -> dict[str, str]:
    """Return the badges that are issued, and to whom."""
    query = {"live": True, "type": "badge_issued"}
    rows = await services.database["events_1"].find(query).to_list(None)
    return {row["badge"]: row["user"] for row in rows}


async def blocks(services: Services) -> list[tuple[int, str]]:
    """Return the canonical blocks."""
    rows = await services.database["blocks_1"].find({"canonical": True}).to_list(None)
    return sorted((row["height"], row["_id"]) for row in rows)


async def refused(services: Services) -> dict[str, int]:
    status = await services.analytics.status()
    return {each.reason: each.count for each in status.refused}


async def test_the_sibling_that_is_built_on_is_canonical(database: Database) -> None:
    told = deliveries("siblings-two-applies-child-of-first")
    services = await heard(database, *told)
    assert sorted(await badges(services)) == ["1", "2"]
    a, b, _ = (delivery.apply[0] for delivery in told)
    assert (await badges(services))["1"] == a.events[0]["user"] != b.events[0]["user"]


async def test_a_stale_sibling_after_the_child_changes_nothing(database: Database) -> None:
    told = deliveries("siblings-stale-after-child")
    services = await heard(database, *told)
    a = told[0].apply[0]
    assert (await badges(services))["1"] == a.events[0]["user"]
    stale = told[2].apply[0]
    assert stale.hash not in {name for _, name in await blocks(services)}


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0)])
async def test_a_stale_fork_does_not_stand(database: Database, order: tuple[int, ...]) -> None:
    told = deliveries("stale-fork-3")
    services = await heard(database, *(told[place] for place in order))
    right = [block.hash for block in (*told[0].apply, *told[2].apply)]
    assert [name for _, name in await blocks(services)] == right


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0)])
async def test_the_change_of_the_higher_block_holds(
    database: Database, order: tuple[int, ...]
) -> None:
    """Its time is the earlier one."""
    told = deliveries("backwards-update")
    services = await heard(database, *(told[place] for place in order))
    assert told[2].apply[0].at < told[1].apply[0].at
    row = await database["events_1"].find_one({"type": "badge_issued", "live": True})
    community = await database["communities_1"].find_one({})
    assert row
    assert community
    assert (row["facts"]["category"], row["facts"]["level"]) == (5, 4)
    last = next(e for e in told[2].apply[0].events if e["type"] == "community_transferred")
    assert community["owner"] == last["user"]
    await services.reader.close()


async def answers(services: Services) -> dict[str, object]:
    """Return what all roots answer, but for the position."""
    view = await services.analytics.view(Question())
    issuance, community = IssuanceMetrics(view=view), CommunityMetrics(view=view)
    return {
        "issued": await issuance.total_badges_issued(),
        "series": await issuance.monthly_issuance(),
        "members": await community.total_community_members(),
        "window": (view.window.start, view.window.end),
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("level-2e40", Refusal.MALFORMED_VALUE),
        ("height-2e33", Refusal.HEIGHT_OUT_OF_RANGE),
        ("ts-0-and-u32max", Refusal.TIME_OUT_OF_RANGE),
        ("ts-year-9999", Refusal.TIME_OUT_OF_RANGE),
    ],
)
async def test_an_absurd_value_is_refused_and_changes_nothing(
    database: Database, name: str, reason: Refusal
) -> None:
    services = await heard(database, *deliveries("base"))
    before = await answers(services)
    for delivery in deliveries(name):
        await services.log.accept(delivery, "chainhook")
    await services.commit()
    assert await answers(services) == before
    assert (await refused(services)).get(reason, 0) >= 1
    assert await verify(database, services.analytics, lambda *_: None) == []


async def test_an_absurd_badge_id_is_a_badge_and_no_certain_gap(database: Database) -> None:
    services = await heard(database, *deliveries("base", "badge-id-5e9"))
    assert "5000000000" in await badges(services)
    (gap,) = (await services.analytics.status()).gaps
    assert (gap.missing, gap.highest, gap.implausible) == (0, "5000000000", 1)


async def test_what_was_seen_does_not_widen_what_there_is_after_a_rollback(
    database: Database,
) -> None:
    """All time begins with the earliest event that stands."""
    services = await heard(database, *deliveries("base"))
    before = await answers(services)
    (base,) = deliveries("base")
    (block,) = [replace(each, height=900, hash="0x9", at=1_609_459_200_000, parent="0x8",
                        events=[{**event, "id": f"x{event['id']}", "badge": "77"}
                                for event in each.events if event["type"] == "badge_issued"])
                for each in base.apply[-1:]]  # fmt: skip
    await services.log.accept(Delivery(apply=[block]), "chainhook")
    await services.commit()
    assert (await answers(services))["window"] != before["window"] or not block.events
    gone = Delivery(rollback=[type(base.apply[0])(block.height, block.hash, block.parent, 0)])  # type: ignore[list-item]  # it has what is read
    await services.log.accept(gone, "chainhook")
    await services.commit()
    assert await answers(services) == before


async def test_ids_that_hold_separators_are_told_apart(database: Database) -> None:
    """Communities `x` and `x:y`, members `z` of `x:y` and `y:z` of `x`."""
    told = json.loads((FIELD / "member-colon.json").read_text())
    services = await Services.on(database, NOW)
    events: list[Any] = []
    for number, each in enumerate(told):
        ((kind, fields),) = each.items()
        people = {"owner": "user", "member": "user"}
        event = {people.get(name, name): value for name, value in fields.items()}
        kind = {"communityCreated": "community_created", "memberAdded": "member_added"}[kind]
        events.append({**event, "type": kind, "id": identity("api", number), "at": NOW - 1000})
        events[-1].pop("occurredAt", None)
    await services.log.accept(Delivery(events=events), "api")
    await services.commit()
    assert await verify(database, services.analytics, lambda *_: None) == []
    members = [event for event in events if event["type"] == "member_added"]
    rows = await database["events_1"].find({"type": "member_added", "live": True}).to_list(None)
    assert len(rows) == len(members) == 2


async def test_a_redeployment_swallows_nothing(database: Database) -> None:
    services = await heard(database, *deliveries("redeploy", contracts=BOTH))
    second = f"1@{SECOND.passport_nft}"
    assert await badges(services) == {"1": FIRST, second: SECOND_USER}
    assert (await services.analytics.status()).gaps == []


async def test_an_untrusted_redeployment_is_refused_and_counted(database: Database) -> None:
    services = await heard(database, *deliveries("redeploy"))
    assert await badges(services) == {"1": FIRST}
    assert (await refused(services))[Refusal.UNTRUSTED_CONTRACT] == 1


async def test_a_call_gives_the_badge_its_community(database: Database) -> None:
    services = await heard(database, *deliveries("mint-args-community"))
    row = await database["events_1"].find_one({"type": "badge_issued", "live": True})
    template = await database["templates_1"].find_one({})
    assert row
    assert template
    assert (row["community"], template["community"]) == ("1", "1")
    await services.reader.close()


async def test_members_of_unknown_communities_wait(database: Database) -> None:
    services = await heard(database, *deliveries("base"))
    before = await answers(services)
    assert before["members"] == 2, "the creator, and the one who was added"
    (told,) = deliveries("member-unknown-community")
    await services.log.accept(told, "chainhook")
    await services.commit()
    assert (await answers(services))["members"] == 2
    assert await verify(database, services.analytics, lambda *_: None) == []
    status = await services.analytics.status()
    assert {each.reason: each.count for each in status.waiting} == {
        Ineffective.COMMUNITY_UNKNOWN: 2
    }
