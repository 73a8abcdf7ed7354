"""Transactions of the PassportX contracts, written as Chainhook writes them, in four encodings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.clarity import Principal, Some, Value, encode_hex
from ingest.contracts import Contracts
from services.events import Delivery, Event

DEPLOYER = Principal("ST1PQHQKV0RJXZFY1DGX8MNSNYVE3VGZJSRTPGZGM")
ALICE = Principal("STGSR7HVKAXSDDEC6QHCCGNC319HF15MH9X94DEK")
BOB = Principal("ST3JKVV7V3NTG5XH73FN87PGJ0071Z1HD9HTWKG78")
CONTRACTS = Contracts.of("testnet", DEPLOYER)

BLOCK = "0x" + "b1" * 32
PARENT = "0x" + "a0" * 32
TXID = "0x" + "7a" * 32

Json = dict[str, Any]


@dataclass(frozen=True)
class Print:
    """A print of a contract."""

    contract: str
    value: Mapping[str, Value]


@dataclass(frozen=True)
class Token:
    """A badge's token, minted or burned."""

    token: int
    holder: str
    burned: bool = False
    asset: str = CONTRACTS.badge_asset


@dataclass(frozen=True)
class Transaction:
    """A transaction, with its events in the order of their positions."""

    events: Sequence[Print | Token] = ()
    contract: str = CONTRACTS.badge_issuer
    function: str = "mint-badge"
    arguments: Sequence[Value] = ()
    succeeded: bool = True
    sender: str = DEPLOYER
    txid: str = TXID


def repr_v1(value: Value) -> str:
    """Return an argument as 1.x writes it."""
    if isinstance(value, Some):
        return f"(some {repr_v1(value.value)})"
    if value is None:
        return "none"
    return f"u{value}" if isinstance(value, int) else str(value)


def event_v1(event: Print | Token, position: int, *, raw: bool) -> Json:
    """Return an entry of `receipt.events`."""
    data: Json
    if isinstance(event, Print):
        kind, data = "SmartContractEvent", {"contract_identifier": event.contract, "topic": "print"}
        data |= {"raw_value": encode_hex(dict(event.value))} if raw else {"value": event.value}
    else:
        kind = "NFTBurnEvent" if event.burned else "NFTMintEvent"
        data = {"sender" if event.burned else "recipient": event.holder}
        if raw:
            data |= {"asset_identifier": event.asset, "raw_value": encode_hex(event.token)}
        else:
            data |= {"asset_class_identifier": event.asset, "asset_identifier": event.token}
    return {"type": kind, "data": data, "position": {"index": position}}


def v1(*transactions: Transaction, raw: bool = True) -> Json:
    """Return a delivery of Chainhook 1.x with one block; the receipts are not in order."""
    written = [
        {
            "transaction_identifier": {"hash": each.txid},
            "operations": [],
            "metadata": {
                "success": each.succeeded,
                "sender": each.sender,
                "kind": {
                    "type": "ContractCall",
                    "data": {
                        "contract_identifier": each.contract,
                        "method": each.function,
                        "args": [repr_v1(argument) for argument in each.arguments],
                    },
                },
                "receipt": {
                    "events": [
                        event_v1(event, index, raw=raw) for index, event in enumerate(each.events)
                    ][::-1]
                },
                "position": {"index": position},
            },
        }
        for position, each in enumerate(transactions)
    ]
    return {"apply": [block(written)], "rollback": [], "chainhook": {"uuid": "1"}}


def operation_v2(event: Print | Token, index: int, *, raw: bool) -> Json:
    """Return an entry of `operations`."""
    operation: Json = {"operation_identifier": {"index": index}, "status": "success"}
    if isinstance(event, Print):
        text = encode_hex(dict(event.value))
        value = text if raw else {"hex": text, "repr": "(tuple)"}
        metadata = {"contract_identifier": event.contract, "topic": "print", "value": value}
        return operation | {"type": "contract_log", "metadata": metadata}
    token = {
        "token_type": "nft",
        "asset_identifier": event.asset,
        "value": encode_hex(event.token) if raw else f"u{event.token}",
    }
    return operation | {
        "type": "token_burn" if event.burned else "token_mint",
        "account": {"address": event.holder},
        "amount": {"value": "1", "currency": {"metadata": token}},
    }


def v2(*transactions: Transaction, raw: bool = True, network: str = "testnet") -> Json:
    """Return a delivery of Chainhook 2.0 with one block."""
    written = []
    for position, each in enumerate(transactions):
        arguments = [{"hex": encode_hex(each_argument)} for each_argument in each.arguments]
        call = {
            "contract_identifier": each.contract,
            "function_name": each.function,
            "args": arguments,
        }
        operations: list[Json] = [
            {"type": "fee", "operation_identifier": {"index": 0}},
            {"type": "contract_call", "operation_identifier": {"index": 1}, "metadata": call},
        ]
        for index, event in enumerate(each.events):
            operations.append(operation_v2(event, index + 2, raw=raw))
        written.append(
            {
                "transaction_identifier": {"hash": each.txid},
                "operations": operations,
                "metadata": {
                    "status": "success" if each.succeeded else "abort_by_post_condition",
                    "sender_address": each.sender,
                    "position": {"index": position},
                },
            }
        )
    body = {"chain": "stacks", "network": network, "apply": [block(written)], "rollback": []}
    return {"event": body, "chainhook": {"uuid": "2"}}


def block(transactions: list[Json]) -> Json:
    """Return a block as both generations write it."""
    return {
        "block_identifier": {"index": 101, "hash": BLOCK},
        "parent_block_identifier": {"index": 100, "hash": PARENT},
        "timestamp": 1_767_085_200,
        "transactions": transactions,
    }


ENCODINGS: Mapping[str, Callable[..., Json]] = {
    "v1-raw": lambda *each: v1(*each, raw=True),
    "v1-decoded": lambda *each: v1(*each, raw=False),
    "v2-raw": lambda *each: v2(*each, raw=True),
    "v2-decoded": lambda *each: v2(*each, raw=False),
}


def minted(badge: int, **others: Value) -> Print:
    """Return the badge issuer's print of one mint."""
    fields: dict[str, Value] = {
        "event": "badge-minted",
        "badge-id": badge,
        "recipient": ALICE,
        "template-id": 1,
        "issuer": DEPLOYER,
        "level": 2,
        "category": 3,
    }
    return Print(CONTRACTS.badge_issuer, fields | others)


def events(delivery: Delivery) -> list[Event]:
    """Return the events of a delivery."""
    return [event for block in delivery.apply for event in block.events]


def told(delivery: Delivery) -> list[dict[str, object]]:
    """Return the events of a delivery without what says where they happened."""
    unplaced = {"id", "index", "tx"}
    return [
        {key: value for key, value in event.items() if key not in unplaced}
        for event in events(delivery)
    ]
