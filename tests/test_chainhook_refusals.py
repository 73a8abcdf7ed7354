"""What a Chainhook delivery holds that is not believed is counted by its reason."""

from collections.abc import Callable
from typing import Any

import pytest

from ingest.chainhook import Contracts, Refusal, parse
from ingest.clarity import Value
from services.events import BlockRef, Delivery, identity
from tests.chainhook_payloads import (
    ALICE,
    BLOCK,
    CONTRACTS,
    DEPLOYER,
    ENCODINGS,
    PARENT,
    TXID,
    Json,
    Print,
    Token,
    Transaction,
    events,
    minted,
    told,
    v1,
    v2,
)

ISSUER, MANAGER = CONTRACTS.badge_issuer, CONTRACTS.community_manager

Encode = Callable[..., Json]


@pytest.fixture(params=ENCODINGS)
def encode(request: pytest.FixtureRequest) -> Encode:
    """Return what writes transactions as a delivery, in each encoding in turn."""
    return ENCODINGS[request.param]


def test_failed_transactions_tell_nothing(encode: Encode) -> None:
    """An abort by a post-condition keeps its events."""
    failed = Transaction([minted(1), Token(1, ALICE)], succeeded=False)
    delivery = parse(encode(failed, Transaction([minted(2)])), CONTRACTS)
    assert [event["badge"] for event in events(delivery)] == ["2"]
    assert delivery.refused == {Refusal.FAILED_TRANSACTION: 1}


def test_impostors_are_counted_and_others_ignored(encode: Encode) -> None:
    """Anybody can deploy a contract that prints what ours print, or something else."""
    impostor = Print(f"{ALICE}.badge-issuer", minted(1).value)
    other = Print(f"{ALICE}.shop", {"event": "sold", "note": "an event"})
    delivery = parse(encode(Transaction([impostor, other])), CONTRACTS)
    assert (told(delivery), delivery.refused) == ([], {Refusal.UNTRUSTED_CONTRACT: 1})


@pytest.mark.parametrize("topic", ["printed", None])
def test_only_prints_are_read(topic: str | None) -> None:
    """A contract's event of another topic tells nothing."""
    old, new = v1(Transaction([minted(1)])), v2(Transaction([minted(1)]))
    old["apply"][0]["transactions"][0]["metadata"]["receipt"]["events"][0]["data"]["topic"] = topic
    new["event"]["apply"][0]["transactions"][0]["operations"][2]["metadata"]["topic"] = topic
    assert [told(parse(payload, CONTRACTS)) for payload in (old, new)] == [[], []]


def test_contracts_are_trusted_for_their_own_events_only(encode: Encode) -> None:
    """The community manager does not mint; what it may print one day is counted by its name."""
    mint = Print(MANAGER, minted(1).value)
    delivery = parse(encode(Transaction([mint, Print(ISSUER, {"event": "renamed"})])), CONTRACTS)
    assert told(delivery) == []
    assert delivery.refused == {"unsupported:badge-minted": 1, "unsupported:renamed": 1}


def test_what_no_figure_depends_on_is_counted_by_its_name(encode: Encode) -> None:
    """Of each trusted contract; a name that is none, or one too many, by no name."""
    prints = [
        Print(MANAGER, {"event": "community-member-removed", "community-id": 1}),
        Print(CONTRACTS.passport_core, {"event": "paused"}),
        Print(CONTRACTS.passport_nft, {"event": "passport-badge-minted"}),
        Print(CONTRACTS.passport_nft, {"event": "uri-set"}),
        Print(ISSUER, {"event": "a.b"}),
        Print(ISSUER, {"event": "$x"}),
        Print(ISSUER, {"note": "no event"}),
        *(Print(ISSUER, {"event": f"name-{number}"}) for number in range(30)),
    ]
    refused = parse(encode(Transaction(prints)), CONTRACTS).refused
    assert {name for name in refused if not name.startswith("unsupported:name-")} == {
        *("unsupported:community-member-removed", "unsupported:paused", "unsupported:uri-set"),
        Refusal.UNKNOWN_EVENT,
    }
    assert len(refused) == 21
    assert sum(refused.values()) == 36


def test_a_transfer_of_a_badge_is_counted() -> None:
    old, new = v1(Transaction([Token(1, ALICE)])), v2(Transaction([Token(1, ALICE)]))
    old["apply"][0]["transactions"][0]["metadata"]["receipt"]["events"][0]["type"] = (
        "NFTTransferEvent"
    )
    new["event"]["apply"][0]["transactions"][0]["operations"][2]["type"] = "token_transfer"
    for payload in (old, new):
        delivery = parse(payload, CONTRACTS)
        assert (told(delivery), delivery.refused) == ([], {"unsupported:nft-transfer": 1})


NOW = 1_790_000_000


@pytest.mark.parametrize(
    "seconds",
    [
        *(0, 1, -1, 2**31, 2**32 - 1, 1_609_459_199, NOW * 1000, NOW * 10**6),
        *(NOW + 86_401, NOW + 365 * 86_400, 253_402_300_799, 2**53, 2**63, 2**128),
    ],
)
@pytest.mark.parametrize("is_own", [True, False])
def test_a_block_of_an_absurd_time_is_refused(seconds: int, is_own: bool) -> None:
    """Its own time or that of its Bitcoin block; the other blocks of its delivery are taken."""
    payload = v1(Transaction([minted(1)]))
    (block,) = payload["apply"]
    absurd = {
        **block,
        **({"metadata": {"block_time": seconds}} if is_own else {"timestamp": seconds}),
    }
    payload["apply"] = [absurd, block]
    delivery = parse(payload, CONTRACTS, NOW)
    assert len(delivery.apply) == 1
    assert delivery.refused == {Refusal.TIME_OUT_OF_RANGE: 1}


@pytest.mark.parametrize("seconds", [1_609_459_200, NOW, NOW + 86_400])
def test_a_block_within_reach_is_taken(seconds: int) -> None:
    payload = v1(Transaction([minted(1)]))
    payload["apply"][0]["timestamp"] = seconds
    assert parse(payload, CONTRACTS, NOW).apply[0].at == seconds * 1000


@pytest.mark.parametrize("height", [-1, 2**31, 2**33, 2**53, 2**63, 2**128])
def test_a_block_of_an_absurd_height_is_refused(height: int) -> None:
    payload = v1(Transaction([minted(1)]))
    payload["apply"][0]["block_identifier"]["index"] = height
    payload["rollback"] = payload["apply"]
    delivery = parse(payload, CONTRACTS)
    assert (delivery.apply, delivery.rollback) == ([], [])
    assert delivery.refused == {Refusal.HEIGHT_OUT_OF_RANGE: 2}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", None),
        (" \t\n", None),
        ("\x00\x1f", None),
        ("\u200b\u200d\ufeff", None),
        ("\u202e", None),
        ("a\x00b\u202ec\n d", "a bc d"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("x" * 10_000, "x" * 256),
        ("\u0635\u0628\u0627\u062d", "\u0635\u0628\u0627\u062d"),
    ],
)
def test_a_name_is_what_can_be_seen_of_it(name: str, shown: str | None) -> None:
    print_ = Print(
        MANAGER, {"event": "community-created", "community-id": 1, "owner": ALICE, "name": name}
    )
    (event,) = told(parse(v1(Transaction([print_]), raw=False), CONTRACTS))
    assert event.get("name") == shown


@pytest.mark.parametrize(
    "fields",
    [
        {"badge-id": -1},
        {"badge-id": ALICE},
        {"recipient": "nobody"},
        {"recipient": 5},
        {"level": 2**31},
        {"level": 2**64},
        {"category": 2**127},
        {"template-id": True},
    ],
)
def test_malformed_fields_refuse_their_event(encode: Encode, fields: dict[str, Value]) -> None:
    """And nothing else."""
    delivery = parse(encode(Transaction([minted(1, **fields), minted(2)])), CONTRACTS)
    assert [event["badge"] for event in events(delivery)] == ["2"]
    assert delivery.refused == {Refusal.MALFORMED_VALUE: 1}


@pytest.mark.parametrize("value", ["0x", "0xzz", "0x0c00000001", "0x" + "0a" * 100_000])
def test_malformed_hexadecimal_refuses_its_event(value: str) -> None:
    """Cut short, absurdly nested, or none at all."""
    payload = v1(Transaction([minted(1), minted(2)]))
    receipt = payload["apply"][0]["transactions"][0]["metadata"]["receipt"]
    receipt["events"][0]["data"]["raw_value"] = value
    delivery = parse(payload, CONTRACTS)
    assert [event["badge"] for event in events(delivery)] == ["1"]
    assert delivery.refused == {Refusal.MALFORMED_VALUE: 1}


MAINNET = Contracts.of("mainnet", "SP000000000000000000002Q6VF78")
DEVNET = Contracts.of("devnet", DEPLOYER)


@pytest.mark.parametrize(
    ("payload", "contracts"),
    [
        (v2(Transaction([minted(1)]), network="mainnet"), CONTRACTS),
        (v2(network="mainnet"), DEVNET),
        (v2(), MAINNET),
        (v1(Transaction([minted(1)])), MAINNET),
        (v1(Transaction(sender="SP000000000000000000002Q6VF78")), CONTRACTS),
        ({"apply": [v1()["apply"][0] | {"metadata": {"network": "testnet"}}]}, CONTRACTS),
        ({"event": v2()["event"] | {"chain": "bitcoin"}}, CONTRACTS),
    ],
)
def test_other_networks_are_refused_whole(payload: Json, contracts: Contracts) -> None:
    """Their heights and hashes would orphan our blocks; this includes Bitcoin's."""
    assert parse(payload, contracts) == Delivery([], [], (), {Refusal.WRONG_NETWORK: 1})


@pytest.mark.parametrize("network", ["testnet", "devnet"])
def test_a_devnet_is_delivered_as_a_testnet_too(network: str) -> None:
    """Chainhook 2.0 has no name for it; the identity bears the configured one."""
    (event,) = events(parse(v2(Transaction([minted(1)]), network=network), DEVNET))
    assert event["id"] == identity("devnet", BLOCK, TXID, "badge_issued", "1")


@pytest.mark.parametrize("payload", [None, 5, "apply", [], {}, {"event": 5}, {"event": {}}])
def test_unknown_payloads_are_refused(payload: Any) -> None:
    """None of them is an outage."""
    assert parse(payload, CONTRACTS) == Delivery([], [], (), {Refusal.UNKNOWN_SHAPE: 1})


def test_unknown_blocks_and_transactions_are_refused() -> None:
    """The others of their delivery are told."""
    payload = v1(Transaction([minted(1)]), Transaction([minted(2)]))
    payload["apply"][0]["transactions"][0]["transaction_identifier"] = None
    payload["apply"] += [{}, None, payload["apply"][0] | {"timestamp": "soon"}]
    payload["rollback"] = [{"block_identifier": {"index": 99, "hash": PARENT}}, {"block": 1}]
    delivery = parse(payload, CONTRACTS)
    assert delivery.rollback == [BlockRef(99, PARENT)]
    assert [event["badge"] for event in events(delivery)] == ["2"]
    assert delivery.refused == {Refusal.UNKNOWN_SHAPE: 5}


@pytest.mark.parametrize(
    ("network", "deployer", "name"),
    [
        ("mainnet", DEPLOYER, "badge-issuer"),
        ("testnet", DEPLOYER[:-1], "badge-issuer"),
        ("testnet", DEPLOYER, "badge issuer"),
        ("regtest", DEPLOYER, "badge-issuer"),
    ],
)
def test_contracts_that_cannot_exist_are_refused(network: Any, deployer: str, name: str) -> None:
    """A mistyped setting would look like a chain without badges."""
    with pytest.raises(ValueError, match=r"is not|not one of"):
        Contracts.of(network, deployer, badge_issuer=name)
