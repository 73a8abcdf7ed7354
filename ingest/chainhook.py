"""Chainhook deliveries of both generations, raw or decoded, become `Delivery`.

A tolerant reader: it takes the fields that it needs and ignores the rest, never raises for any
JSON value, and counts what it refuses by `Refusal`.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
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
    SILENT_PRINTS,
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
    TIME_OUT_OF_RANGE = "time_out_of_range"
    """A block whose time lies before 2021 or more than a day ahead; times are in seconds."""
    HEIGHT_OUT_OF_RANGE = "height_out_of_range"
    """A block whose height is negative or 2^31 or more."""
    FAILED_TRANSACTION = "failed_transaction"
    """A transaction that was mined but did not succeed."""
    UNTRUSTED_CONTRACT = "untrusted_contract"
    """A print that bears a PassportX event name, of a contract that is not configured."""
    UNKNOWN_EVENT = "unknown_event"
    """A print of a trusted contract without an event name, or with an absurd one."""
    MALFORMED_VALUE = "malformed_value"
    """A print, token or argument of a trusted contract that cannot be read."""
    NOT_JSON = "not_json"
    """A delivery that is no JSON in UTF-8."""
    TOO_LARGE = "too_large"
    """A delivery that is larger than any hook sends."""
    UNKNOWN_ENCODING = "unknown_encoding"
    """A delivery that is compressed otherwise than by gzip or deflate, or too many times."""


UNSUPPORTED = "unsupported:"
"""Begins the reason of what a trusted contract did and no metric depends on, before its name."""

_HASH = re.compile(r"(?:0x)?([0-9a-f]{64})")
_EVENT_NAME = re.compile(r"[a-z0-9-]{1,40}")
_MAX_NAMES = 20
"""How many names of unsupported events one delivery counts by themselves."""
_MAX_HEIGHT = 2**31
_FIRST_SECOND = 1_609_459_200
"""2021-01-01, before the Stacks 2.0 mainnet began."""
_LEEWAY_SECONDS = 86_400
_MAX_POSITION = 2**31
_TX_SHIFT = 24

_COMMUNITY_ARGUMENTS = {
    ("passport_core", "create-passport-badge"): 2,
    # In a later version of the contract; others have fewer arguments.
    ("badge_issuer", "mint-badge"): 2,
    ("badge_issuer", "create-badge-template"): 4,
}
"""The place of the community among the arguments of a call, by the contract's role and function."""
_OPTIONAL = re.compile(r"\(some (.+)\)")
_EVENT_FIELD = "056576656e74"
"""How the field name `event` looks in serialised Clarity."""


def parse(payload: object, contracts: Contracts, now: float | None = None) -> Delivery:
    """Return what a Chainhook payload, as parsed JSON, tells of the PassportX contracts.

    Blocks keep the order of the payload. An applied block is there even when it holds no event of
    ours, so that a reorganisation is seen; the transactions of a block taken back are not read.
    `now` is the time in seconds, by which a block is known to be dated ahead.
    """
    body, read = as_dict(payload), read_v1
    if "event" in body:
        body, read = as_dict(body["event"]), read_v2
    return _Parser(contracts, read, time.time() if now is None else now).delivery(body)


class _Told(NamedTuple):
    """A print or a token of a trusted contract, not yet read."""

    name: str
    meaning: Meaning
    fields: Json
    deployment: Contracts


class _Parser:
    """One delivery being read, and what has been refused of it."""

    def __init__(
        self, contracts: Contracts, read: Callable[[object], Transaction], now: float
    ) -> None:
        self._contracts = contracts
        self._read = read
        self._latest = now + _LEEWAY_SECONDS
        self._refused: Counter[str] = Counter()
        deployments = contracts.deployments[::-1]  # so that the first one that has a contract wins
        self._assets = {each.badge_asset: each for each in deployments}
        self._prints: dict[str, tuple[Contracts, Mapping[str, Meaning | None]]] = {}
        self._calls: dict[tuple[str, str], int] = {}
        for each in deployments:
            self._prints |= {
                each.passport_nft: (each, SILENT_PRINTS),
                each.passport_core: (each, {}),
                each.badge_issuer: (each, BADGE_ISSUER_PRINTS),
                each.community_manager: (each, COMMUNITY_MANAGER_PRINTS),
            }
            for (role, function), place in _COMMUNITY_ARGUMENTS.items():
                self._calls[getattr(each, role), function] = place

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

    def _pass_over(self, name: object) -> None:
        """Count what a trusted contract did by its name, if that is one and there are not many."""
        reason = f"{UNSUPPORTED}{name}"
        named = sum(each.startswith(UNSUPPORTED) for each in self._refused)
        is_name = isinstance(name, str) and _EVENT_NAME.fullmatch(name) is not None
        if is_name and (reason in self._refused or named < _MAX_NAMES):
            self._refused[reason] += 1
        else:
            self._refuse(Refusal.UNKNOWN_EVENT)

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
        fields = as_dict(block)
        identifier = as_dict(fields.get("block_identifier"))
        height, block_hash = identifier.get("index"), _hash(identifier)
        if type(height) is not int or block_hash is None:
            self._refuse(Refusal.UNKNOWN_SHAPE)
            return None
        if not 0 <= height < _MAX_HEIGHT:
            self._refuse(Refusal.HEIGHT_OUT_OF_RANGE)
            return None
        parent = _hash(as_dict(fields.get("parent_block_identifier")))
        return BlockRef(height, block_hash, parent)

    def _block(self, block: object) -> Block | None:
        reference = self._reference(block)
        if reference is None:
            return None
        fields = as_dict(block)
        seconds = _seconds(fields)
        if reference.parent is None or seconds is None:
            self._refuse(Refusal.UNKNOWN_SHAPE)
            return None
        if not _FIRST_SECOND <= seconds <= self._latest:
            self._refuse(Refusal.TIME_OUT_OF_RANGE)
            return None
        events: list[Event] = []
        for ordinal, transaction in enumerate(self._list(fields.get("transactions"))):
            events += self._transaction(reference.hash, ordinal, self._read(transaction))
        events.sort(key=lambda event: event["index"])
        return Block(
            *(reference.height, reference.hash, reference.parent, seconds * 1000, events),
            burn=_burn_height(as_dict(fields.get("metadata"))),
        )

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
        prefix = self._contracts.network, block, txid
        for place, event in enumerate(self._events(prefix, told, community)):
            event.update(index=index + place, tx=txid)
            yield cast("Event", event)

    def _events(
        self, prefix: tuple[str, str, str], told: list[_Told], community: str | None
    ) -> list[dict[str, object]]:
        """Return the events of a transaction, each with the identity that `_subject` gives it."""
        printed = any(each.name in MINTING_PRINTS for each in told)
        found: dict[str, dict[str, object]] = {}
        for _, meaning, fields, deployment in told:
            # A mint that the badge issuer printed is told there, and better.
            if printed and meaning is NFT_MINTED:
                continue
            try:
                events = list(meaning.events(fields))
            except (MalformedError, clarity.ClarityError):
                self._refuse(Refusal.MALFORMED_VALUE)
                continue
            for event in events:
                if community is not None and event["type"] in _OF_A_COMMUNITY:
                    event["community"] = community
                self._place(event, deployment)
                id_ = identity(*prefix, *_subject(event))
                # Of equals, the first made what it made; the last one of what overrides holds.
                if id_ in found and event["type"] not in _OVERRIDING:
                    continue
                found.pop(id_, None)
                found[id_] = {**event, "id": id_}
        return list(found.values())

    def _place(self, event: dict[str, object], deployment: Contracts) -> None:
        """Tell the ids that a further deployment gave out from those of the first one."""
        for key, role in _NUMBERED_BY.items():
            if key in event:
                contract = getattr(deployment, role)
                event[key] = f"{event[key]}{self._contracts.scope(role, contract)}"

    def _tell(self, item: Item) -> _Told | None:
        if item.kind == "print":
            return self._tell_print(item)
        deployment = self._assets.get(item.source) if isinstance(item.source, str) else None
        if deployment is None:
            return None
        if item.kind == "transfer":
            self._pass_over("nft-transfer")
            return None
        fields = {"token-id": _scalar(item.value), "holder": item.holder}
        meaning = NFT_MINTED if item.kind == "mint" else NFT_BURNED
        return _Told(f"nft-{item.kind}", meaning, fields, deployment)

    def _tell_print(self, item: Item) -> _Told | None:
        trusted = self._prints.get(item.source) if isinstance(item.source, str) else None
        if trusted is None:
            if _claims(item.value):
                self._refuse(Refusal.UNTRUSTED_CONTRACT)
            return None
        deployment, known = trusted
        try:
            fields = as_dict(_printed(item.value))
        except clarity.ClarityError:
            self._refuse(Refusal.MALFORMED_VALUE)
            return None
        name = fields.get("event")
        if not isinstance(name, str) or name not in known:
            self._pass_over(name)
            return None
        meaning = known[name]
        return meaning and _Told(name, meaning, fields, deployment)

    def _community(self, found: Transaction) -> str | None:
        """Return the community of what the transaction makes, which only the call tells."""
        call = found.call
        if not (isinstance(call.contract, str) and isinstance(call.function, str)):
            return None
        place = self._calls.get((call.contract, call.function))
        if place is None:
            return None
        arguments = as_list(call.arguments)[place:]
        is_required = call.function == "create-passport-badge"
        if not arguments and not is_required:
            return None
        try:
            return _optional_uint(arguments[0] if arguments else None)
        except (MalformedError, clarity.ClarityError):
            self._refuse(Refusal.MALFORMED_VALUE)
            return None


_OF_A_COMMUNITY = (EventType.BADGE_ISSUED, EventType.TEMPLATE_REGISTERED)
_OVERRIDING = (
    EventType.BADGE_UPDATED,
    EventType.COMMUNITY_TRANSFERRED,
    EventType.TEMPLATE_REGISTERED,
)
_NUMBERED_BY = {
    "badge": "passport_nft",
    "template": "badge_issuer",
    "community": "community_manager",
}
"""Which contract gives out the ids of a kind."""


def _subject(event: Mapping[str, object]) -> tuple[str, ...]:
    """Return what tells an event from the others of its transaction.

    It is what the event is about, not its place among those that a hook shows: another hook may
    show the token's mint alone, or another part of the prints, and tells the same event.
    """
    keys = {
        EventType.BADGE_REVOKED: ("badge", "hard"),
        EventType.BADGE_UPDATED: ("badge", "category", "level"),
        EventType.MEMBER_ADDED: ("community", "user"),
        EventType.COMMUNITY_TRANSFERRED: ("community", "user"),
        EventType.BADGE_ISSUED: ("badge",),
        EventType.TEMPLATE_REGISTERED: ("template",),
    }.get(EventType(str(event["type"])), ("community",))
    return str(event["type"]), *(str(event.get(key)) for key in keys)


def _optional_uint(argument: object) -> str | None:
    """Return the uint of an argument that may be an optional; None for none."""
    value = _scalar(argument)
    if isinstance(value, str):
        if value == "none":
            return None
        if found := _OPTIONAL.fullmatch(value):
            value = found[1]
        elif value.startswith("0x"):
            decoded = clarity.decode_hex(value)
            value = decoded.value if isinstance(decoded, clarity.Some) else decoded
            if value is None:
                return None
    return uint(value)


def _burn_height(metadata: Json) -> int | None:
    """Return the height of the Bitcoin block, as 1.x, 2.0 and 2.0 with its whole block name it."""
    for key in ("bitcoin_anchor_block_identifier", "burn_block_identifier"):
        height = _whole(as_dict(metadata.get(key)).get("index"), _MAX_HEIGHT)
        if height is not None:
            return height
    return _whole(metadata.get("burn_block_height"), _MAX_HEIGHT)


def _whole(value: object, limit: int) -> int | None:
    return value if type(value) is int and 0 <= value < limit else None


def _hash(identifier: Json) -> str | None:
    text = identifier.get("hash")
    found = _HASH.fullmatch(text.lower()) if isinstance(text, str) else None
    return f"0x{found[1]}" if found else None


def _seconds(block: Json) -> int | None:
    """Return the block's own time, or else that of the Bitcoin block it is anchored to.

    Only 1.x tells the former, since Nakamoto. None if there is no number.
    """
    own = as_dict(block.get("metadata")).get("block_time")
    for seconds in (own, block.get("timestamp")):
        if type(seconds) is int:
            return seconds
    return None


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
