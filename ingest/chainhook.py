"""Chainhook deliveries of both generations, raw or decoded, become `Delivery`.

A tolerant reader: it takes the fields that it needs and ignores the rest, never raises for any
JSON value, and counts what it refuses by `Refusal`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple, cast

from ingest import clarity
from ingest._envelopes import Item, Json, Transaction, as_dict, as_list, read_v1, read_v2
from ingest.contracts import (
    BADGE_ISSUER_PRINTS,
    COMMUNITY_MANAGER_PRINTS,
    EVENT_NAMES,
    MINTING_PRINTS,
    NFT_BURNED,
    NFT_MINTED,
    Contracts,
    MalformedError,
    Meaning,
    uint,
)
from services.events import Block, BlockRef, Delivery, Event, EventType, identity

__all__ = ["Contracts", "Refusal", "parse"]


class Refusal(StrEnum):
    """Why a part of a delivery was refused."""

    UNKNOWN_SHAPE = "unknown_shape"
    """A delivery, block or transaction that lacks what is needed to place it."""
    WRONG_NETWORK = "wrong_network"
    """A delivery of another chain, or of another Stacks network."""
    FAILED_TRANSACTION = "failed_transaction"
    """A transaction that was mined but did not succeed."""
    UNTRUSTED_CONTRACT = "untrusted_contract"
    """A print that bears a PassportX event name, of a contract that is not configured."""
    UNKNOWN_EVENT = "unknown_event"
    """A print of the badge issuer or the community manager that is none of their known events."""
    MALFORMED_VALUE = "malformed_value"
    """A print, token or argument of a trusted contract that cannot be read."""
    NOT_JSON = "not_json"
    """A delivery that is no JSON in UTF-8."""
    TOO_LARGE = "too_large"
    """A delivery that is larger than any hook sends."""


_HASH = re.compile(r"(?:0x)?([0-9a-f]{64})")
_MAX_HEIGHT = 2**53
_MAX_SECONDS = 253_402_300_799
"""The end of the year 9999, the last that a datetime holds."""
_MAX_POSITION = 2**31
_TX_SHIFT = 24

_CREATE_PASSPORT = "create-passport-badge"
_COMMUNITY_ARGUMENT = 2
_EVENT_FIELD = "056576656e74"
"""How the field name `event` looks in serialised Clarity."""


def parse(payload: object, contracts: Contracts) -> Delivery:
    """Return what a Chainhook payload, as parsed JSON, tells of the PassportX contracts.

    Blocks keep the order of the payload. An applied block is there even when it holds no event of
    ours, so that a reorganisation is seen; the transactions of a block taken back are not read.
    """
    body, read = as_dict(payload), read_v1
    if "event" in body:
        body, read = as_dict(body["event"]), read_v2
    return _Parser(contracts, read).delivery(body)


class _Told(NamedTuple):
    """A print or a token of a trusted contract, not yet read."""

    contract: str
    name: str
    meaning: Meaning
    fields: Json


class _Parser:
    """One delivery being read, and what has been refused of it."""

    def __init__(self, contracts: Contracts, read: Callable[[object], Transaction]) -> None:
        self._contracts = contracts
        self._read = read
        self._refused: Counter[str] = Counter()
        self._asset = contracts.badge_asset
        # What the other two print is told again by the badge issuer, or by nobody asked for.
        self._silent = (contracts.passport_nft, contracts.passport_core)
        self._prints = {
            contracts.badge_issuer: BADGE_ISSUER_PRINTS,
            contracts.community_manager: COMMUNITY_MANAGER_PRINTS,
        }

    def delivery(self, body: Json) -> Delivery:
        rollback: list[BlockRef] = []
        apply: list[Block] = []
        if "apply" not in body and "rollback" not in body:
            self._refuse(Refusal.UNKNOWN_SHAPE)
        elif self._is_foreign(body):
            self._refuse(Refusal.WRONG_NETWORK)
        else:
            rollback += filter(None, map(self._reference, self._list(body.get("rollback"))))
            apply += filter(None, map(self._block, self._list(body.get("apply"))))
        return Delivery(rollback, apply, refused=dict(self._refused))

    def _refuse(self, reason: Refusal) -> None:
        self._refused[reason.value] += 1

    def _list(self, value: object) -> list[object]:
        if value is not None and not isinstance(value, list):
            self._refuse(Refusal.UNKNOWN_SHAPE)
        return as_list(value)

    def _is_foreign(self, body: Json) -> bool:
        """Say whether the blocks are another network's, whose heights and hashes mean nothing here.

        2.0 names chain and network; 1.x names the network only in the blocks of Bitcoin. In both
        a transaction's sender bears the prefix of its network.
        """
        network = body.get("network")
        if isinstance(network, str) and not self._contracts.accepts_network(network):
            return True
        if body.get("chain", "stacks") != "stacks":
            return True
        blocks = [as_dict(each) for key in ("rollback", "apply") for each in as_list(body.get(key))]
        return any(map(self._is_foreign_block, blocks))

    def _is_foreign_block(self, block: Json) -> bool:
        if "network" in as_dict(block.get("metadata")):
            return True
        transactions = as_list(block.get("transactions"))
        metadata = as_dict(as_dict(transactions[0]).get("metadata")) if transactions else {}
        sender = metadata.get("sender", metadata.get("sender_address"))
        return self._contracts.is_foreign(sender)

    def _reference(self, block: object) -> BlockRef | None:
        identifier = as_dict(as_dict(block).get("block_identifier"))
        height, block_hash = _whole(identifier.get("index"), _MAX_HEIGHT), _hash(identifier)
        if height is None or block_hash is None:
            self._refuse(Refusal.UNKNOWN_SHAPE)
            return None
        return BlockRef(height, block_hash)

    def _block(self, block: object) -> Block | None:
        reference = self._reference(block)
        if reference is None:
            return None
        fields = as_dict(block)
        parent = _hash(as_dict(fields.get("parent_block_identifier")))
        at = _milliseconds(fields)
        if parent is None or at is None:
            self._refuse(Refusal.UNKNOWN_SHAPE)
            return None
        events: list[Event] = []
        for ordinal, transaction in enumerate(self._list(fields.get("transactions"))):
            events += self._transaction(reference.hash, ordinal, self._read(transaction))
        events.sort(key=lambda event: event["index"])
        return Block(reference.height, reference.hash, parent, at, events)

    def _transaction(self, block: str, ordinal: int, found: Transaction) -> Iterator[Event]:
        txid = _hash(as_dict(found.identifier))
        if txid is None or found.succeeded is None:
            self._refuse(Refusal.UNKNOWN_SHAPE)
            return
        if not found.succeeded:
            self._refuse(Refusal.FAILED_TRANSACTION)
            return
        position = _whole(found.position, _MAX_POSITION)
        index = (ordinal if position is None else position) << _TX_SHIFT
        items = sorted(found.items, key=lambda item: item.place)
        told = [each for each in map(self._tell, items) if each is not None]
        if not told:
            return
        community = self._community(found)
        for place, event in enumerate(self._events((self._contracts.network, block, txid), told)):
            if event["type"] == EventType.BADGE_ISSUED:
                event.update(community)
            event.update(index=index + place, tx=txid)
            yield cast("Event", event)

    def _events(
        self, prefix: tuple[str, str, str], told: list[_Told]
    ) -> Iterator[dict[str, object]]:
        printed = any(each.name in MINTING_PRINTS for each in told)
        equals: Counter[tuple[str, str]] = Counter()
        for contract, name, meaning, fields in told:
            # A mint that the badge issuer printed is told there, and better.
            if printed and meaning is NFT_MINTED:
                continue
            ordinal = equals[contract, name]
            equals[contract, name] += 1
            try:
                events = list(meaning.events(fields))
            except (MalformedError, clarity.ClarityError):
                self._refuse(Refusal.MALFORMED_VALUE)
                continue
            for place, event in enumerate(events):
                parts = (*prefix, contract, name, ordinal)
                event["id"] = identity(*parts, place) if meaning.unfold else identity(*parts)
                yield event

    def _tell(self, item: Item) -> _Told | None:
        if item.kind == "print":
            return self._tell_print(item)
        if item.source != self._asset:
            return None
        fields = {"token-id": _scalar(item.value), "holder": item.holder}
        meaning = NFT_MINTED if item.kind == "mint" else NFT_BURNED
        return _Told(self._contracts.passport_nft, f"nft-{item.kind}", meaning, fields)

    def _tell_print(self, item: Item) -> _Told | None:
        known = self._prints.get(item.source) if isinstance(item.source, str) else None
        if known is None:
            if item.source not in self._silent and _claims(item.value):
                self._refuse(Refusal.UNTRUSTED_CONTRACT)
            return None
        try:
            fields = as_dict(_printed(item.value))
        except clarity.ClarityError:
            self._refuse(Refusal.MALFORMED_VALUE)
            return None
        name = fields.get("event")
        if not isinstance(name, str) or name not in known:
            self._refuse(Refusal.UNKNOWN_EVENT)
            return None
        meaning = known[name]
        return meaning and _Told(str(item.source), name, meaning, fields)

    def _community(self, found: Transaction) -> dict[str, object]:
        """Return the community that the passport is created for, which only the call tells."""
        call = found.call
        if call.contract != self._contracts.passport_core or call.function != _CREATE_PASSPORT:
            return {}
        arguments = as_list(call.arguments)[_COMMUNITY_ARGUMENT:]
        try:
            return {"community": uint(_scalar(arguments[0] if arguments else None))}
        except (MalformedError, clarity.ClarityError):
            self._refuse(Refusal.MALFORMED_VALUE)
            return {}


def _whole(value: object, limit: int) -> int | None:
    return value if type(value) is int and 0 <= value < limit else None


def _hash(identifier: Json) -> str | None:
    text = identifier.get("hash")
    found = _HASH.fullmatch(text.lower()) if isinstance(text, str) else None
    return f"0x{found[1]}" if found else None


def _milliseconds(block: Json) -> int | None:
    """Return the block's own time, or else that of the Bitcoin block it is anchored to.

    Only 1.x tells the former, since Nakamoto.
    """
    own = _whole(as_dict(block.get("metadata")).get("block_time"), _MAX_SECONDS)
    seconds = _whole(block.get("timestamp"), _MAX_SECONDS) if own is None else own
    return None if seconds is None else seconds * 1000


def _scalar(value: object) -> object:
    """Return a number's hexadecimal, or else its text, where 2.0 gives both."""
    return value.get("hex", value.get("repr")) if isinstance(value, dict) else value


def _printed(value: object) -> object:
    """Return a printed value as Python sees it; raise `ClarityError`."""
    if isinstance(value, dict) and "event" not in value:
        value = value.get("hex", value)
    if isinstance(value, str) and value.startswith("0x"):
        return clarity.decode_hex(value)
    return value


def _claims(value: object) -> bool:
    """Say whether a print bears the name of a PassportX event, without decoding most others."""
    text = value.get("hex") if isinstance(value, dict) else value
    if isinstance(text, str) and _EVENT_FIELD not in text.lower():
        return False
    try:
        name = as_dict(_printed(value)).get("event")
    except clarity.ClarityError:
        return False
    return isinstance(name, str) and name in EVENT_NAMES
