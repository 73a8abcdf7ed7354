"""Chainhook deliveries become the events that they tell of, whatever their encoding."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingest.chainhook import Contracts, Refusal, parse
from ingest.clarity import Principal, Some, Value
from services.events import BlockRef, Delivery, identity
from tests.chainhook_payloads import (
    ALICE,
    BLOCK,
    BOB,
    CONTRACTS,
    DEPLOYER,
    ENCODINGS,
    TXID,
    Json,
    Print,
    Token,
    Transaction,
    events,
    minted,
    told,
    v1,
)

SYNTHETIC = Path(__file__).parent / "fixtures" / "synthetic-passportx"
STEPS = [path.name.removeprefix("v1-raw-") for path in sorted(SYNTHETIC.glob("v1-raw-*.json"))]
HASHES = {
    3600100: "0xd2fba996319a30f42d24fa0be9d5db0cf66761c5631ec973f59853da04280811",
    3600101: "0x013011679116f9dd840cc1e6f3a187d3775d5fdcfaccc41d635f1aa5d8498890",
}
ISSUER, MANAGER = CONTRACTS.badge_issuer, CONTRACTS.community_manager
Encode = Callable[..., Json]


@pytest.fixture(params=ENCODINGS)
def encode(request: pytest.FixtureRequest) -> Encode:
    """Return what writes transactions as a delivery, in each encoding in turn."""
    return ENCODINGS[request.param]


def synthetic(encoding: str, step: str) -> Delivery:
    """Return what a delivery of the synthetic story tells."""
    return parse(orjson.loads((SYNTHETIC / f"{encoding}-{step}").read_bytes()), CONTRACTS)


def untimed(delivery: Delivery) -> Delivery:
    """Return a delivery without what the generations tell differently of its blocks."""
    return replace(delivery, apply=[replace(block, at=0, burn=None) for block in delivery.apply])


@pytest.mark.parametrize("step", STEPS)
def test_four_encodings_tell_one_story(step: str) -> None:
    """Down to the identity and the index of every event."""
    reference = synthetic("v1-raw", step)
    assert synthetic("v1-decoded", step) == reference
    assert synthetic("v2-decoded", step) == synthetic("v2-raw", step)
    assert untimed(synthetic("v2-raw", step)) == untimed(reference)


def test_block_time_is_the_block_s_own_where_it_is_told() -> None:
    """Only 1.x tells it; 2.0 gives the time of the Bitcoin block, 40 s before in this story."""
    assert synthetic("v1-raw", STEPS[0]).apply[0].at == 1_767_085_240_000
    assert synthetic("v2-raw", STEPS[0]).apply[0].at == 1_767_085_200_000


def test_setup_tells_template_community_and_member() -> None:
    """The first delivery of the story, spelled out."""
    delivery = synthetic("v1-raw", STEPS[0])
    owner = "ST2A8Q0RW7Y2P6N26QH8GAWSBKSVPHGBN9MSPFD9P"
    assert told(delivery) == [
        {
            "type": "template_registered",
            "template": "1",
            "name": "Code Contributor",
            "category": 3,
            "level": 2,
            "by": DEPLOYER,
        },
        {"type": "community_created", "community": "1", "user": owner, "name": "Open Source"},
        {"type": "member_added", "community": "1", "user": ALICE},
    ]
    (block,) = delivery.apply
    assert (block.height, block.hash) == (3600100, HASHES[3600100])
    assert block.parent == "0x920660fe6645aa22c4a7839dd9fb104176e9f11a069b6d87d4a08e65d12eb160"
    assert [event["index"] for event in block.events] == [0, 1 << 24, 2 << 24]
    assert (delivery.rollback, delivery.events, delivery.refused) == ([], (), {})


def test_one_mint_is_one_event() -> None:
    """The token, the token contract's print and the issuer's print are the same mint."""
    txids = [
        "0xfc2ab5117d8846d30a84dcd66c4c3a00757aa5dc0794e9d9f597172c39055b3f",
        "0x6a10650f9626f59a4a43399ddd4b3f967164dc56b605f72091126406e0675a3d",
    ]
    mint = {"type": "badge_issued", "template": "1", "issuer": DEPLOYER, "category": 3, "level": 2}
    place = ("testnet", HASHES[3600101])
    assert events(synthetic("v1-raw", STEPS[1])) == [
        mint
        | {
            "id": identity(*place, txid, "badge_issued", str(position + 1)),
            "index": position << 24,
            "tx": txid,
            "badge": str(position + 1),
            "user": user,
        }
        for position, (txid, user) in enumerate(zip(txids, (ALICE, BOB), strict=True))
    ]


def test_a_reorganisation_takes_back_and_applies() -> None:
    """The surviving mint is another event, for it stands in another block."""
    before, after = synthetic("v1-raw", STEPS[1]), synthetic("v1-raw", STEPS[2])
    assert after.rollback == [BlockRef(3600101, HASHES[3600101], HASHES[3600100])]
    assert [block.height for block in after.apply] == [3600101, 3600102]
    assert after.apply[1].parent == after.apply[0].hash
    assert [event["badge"] for event in events(after)] == ["2", "1"]
    assert not {event["id"] for event in events(before)} & {event["id"] for event in events(after)}


def test_a_failed_mint_is_counted_as_refused() -> None:
    """Its block is told all the same."""
    delivery = synthetic("v1-raw", STEPS[3])
    assert [(block.height, block.events) for block in delivery.apply] == [(3600103, [])]
    assert delivery.refused == {Refusal.FAILED_TRANSACTION: 1}


def test_a_print_revokes_softly_and_can_be_taken_back() -> None:
    """The rollback names the block that the revocation stands in."""
    revocation, rollback = synthetic("v1-raw", STEPS[4]), synthetic("v1-raw", STEPS[5])
    assert told(revocation) == [
        {"type": "badge_revoked", "badge": "1", "by": DEPLOYER, "hard": False}
    ]
    (block,) = revocation.apply
    assert rollback == Delivery([BlockRef(block.height, block.hash, block.parent)], [], (), {})


@pytest.mark.parametrize(
    ("contract", "fields", "expected"),
    [
        (
            ISSUER,
            {
                "event": "badge-metadata-updated",
                "badge-id": 7,
                "old-level": 1,
                "new-level": 4,
                "old-category": 2,
                "new-category": 5,
                "updated-by": DEPLOYER,
            },
            {"type": "badge_updated", "badge": "7", "level": 4, "category": 5},
        ),
        (
            MANAGER,
            {
                "event": "community-ownership-transferred",
                "community-id": 2**128 - 1,
                "old-owner": ALICE,
                "new-owner": Principal(f"{BOB}.dao"),
            },
            {"type": "community_transferred", "community": str(2**128 - 1), "user": f"{BOB}.dao"},
        ),
        (
            MANAGER,
            {"event": "community-deactivated", "community-id": 3},
            {"type": "community_deactivated", "community": "3"},
        ),
        (
            MANAGER,
            {"event": "community-created", "community-id": 3, "owner": BOB, "name": "é" * 300},
            {"type": "community_created", "community": "3", "user": BOB, "name": "é" * 256},
        ),
    ],
)
def test_prints_become_events(
    encode: Encode, contract: str, fields: dict[str, Value], expected: dict[str, object]
) -> None:
    """Those that the synthetic story does not tell."""
    assert told(parse(encode(Transaction([Print(contract, fields)])), CONTRACTS)) == [expected]


def test_settings_of_a_community_are_known_and_ignored(encode: Encode) -> None:
    """They change no figure, and are no mistake either."""
    print_ = Print(MANAGER, {"event": "community-settings-updated", "community-id": 1})
    delivery = parse(encode(Transaction([print_])), CONTRACTS)
    assert (told(delivery), delivery.refused) == ([], {})


def batch(badges: list[Value], recipients: list[Value], templates: list[Value]) -> Print:
    """Return the badge issuer's print of several mints."""
    fields: dict[str, Value] = {
        "event": "batch-badges-minted",
        "batch-id": 1,
        "issuer": DEPLOYER,
        "recipients": recipients,
        "template-ids": templates,
        "badge-ids": badges,
        "count": len(badges),
    }
    return Print(ISSUER, fields)


def test_a_batch_is_one_event_a_badge(encode: Encode) -> None:
    """Without category and level, which it does not print."""
    tokens = [Token(4, ALICE), Token(5, BOB)]
    delivery = parse(encode(Transaction([*tokens, batch([4, 5], [ALICE, BOB], [1, 2])])), CONTRACTS)
    issued = {"type": "badge_issued", "issuer": DEPLOYER}
    assert told(delivery) == [
        issued | {"badge": "4", "user": ALICE, "template": "1"},
        issued | {"badge": "5", "user": BOB, "template": "2"},
    ]
    place = ("testnet", BLOCK, TXID, "badge_issued")
    assert [(event["id"], event["index"]) for event in events(delivery)] == [
        (identity(*place, "4"), 0),
        (identity(*place, "5"), 1),
    ]


def test_a_batch_of_unequal_lists_is_refused(encode: Encode) -> None:
    """And so is that batch only."""
    broken = batch([4, 5], [ALICE], [1, 1])
    delivery = parse(encode(Transaction([broken, minted(6)])), CONTRACTS)
    assert [event["badge"] for event in events(delivery)] == ["6"]
    assert delivery.refused == {Refusal.MALFORMED_VALUE: 1}


def test_a_token_without_a_print_is_a_mint(encode: Encode) -> None:
    """The contracts from before 2025-12-30 do not print."""
    delivery = parse(encode(Transaction([Token(9, BOB)])), CONTRACTS)
    assert told(delivery) == [{"type": "badge_issued", "badge": "9", "user": BOB}]
    (event,) = events(delivery)
    assert event["id"] == identity("testnet", BLOCK, TXID, "badge_issued", "9")


def test_a_burned_token_is_a_hard_revocation(encode: Encode) -> None:
    """Whatever else its transaction prints."""
    delivery = parse(encode(Transaction([minted(1), Token(1, BOB, burned=True)])), CONTRACTS)
    assert told(delivery)[1:] == [{"type": "badge_revoked", "badge": "1", "hard": True}]


def test_other_tokens_are_not_badges(encode: Encode) -> None:
    """A class of the same name in another contract is another class."""
    other = f"{ALICE}.passport-nft::passport-badge"
    mints = [Token(1, BOB, asset=other), Token(1, BOB, burned=True, asset=other)]
    delivery = parse(encode(Transaction(mints)), CONTRACTS)
    assert (told(delivery), delivery.refused) == ([], {})


@pytest.mark.parametrize("mint", [minted(1), Token(1, ALICE), batch([1], [ALICE], [1])])
def test_passport_core_tells_the_community(encode: Encode, mint: Print | Token) -> None:
    """Of the badge that its call mints, only in the arguments of the call."""
    call = Transaction(
        [mint],
        contract=CONTRACTS.passport_core,
        function="create-passport-badge",
        arguments=[ALICE, 1, 3],
    )
    assert [event["community"] for event in told(parse(encode(call), CONTRACTS))] == ["3"]
    for other in (replace(call, contract=ISSUER), replace(call, function="create-passport")):
        assert "community" not in told(parse(encode(other), CONTRACTS))[0]
    lost = parse(encode(replace(call, arguments=[ALICE, 1])), CONTRACTS)
    assert "community" not in told(lost)[0]
    assert lost.refused == {Refusal.MALFORMED_VALUE: 1}


def test_equal_prints_are_in_the_order_of_positions(encode: Encode) -> None:
    """Which is not that of 1.x receipts."""
    delivery = parse(encode(Transaction([minted(1), minted(2)])), CONTRACTS)
    place = ("testnet", BLOCK, TXID, "badge_issued")
    assert [(event["badge"], event["index"], event["id"]) for event in events(delivery)] == [
        ("1", 0, identity(*place, "1")),
        ("2", 1, identity(*place, "2")),
    ]


def test_an_event_is_the_same_whatever_part_of_its_transaction_is_shown(encode: Encode) -> None:
    """The mint alone, the second print alone, and all of it with the call."""
    parts: list[list[Print | Token]] = [
        [Token(2, BOB)],
        [minted(2)],
        [minted(1), Token(2, BOB), minted(2)],
    ]
    told_in_parts = [events(parse(encode(Transaction(part)), CONTRACTS))[-1] for part in parts]
    assert len({event["id"] for event in told_in_parts}) == 1
    assert {event["badge"] for event in told_in_parts} == {"2"}


def test_of_equal_updates_the_last_one_holds(encode: Encode) -> None:
    """The level goes up, down, and up again within one transaction."""
    levels = [4, 2, 4]
    prints = [
        Print(ISSUER, {"event": "badge-metadata-updated", "badge-id": 1, "new-level": level})
        for level in levels
    ]
    found = events(parse(encode(Transaction(prints)), CONTRACTS))
    assert [event["level"] for event in found] == [2, 4]


@pytest.mark.parametrize(
    ("function", "place", "made"),
    [
        ("mint-badge", 2, minted(1)),
        (
            "create-badge-template",
            4,
            Print(ISSUER, {"event": "template-created", "template-id": 1}),
        ),
    ],
)
@pytest.mark.parametrize(
    ("argument", "community"), [(3, "3"), (Some(3), "3"), (None, None), ((), None)]
)
def test_a_call_of_the_badge_issuer_may_tell_the_community(
    encode: Encode, function: str, place: int, made: Print, argument: Any, community: str | None
) -> None:
    """In a version of the contracts that takes it; another has fewer arguments."""
    arguments = [ALICE] * place + ([] if argument == () else [argument])
    call = Transaction([made], function=function, arguments=arguments)
    delivery = parse(encode(call), CONTRACTS)
    assert [event.get("community") for event in told(delivery)] == [community]
    assert delivery.refused == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bitcoin_anchor_block_identifier", {"index": 850_000, "hash": "0x1"}),
        ("burn_block_identifier", {"index": 850_000}),
        ("burn_block_height", 850_000),
    ],
)
def test_the_height_of_bitcoin_is_kept(encode: Encode, key: str, value: Any) -> None:
    payload = encode(Transaction([minted(1)]))
    (block,) = payload.get("apply") or payload["event"]["apply"]
    block["metadata"] = {key: value}
    assert [each.burn for each in parse(payload, CONTRACTS).apply] == [850_000]
    block["metadata"] = {key: {"index": -1}}
    assert [each.burn for each in parse(payload, CONTRACTS).apply] == [None]


SECOND = Contracts.of(
    "testnet", DEPLOYER, badge_issuer="badge-issuer-v2", passport_nft="passport-nft-v2"
)


def test_what_a_further_deployment_numbers_is_told_apart(encode: Encode) -> None:
    """Its community manager is that of the first one, whose ids stay as they are."""
    both = replace(CONTRACTS, further=(SECOND,))
    again = Print(SECOND.badge_issuer, minted(1).value)
    founded = Print(MANAGER, {"event": "community-created", "community-id": 1, "owner": BOB})
    burned = Token(1, BOB, burned=True, asset=SECOND.badge_asset)
    delivery = parse(encode(Transaction([minted(1), again, founded, burned])), both)
    nft, issuer = SECOND.passport_nft, SECOND.badge_issuer
    assert [event.get("badge", event.get("community")) for event in told(delivery)] == [
        *("1", f"1@{nft}", "1", f"1@{nft}")
    ]
    assert [event.get("template") for event in told(delivery)][:2] == ["1", f"1@{issuer}"]
    one = parse(encode(Transaction([minted(1), again])), CONTRACTS)
    assert [event["badge"] for event in told(one)] == ["1"]
    assert one.refused == {Refusal.UNTRUSTED_CONTRACT: 1}


def test_a_long_contract_name_gives_a_short_scope() -> None:
    """An id has 128 characters at most, and its number may have 39."""
    long = Contracts.of("testnet", DEPLOYER, passport_nft="n" * 128)
    assert len(f"{2**128 - 1}{CONTRACTS.scope('passport_nft', long.passport_nft)}") <= 128


def test_without_positions_the_list_is_the_order() -> None:
    """Positions are absent before 2024."""
    payload = v1(Transaction([minted(1), minted(2)]))
    for event in payload["apply"][0]["transactions"][0]["metadata"]["receipt"]["events"]:
        del event["position"]
    assert [event["badge"] for event in events(parse(payload, CONTRACTS))] == ["2", "1"]


def test_hashes_are_normalised() -> None:
    """One spelling, whoever wrote them."""
    payload = v1(Transaction([minted(1)], txid=TXID[2:].upper()))
    payload["apply"][0]["block_identifier"]["hash"] = BLOCK.upper().removeprefix("0X")
    assert parse(payload, CONTRACTS) == parse(v1(Transaction([minted(1)])), CONTRACTS)
