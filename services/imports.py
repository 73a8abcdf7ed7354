"""Imports: lines of a file become entries of the log, each exactly once.

The place that was reached is written in the transaction that stores the entries. So a crash leaves
both or neither, and the same file goes on where it was.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace

from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from documents.log import Import
from documents.projection import Database
from services.errors import AnalyticsError
from services.events import Delivery
from services.intake import CONFLICT_MESSAGE, RejectionCode
from services.log import Log, LogUnavailable, Receipt, Session

SHOWN_LINES = 5
"""Lines that are named for each reason to reject them."""
SHOWN_LENGTH = 200
"""Characters of a message that are kept; it may quote what it is about."""


@dataclass(kw_only=True)
class Rejections:
    """Lines that were rejected for one reason."""

    message: str
    """Why the first of them was."""
    count: int = 0
    lines: list[int] = field(default_factory=list)
    """The numbers of the first of them."""


@dataclass(kw_only=True)
class Tally:
    """What became of the lines of a file, over all runs."""

    deliveries: int = 0
    events: int = 0
    """Lines that are events of the API."""
    accepted: int = 0
    """Events stored in the log, those in deliveries contained."""
    duplicates: int = 0
    """Events of the API that the log had already."""
    refused: dict[str, int] = field(default_factory=dict)
    """Parts of deliveries that were refused, by reason; see `ingest.chainhook.Refusal`."""
    rejected: dict[str, Rejections] = field(default_factory=dict)
    """Lines that were rejected, by reason."""

    def reject(self, line: int, reason: str, message: str) -> None:
        """Note a line that was rejected."""
        rejections = self.rejected.setdefault(reason, Rejections(message=message[:SHOWN_LENGTH]))
        rejections.count += 1
        if len(rejections.lines) < SHOWN_LINES:
            rejections.lines.append(line)


@dataclass(frozen=True)
class Place:
    """How far a file was taken, and what became of its lines so far."""

    key: str
    line: int
    tally: Tally


class Imports:
    """Takes lines into the log and remembers how far."""

    def __init__(self, database: Database, log: Log) -> None:
        self._collection = database[Import.Settings.name]
        self._log = log

    async def place(self, key: str) -> Place:
        """Return how far the file of a key was taken. Raises `LogUnavailable`."""
        try:
            row = await self._collection.find_one_and_update(
                {"_id": key},
                {"$setOnInsert": {"line": 0, "tally": asdict(Tally())}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except PyMongoError as error:
            raise LogUnavailable from error
        tally = row["tally"]
        rejected = {why: Rejections(**each) for why, each in tally.pop("rejected").items()}
        return Place(key, row["line"], Tally(**tally, rejected=rejected))

    async def advance(
        self,
        place: Place,
        line: int,
        tally: Tally,
        deliveries: Sequence[Delivery],
        lines: Sequence[int],
    ) -> Place:
        """Store what the lines after `place` up to `line` hold, and return the place reached.

        `tally` is that of `place` with those lines noted, but for what the log says of them.
        `lines` are those of the events of no block, in their order.
        Raises `LogUnavailable`, and `AnalyticsError` IN_USE if another import takes the same file.
        """
        reached = Place(place.key, line, tally)

        async def alongside(session: Session, receipt: Receipt) -> None:
            nonlocal reached
            reached = Place(place.key, line, _with(tally, receipt, lines))
            await self._move(place, reached, session)

        await self._log.accept_all(deliveries, "import", alongside)
        return reached

    async def _move(self, place: Place, reached: Place, session: Session) -> None:
        moved = await self._collection.update_one(
            {"_id": place.key, "line": place.line},
            {"$set": {"line": reached.line, "tally": asdict(reached.tally)}},
            session=session,
        )
        if not moved.matched_count:
            raise AnalyticsError(
                "IN_USE", "Another import takes the same file: let it finish, or end it."
            )


def _with(tally: Tally, receipt: Receipt, lines: Sequence[int]) -> Tally:
    reasons = tally.refused.keys() | receipt.refused.keys()
    # A copy, for the transaction may begin anew.
    told = replace(
        tally,
        accepted=tally.accepted + receipt.accepted,
        duplicates=tally.duplicates + receipt.duplicates,
        refused={
            why: tally.refused.get(why, 0) + receipt.refused.get(why, 0) for why in sorted(reasons)
        },
        rejected=deepcopy(tally.rejected),
    )
    for place in receipt.conflicts:
        told.reject(lines[place], RejectionCode.ID_CONFLICT, CONFLICT_MESSAGE)
    return told
