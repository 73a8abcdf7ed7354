"""The synthetic chain's own words: calls, what they did, and the blocks that hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ingest.clarity import Principal, Value


class Status(StrEnum):
    """How a transaction ended, in the words of Chainhook 2.0."""

    SUCCESS = "success"
    ABORT_BY_RESPONSE = "abort_by_response"
    ABORT_BY_POST_CONDITION = "abort_by_post_condition"


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody asked of a contract. It keeps its `txid` wherever it is mined."""

    txid: str
    sender: Principal
    contract: str
    method: str
    args: dict[str, Value]
    post_condition_holds: bool = True


@dataclass(frozen=True, slots=True)
class Print:
    """A contract printed `value`, always a tuple with an `event` field."""

    contract: str
    value: dict[str, Value]


@dataclass(frozen=True, slots=True)
class TokenMint:
    """Badge `token` came into being; `holder` received it."""

    token: int
    holder: Principal


@dataclass(frozen=True, slots=True)
class TokenBurn:
    """Badge `token` was destroyed; `holder` had it."""

    token: int
    holder: Principal


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction stands: its block, its index there, and its first log's index there."""

    height: int
    index: int
    first_log: int


Log: TypeAlias = Print | TokenMint | TokenBurn


@dataclass(frozen=True, slots=True)
class Transaction:
    """A call as it went in one block: its result and the logs in the order they were written.

    `result` is what stands inside `(ok ...)` or `(err ...)`. A transaction aborted by a
    post-condition keeps the logs of what did not come to pass, as Chainhook delivers it.
    """

    call: Call
    place: Place
    status: Status
    result: Value
    logs: Sequence[Log] = ()
    badge_events: int = 0
    """How many badges it issued, revoked or updated, for good."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the synthetic chain, with those transactions that touch PassportX."""

    height: int
    hash: str
    parent: str
    at: int
    """Block time in milliseconds since 1970, UTC; whole seconds."""
    transactions: Sequence[Transaction]


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the chain: blocks taken back (tip first), then blocks applied (ascending)."""

    rollback: Sequence[Block] = ()
    apply: Sequence[Block] = ()
