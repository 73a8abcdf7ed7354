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
    """The community manager does not mint; what it may print one day is shown as unknown."""
    mint = Print(MANAGER, minted(1).value)
    delivery = parse(encode(Transaction([mint, Print(ISSUER, {"event": "renamed"})])), CONTRACTS)
    assert (told(delivery), delivery.refused) == ([], {Refusal.UNKNOWN_EVENT: 2})


@pytest.mark.parametrize(
    "fields",
    [
        {"badge-id": -1},
        {"badge-id": ALICE},
        {"recipient": "nobody"},
        {"recipient": 5},
        {"level": 2**64},
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
    assert event["id"] == identity("devnet", BLOCK, TXID, ISSUER, "badge-minted", 0)


@pytest.mark.parametrize("payload", [None, 5, "apply", [], {}, {"event": 5}, {"event": {}}])
def test_unknown_payloads_are_refused(payload: Any) -> None:
    """None of them is an outage."""
    assert parse(payload, CONTRACTS) == Delivery([], [], (), {Refusal.UNKNOWN_SHAPE: 1})


def test_unknown_blocks_and_transactions_are_refused() -> None:
    """The others of their delivery are told."""
    payload = v1(Transaction([minted(1)]), Transaction([minted(2)]))
    payload["apply"][0]["transactions"][0]["transaction_identifier"] = None
    payload["apply"] += [{}, None, payload["apply"][0] | {"timestamp": 2**40}]
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
