"""The four ways in which Chainhook tells the same step of the chain.

The shapes are those of the deliveries in tests/fixtures/synthetic-passportx. A delivery is a tree
of dicts and lists, ready for a JSON encoder.
"""

from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from ingest.clarity import Err, Ok, Principal, Value, encode
from ingest.contracts import Contracts
from ingest.synthetic.model import (
    Block,
    Call,
    Log,
    Print,
    Status,
    Step,
    TokenBurn,
    TokenMint,
    Transaction,
)

Json: TypeAlias = dict[str, Any]
"""Part of a delivery."""

BURN_BLOCK_MS = 600_000
_ARGUMENT_TYPES = {
    "name": "(string-ascii 64)",
    "description": "(string-ascii 256)",
    "role": "(string-ascii 32)",
    "recipients": "(list 50 principal)",
    "template-ids": "(list 50 uint)",
    "recipient": "principal",
    "member": "principal",
    "new-owner": "principal",
}


class Encoding(Enum):
    """A Chainhook generation, and whether it was asked to decode Clarity values."""

    V1_RAW = (1, False)
    V1_DECODED = (1, True)
    V2_RAW = (2, False)
    V2_DECODED = (2, True)

    @property
    def generation(self) -> int:
        """1 or 2."""
        return self.value[0]

    @property
    def decoded(self) -> bool:
        """Whether values are spelled out beside or instead of their serialisation."""
        return self.value[1]


class _Context(NamedTuple):
    contracts: Contracts
    decoded: bool


def deliver(step: Step, contracts: Contracts, encoding: Encoding = Encoding.V1_RAW) -> Json:
    """Return the delivery that tells of `step`."""
    context = _Context(contracts, encoding.decoded)
    if encoding.generation == 1:
        return {
            "apply": [_block_1(block, context) for block in step.apply],
            "rollback": [_block_1(block, context) for block in step.rollback],
            "events": [],
            "chainhook": {
                "uuid": "5d7e4a7c-54d8-4cf0-a3a9-0c4ad2d1a5b1",
                "predicate": {
                    "scope": "print_event",
                    "contract_identifier": contracts.badge_issuer,
                    "contains": "badge-",
                },
                "is_streaming_blocks": True,
            },
        }
    return {
        "event": {
            "apply": [_block_2(block, context) for block in step.apply],
            "rollback": [_block_2(block, context) for block in step.rollback],
            "chain": "stacks",
            "network": "mainnet" if contracts.network == "mainnet" else "testnet",
        },
        "chainhook": {"name": "passportx", "uuid": "5d7e4a7c-54d8-4cf0-a3a9-0c4ad2d1a5b2"},
    }


# Clarity values

_TUPLE, _LIST = encode({}).hex()[:2], encode([]).hex()[:2]


def _hex(value: Value) -> str:
    """Return the serialisation of `value` with 0x."""
    return f"0x{_serialised(value)}"


def _serialised(value: Value) -> str:
    # Put together from remembered parts: a principal costs its checksum, and the same few come
    # again and again.
    match value:
        case dict():
            fields = "".join(_field(name, value[name]) for name in sorted(value))
            return f"{_TUPLE}{len(value):08x}{fields}"
        case list():
            return f"{_LIST}{len(value):08x}{''.join(map(_serialised, value))}"
        case bool() | int() | str():
            return _remembered(value)
    return encode(value).hex()


def _field(name: str, value: Value) -> str:
    return f"{len(name):02x}{_name(name)}{_serialised(value)}"


@lru_cache(maxsize=1 << 17, typed=True)
def _remembered(value: bool | int | str) -> str:
    return encode(value).hex()


@lru_cache(maxsize=256)
def _name(name: str) -> str:
    return name.encode().hex()


def _repr(value: Value, quote: str) -> str:  # noqa: PLR0911 one a type
    """Return `value` as Clarity source; `quote` goes before a principal (1.x writes none)."""
    match value:
        case Ok(inner):
            return f"(ok {_repr(inner, quote)})"
        case Err(inner):
            return f"(err {_repr(inner, quote)})"
        case bool():
            return str(value).lower()
        case int():
            return f"u{value}"
        case Principal():
            return f"{quote}{value}"
        case str():
            return f'"{value}"'
        case list():
            return f"(list {' '.join(_repr(item, quote) for item in value)})"
        case dict():
            fields = (f"({name} {_repr(value[name], quote)})" for name in sorted(value))
            return f"(tuple {' '.join(fields)})"
    raise TypeError(f"the synthetic chain has no {type(value).__name__}")


def _response(transaction: Transaction) -> Ok | Err:
    refused = transaction.status is Status.ABORT_BY_RESPONSE
    return Err(transaction.result) if refused else Ok(transaction.result)


# Chainhook 1.x


def _block_1(block: Block, context: _Context) -> Json:
    # A burn block is older than the Nakamoto blocks that it anchors.
    burned_at = block.at // BURN_BLOCK_MS * BURN_BLOCK_MS
    return {
        "block_identifier": {"index": block.height, "hash": block.hash},
        "parent_block_identifier": {"index": block.height - 1, "hash": block.parent},
        "timestamp": burned_at // 1000,
        "transactions": [_transaction_1(each, context) for each in block.transactions],
        "metadata": {
            "bitcoin_anchor_block_identifier": {
                "index": burned_at // BURN_BLOCK_MS,
                "hash": f"0x{burned_at:064x}",
            },
            "pox_cycle_index": 100,
            "pox_cycle_position": 5,
            "pox_cycle_length": 2100,
            "confirm_microblock_identifier": None,
            "stacks_block_hash": f"0x{block.hash[:1:-1]}",
            "block_time": block.at // 1000,
            "signer_bitvec": None,
            "signer_signature": None,
            "signer_public_keys": None,
            "cycle_number": None,
            "reward_set": None,
            "tenure_height": block.height,
        },
    }


def _transaction_1(transaction: Transaction, context: _Context) -> Json:
    call, place = transaction.call, transaction.place
    arguments = [_repr(value, "") for value in call.args.values()]
    events = [
        _event_1(log, position, context)
        for position, log in enumerate(transaction.logs, place.first_log)
    ]
    return {
        "transaction_identifier": {"hash": call.txid},
        "operations": [],
        "metadata": {
            "success": transaction.status is Status.SUCCESS,
            "raw_tx": "0x00",
            "result": _repr(_response(transaction), ""),
            "sender": call.sender,
            "nonce": 7,
            "fee": 3000,
            "kind": {
                "type": "ContractCall",
                "data": {
                    "contract_identifier": call.contract,
                    "method": call.method,
                    "args": arguments,
                },
            },
            "receipt": {
                "mutated_contracts_radius": [call.contract],
                "mutated_assets_radius": [],
                "contract_calls_stack": [],
                # Real receipts are not in the order of the positions either.
                "events": events[1:] + events[:1],
            },
            "description": f"invoked: {call.contract}::{call.method}({', '.join(arguments)})",
            "sponsor": None,
            "execution_cost": _EXECUTION_COST,
            "position": {"index": place.index},
        },
    }


_EXECUTION_COST = {
    "write_length": 1,
    "write_count": 2,
    "read_length": 708,
    "read_count": 5,
    "runtime": 3008,
}


def _event_1(log: Log, position: int, context: _Context) -> Json:
    data: Json
    match log:
        case Print():
            kind = "SmartContractEvent"
            data = {"contract_identifier": log.contract, "topic": "print"}
            # `Value` is plain JSON here: the story holds no bytes and no optionals.
            data |= {"value": log.value} if context.decoded else {"raw_value": _hex(log.value)}
        case TokenMint():
            kind = "NFTMintEvent"
            data = {**_token_1(log.token, context), "recipient": log.holder}
        case TokenBurn():
            kind = "NFTBurnEvent"
            data = {**_token_1(log.token, context), "sender": log.holder}
    return {"type": kind, "data": data, "position": {"index": position}}


def _token_1(token: int, context: _Context) -> Json:
    asset = context.contracts.badge_asset
    if context.decoded:
        return {"asset_class_identifier": asset, "asset_identifier": token}
    return {"asset_identifier": asset, "raw_value": _hex(token)}


# Chainhook 2.0


def _block_2(block: Block, context: _Context) -> Json:
    return {
        "timestamp": block.at // 1000,
        "block_identifier": {"hash": block.hash, "index": block.height},
        "parent_block_identifier": {"hash": block.parent, "index": block.height - 1},
        "transactions": [_transaction_2(each, context) for each in block.transactions],
    }


def _transaction_2(transaction: Transaction, context: _Context) -> Json:
    call, status = transaction.call, transaction.status.value
    bodies = [_fee_2(call), _call_2(call), *(_log_2(log, context) for log in transaction.logs)]
    return {
        "transaction_identifier": {"hash": call.txid},
        "operations": [
            {**body, "status": status, "operation_identifier": {"index": place}}
            for place, body in enumerate(bodies)
        ],
        "metadata": {
            "type": "contract_call",
            "nonce": 7,
            "result": _value_2(_response(transaction), context),
            "status": status,
            "fee_rate": "3000",
            "position": {"index": transaction.place.index, "microblock_identifier": None},
            "execution_cost": _EXECUTION_COST,
            "sender_address": call.sender,
            "sponsor_address": None,
            "canonical": True,
            "sponsored": False,
            "microblock_canonical": True,
            "vm_error": None if status == Status.SUCCESS else "Runtime error",
        },
    }


def _fee_2(call: Call) -> Json:
    return {
        "type": "fee",
        "account": {"address": call.sender},
        "amount": {"value": "-3000", "currency": {"symbol": "STX", "decimals": 6}},
        "metadata": {"sponsored": False},
    }


def _call_2(call: Call) -> Json:
    return {
        "type": "contract_call",
        "account": {"address": call.sender},
        "metadata": {
            "contract_identifier": call.contract,
            "function_name": call.method,
            "args": [
                {
                    "hex": _hex(value),
                    "repr": _repr(value, "'"),
                    "name": name,
                    "type": _ARGUMENT_TYPES.get(name, "uint"),
                }
                for name, value in call.args.items()
            ],
        },
    }


def _log_2(log: Log, context: _Context) -> Json:
    match log:
        case Print():
            return {
                "type": "contract_log",
                "metadata": {
                    "contract_identifier": log.contract,
                    "topic": "print",
                    "value": _value_2(log.value, context),
                },
            }
        case TokenMint() | TokenBurn():
            return {
                "type": "token_mint" if isinstance(log, TokenMint) else "token_burn",
                "account": {"address": log.holder},
                "amount": {
                    "value": "1",
                    "currency": {
                        "symbol": "passport-badge",
                        "decimals": 0,
                        "metadata": {
                            "token_type": "nft",
                            "asset_identifier": context.contracts.badge_asset,
                            "value": _hex(log.token),
                        },
                    },
                },
            }


def _value_2(value: Value, context: _Context) -> str | Json:
    serialised = _hex(value)
    return {"hex": serialised, "repr": _repr(value, "'")} if context.decoded else serialised
