"""Quarantine: entries of the log that cannot be committed, set aside so that the rest goes on.

What is set aside counts as if it had not arrived, for a rebuild and a recount as well. A retry
appends the entry to the log once more; it then takes the place of the first one in the order of
what was said about blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.errors import ConnectionFailure, ExecutionTimeout, OperationFailure, PyMongoError

from documents.log import QuarantinedEntry
from documents.projection import Database
from services.answers import instant
from services.log import Log, Session

SET_ASIDE, DROPPED, RETRIED = "set_aside", "dropped", "retried"

TRIES = 5
"""How often an entry fails by itself before it is set aside."""
IN_A_ROW = 20
"""After so many without a commit between them the fault is not the entries', and none follows."""

_NOT_THE_ENTRY = {
    11600,  # InterruptedAtShutdown
    11602,  # InterruptedDueToReplStateChange
    14031,  # OutOfDiskSpace
    13,  # Unauthorized
    18,  # AuthenticationFailed
}
_OF_THE_MOMENT = ("TransientTransactionError", "RetryableWriteError", "RetryableError")


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """An entry of the log in quarantine."""

    sequence: int
    """Its number in the log."""
    state: str
    reason: str
    """The error with which it failed."""
    at: datetime
    """When it was set aside."""
    events: int
    """How many events it holds."""


class UnknownEntry(Exception):
    """A number that is not that of an entry in quarantine."""


def is_of_the_entry(error: Exception) -> bool:
    """Return whether a failed commit may be the fault of what it commits, not of the database."""
    if isinstance(error, ConnectionFailure | ExecutionTimeout):
        return False
    if isinstance(error, PyMongoError) and any(map(error.has_error_label, _OF_THE_MOMENT)):
        return False
    return not (isinstance(error, OperationFailure) and error.code in _NOT_THE_ENTRY)


async def sequences(database: Database, session: Session | None = None) -> set[int]:
    """Return the numbers of all entries that do not count: set aside, dropped or retried."""
    rows = database[QuarantinedEntry.Settings.name].find({}, {"_id": 1}, session=session)
    return {row["_id"] async for row in rows}


async def waiting(database: Database) -> int:
    """Return how many entries are set aside and wait for somebody to decide."""
    quarantine = database[QuarantinedEntry.Settings.name]
    return await quarantine.count_documents({"state": SET_ASIDE})


async def listed(database: Database, *, everything: bool = False) -> list[SetAside]:
    """Return the entries that are set aside, and if asked for those dropped or retried."""
    query: dict[str, Any] = {} if everything else {"state": SET_ASIDE}
    rows = database[QuarantinedEntry.Settings.name].find(query, sort=[("_id", 1)])
    return [
        SetAside(
            sequence=row["_id"],
            state=row["state"],
            reason=row["reason"],
            at=instant(row["at"]),
            events=row["events"],
        )
        async for row in rows
    ]


async def retry(database: Database, chosen: Sequence[int]) -> int:
    """Append entries that are set aside or dropped to the log again; return how many.

    Raises `UnknownEntry`, before anything is done, and `LogUnavailable`.
    """
    await _check(database, chosen, (SET_ASIDE, DROPPED))
    log = Log(database)
    for sequence in chosen:

        async def note(session: Session, sequence: int = sequence) -> None:
            await database[QuarantinedEntry.Settings.name].update_one(
                {"_id": sequence}, {"$set": {"state": RETRIED}}, session=session
            )

        await log.repeat(sequence, note)
    return len(chosen)


async def drop(database: Database, chosen: Sequence[int]) -> int:
    """Decide that entries that are set aside never count; return how many.

    They stay in the log and can be retried still. Raises `UnknownEntry`.
    """
    await _check(database, chosen, (SET_ASIDE,))
    await database[QuarantinedEntry.Settings.name].update_many(
        {"_id": {"$in": list(chosen)}}, {"$set": {"state": DROPPED}}
    )
    return len(chosen)


async def _check(database: Database, chosen: Sequence[int], states: Sequence[str]) -> None:
    known = {entry.sequence for entry in await listed(database, everything=True)
             if entry.state in states}  # fmt: skip
    for sequence in chosen:
        if sequence not in known:
            raise UnknownEntry(
                f"Entry {sequence} of the log is not in quarantine: "
                "`passportx quarantine list` shows those that are."
            )
