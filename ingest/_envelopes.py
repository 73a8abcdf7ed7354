"""The two generations of Chainhook envelopes, brought to one `Transaction`.

Nothing here is judged: what is missing or of another type is passed on as it is, or as None.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

Json: TypeAlias = Mapping[str, object]

_EMPTY: Json = {}


class Call(NamedTuple):
    """The contract call that a transaction makes, if it makes one."""

    contract: object
    function: object
    arguments: object


class Item(NamedTuple):
    """A print, or a token minted, burned or transferred."""

    place: int
    """Among the events of its block (1.x) or the operations of its transaction (2.0)."""
    kind: Literal["print", "mint", "burn", "transfer"]
    source: object
    """The contract that printed, or the class of the token."""
    value: object
    """What was printed, or the token's identifier."""
    holder: object = None


class Transaction(NamedTuple):
    """What either generation says of a transaction."""

    identifier: object
    position: object
    succeeded: bool | None
    """None when the delivery does not say."""
    call: Call
    items: list[Item]


def as_dict(value: object) -> Json:
    """Return an object of JSON; an empty one in place of anything else."""
    return value if isinstance(value, dict) else _EMPTY


def as_list(value: object) -> list[object]:
    """Return an array of JSON; an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def read_v1(raw: object) -> Transaction:
    """Return a transaction of Chainhook 1.x, raw or decoded."""
    transaction = as_dict(raw)
    metadata = as_dict(transaction.get("metadata"))
    call = as_dict(as_dict(metadata.get("kind")).get("data"))
    success = metadata.get("success")
    return Transaction(
        transaction.get("transaction_identifier"),
        as_dict(metadata.get("position")).get("index"),
        success if isinstance(success, bool) else None,
        Call(call.get("contract_identifier"), call.get("method"), call.get("args")),
        list(_items_v1(as_list(as_dict(metadata.get("receipt")).get("events")))),
    )


def _items_v1(events: list[object]) -> Iterator[Item]:
    for ordinal, raw in enumerate(events):
        event = as_dict(raw)
        kind, data = event.get("type"), as_dict(event.get("data"))
        # Absent before 2024.
        place = _index(event.get("position"), ordinal)
        raw_value = data.get("raw_value")
        if kind == "SmartContractEvent" and data.get("topic") == "print":
            value = data.get("value") if raw_value is None else raw_value
            yield Item(place, "print", data.get("contract_identifier"), value)
        elif kind in ("NFTMintEvent", "NFTBurnEvent", "NFTTransferEvent"):
            # `asset_identifier` is the class in a raw event, and the token in a decoded one.
            asset = data.get("asset_identifier")
            if raw_value is None:
                source, token = data.get("asset_class_identifier"), asset
            else:
                source, token = asset, raw_value
            if kind == "NFTMintEvent":
                yield Item(place, "mint", source, token, data.get("recipient"))
            else:
                burned = kind == "NFTBurnEvent"
                sender = data.get("sender")
                yield Item(place, "burn" if burned else "transfer", source, token, sender)


def read_v2(raw: object) -> Transaction:
    """Return a transaction of Chainhook 2.0, raw or decoded."""
    transaction = as_dict(raw)
    metadata = as_dict(transaction.get("metadata"))
    operations = [as_dict(each) for each in as_list(transaction.get("operations"))]
    calls = (each for each in operations if each.get("type") == "contract_call")
    call = as_dict(next(calls, _EMPTY).get("metadata"))
    status = metadata.get("status")
    return Transaction(
        transaction.get("transaction_identifier"),
        as_dict(metadata.get("position")).get("index"),
        status == "success" if isinstance(status, str) else None,
        Call(call.get("contract_identifier"), call.get("function_name"), call.get("args")),
        list(_items_v2(operations)),
    )


_TOKENS: Final[Mapping[str, Literal["mint", "burn", "transfer"]]] = {
    "token_mint": "mint",
    "token_burn": "burn",
    "token_transfer": "transfer",
}


def _items_v2(operations: list[Json]) -> Iterator[Item]:
    for ordinal, operation in enumerate(operations):
        kind, metadata = operation.get("type"), as_dict(operation.get("metadata"))
        place = _index(operation.get("operation_identifier"), ordinal)
        if kind == "contract_log" and metadata.get("topic") == "print":
            source = metadata.get("contract_identifier")
            yield Item(place, "print", source, metadata.get("value"))
        elif isinstance(kind, str) and kind in _TOKENS:
            amount = as_dict(operation.get("amount"))
            token = as_dict(as_dict(amount.get("currency")).get("metadata"))
            holder = as_dict(operation.get("account")).get("address")
            source, value = token.get("asset_identifier"), token.get("value")
            yield Item(place, _TOKENS[kind], source, value, holder)


def _index(position: object, otherwise: int) -> int:
    index = as_dict(position).get("index")
    return index if type(index) is int else otherwise
