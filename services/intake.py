"""Events that come through the API: checked one by one, then accepted together."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast
from unicodedata import category

from services.analytics import milliseconds
from services.answers import Position
from services.errors import AnalyticsError
from services.events import Delivery, Event, EventType, identity
from services.log import Log

MAX_EVENTS = 1000
"""Events in one call."""
EARLIEST = 1_609_459_200_000
"""2021-01-01, before the Stacks 2.0 mainnet began: an event cannot be older."""
LEEWAY_MS = 86_400_000
"""How far in the future the time of an event may lie, for clocks that differ."""
MAX_NUMBER = 2**31 - 1
_IDENTIFIER = re.compile(r"(?!-$)[A-Za-z0-9._:@-]{1,128}")
"""A hyphen alone stands for what is not known."""
_MAX_NAME = 256
_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}
_BARRED = {"Cc", "Cs", "Zl", "Zp"}
"""Categories of characters, as `unicodedata` names them."""


class RejectionCode(StrEnum):
    """Why an event was rejected."""

    BAD_ID = "BAD_ID"
    """An id is empty, longer than 128 characters, or has characters beside A-Z a-z 0-9 . _ : @ -"""
    BAD_NAME = "BAD_NAME"
    """A name is empty, longer than 256 characters, or has no character that can be seen."""
    BAD_NUMBER = "BAD_NUMBER"
    """A category or a level is negative."""
    TIME_OUT_OF_REACH = "TIME_OUT_OF_REACH"
    """The time lies before 2021 or more than a day in the future."""
    TIME_WITHOUT_OFFSET = "TIME_WITHOUT_OFFSET"
    """The time has no offset from UTC, so that it is no instant."""
    ID_CONFLICT = "ID_CONFLICT"
    """The `id` was given to an event of another content, in this call or an earlier one."""


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """An event that was not accepted. The others of the call are."""

    index: int
    """Its place in the list, from 0."""
    code: RejectionCode
    """Why, for programs."""
    message: str
    """Why, for people."""


@dataclass(frozen=True, kw_only=True)
class IngestEventsPayload:
    """What became of the events. Those accepted are durable, and committed soon."""

    accepted: int
    """Events that are new."""
    duplicates: int
    """Events whose id was accepted before, in this call or an earlier one."""
    rejected: list[Rejection]
    """Events that were refused, with the reason."""
    position: Position
    """The position when the call was answered; the events become visible at a later one."""


class Rejected(Exception):
    """An event that will not do; `code` is for programs, the message for people."""

    def __init__(self, code: RejectionCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Intake:
    """Accepts typed events. Each is a mapping of an `EventType` and the keys of `Event`."""

    def __init__(self, log: Log, network: str, *, enabled: bool) -> None:
        self._log = log
        self._network = network
        self._enabled = enabled

    async def accept(
        self, events: Sequence[Mapping[str, Any]], position: Position
    ) -> IngestEventsPayload:
        """Accept events; `client_id` makes one that is sent again a duplicate.

        Raises `AnalyticsError` with code TOO_MANY_EVENTS or DISABLED, or `LogUnavailable`.
        """
        check_enabled(self._enabled)
        if len(events) > MAX_EVENTS:
            raise AnalyticsError(
                "TOO_MANY_EVENTS",
                f"A call takes at most {MAX_EVENTS} events, not {len(events)}: split it.",
                maximum=MAX_EVENTS,
            )
        taken: list[Event] = []
        places: list[int] = []
        undated: list[int] = []
        rejected: list[Rejection] = []
        for index, event in enumerate(events):
            try:
                taken.append(checked(event, self._network))
            except Rejected as refusal:
                rejected.append(Rejection(index=index, code=refusal.code, message=str(refusal)))
                continue
            if event.get("at") is None:
                undated.append(len(places))
            places.append(index)
        if not taken:
            return IngestEventsPayload(
                accepted=0, duplicates=0, rejected=rejected, position=position
            )
        receipt = await self._log.accept(Delivery(events=taken, undated=undated), "api")
        rejected += [
            Rejection(index=places[place], code=RejectionCode.ID_CONFLICT, message=CONFLICT_MESSAGE)
            for place in receipt.conflicts
        ]
        return IngestEventsPayload(
            accepted=receipt.accepted,
            duplicates=receipt.duplicates,
            rejected=sorted(rejected, key=lambda each: each.index),
            position=position,
        )


CONFLICT_MESSAGE = (
    "`id` was given to an event of another content: give each event an id of its own."
)


def checked(event: Mapping[str, Any], network: str) -> Event:
    """Return an event with its identity, which `client_id` makes the same every time.

    Raises `Rejected`.
    """
    known = {name: value for name, value in event.items() if value is not None}
    client_id = known.pop("client_id", None)
    people = _PEOPLE.get(EventType(known["type"]), "user")
    for name, value in known.items():
        _check(people if name == "user" else name, value)
    if client_id is not None:
        _check("id", client_id)
    at = known.setdefault("at", milliseconds())
    if isinstance(at, datetime):
        raise Rejected(
            RejectionCode.TIME_WITHOUT_OFFSET,
            "`occurredAt` has no offset from UTC: write 2026-03-01T12:00:00Z, or +02:00 for Z.",
        )
    if not EARLIEST <= at <= milliseconds() + LEEWAY_MS:
        raise Rejected(
            RejectionCode.TIME_OUT_OF_REACH,
            "`occurredAt` lies between 2021-01-01 and a day from now.",
        )
    known["type"] = str(EventType(known["type"]))
    known["id"] = identity("api", network, client_id or secrets.token_hex(16))
    return cast("Event", known)


_PEOPLE = {
    EventType.BADGE_ISSUED: "recipient",
    EventType.COMMUNITY_CREATED: "owner",
    EventType.MEMBER_ADDED: "member",
}
"""What the API calls the user of an event."""


def check_enabled(enabled: bool) -> None:
    """Raise `AnalyticsError` with code DISABLED unless events are taken."""
    if not enabled:
        raise AnalyticsError(
            "DISABLED", "This service takes no events: ANALYTICS_ENABLED is false."
        )


def _check(name: str, value: object) -> None:
    if name in ("category", "level"):
        if not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
            raise Rejected(RejectionCode.BAD_NUMBER, f"`{name}` is 0 to {MAX_NUMBER}.")
    elif name == "name":
        if not 1 <= len(str(value)) <= _MAX_NAME:
            raise Rejected(RejectionCode.BAD_NAME, f"A name has 1 to {_MAX_NAME} characters.")
        kinds = {category(each) for each in str(value)}
        if not kinds - _UNSEEN or kinds & _BARRED:
            raise Rejected(
                RejectionCode.BAD_NAME,
                "A name has a character that can be seen, and no control character.",
            )
    elif name not in ("at", "hard", "type") and not _IDENTIFIER.fullmatch(str(value)):
        raise Rejected(
            RejectionCode.BAD_ID,
            f"`{name}` has 1 to 128 characters out of A-Z a-z 0-9 . _ : @ -, not a hyphen alone.",
        )
