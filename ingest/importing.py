"""Importing: recorded deliveries and events, one JSON document a line, become entries of the log.

A file is known by its content and by what decides how it is read (the network and the contracts
that are trusted), not by its name. So a file that was taken in part goes on where that ended, one
that was taken whole adds nothing, and after a corrected setting it is read anew.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import astuple, dataclass
from enum import StrEnum
from hashlib import blake2b
from itertools import islice
from typing import Any, BinaryIO, Final, NamedTuple

from ingest.chainhook import Contracts, parse
from ingest.webhook import MAX_BODY
from services.errors import AnalyticsError
from services.events import Delivery, Event, identity
from services.imports import Imports, Place, Tally
from services.intake import Rejected, checked
from services.jsontext import loads

CHUNK_LINES: Final = 1000
CHUNK_EVENTS: Final = 5000
CHUNK_BYTES: Final = 8 * 1024 * 1024
"""Lines, events and bytes after which what was read is stored."""

_GZIP = b"\x1f\x8b"
_OF_A_DELIVERY = frozenset({"apply", "rollback", "event", "chainhook"})


class BadLine(StrEnum):
    """Why a line was rejected, beside the codes of the API."""

    NOT_JSON = "NOT_JSON"
    """The line is not JSON in UTF-8."""
    TOO_LARGE = "TOO_LARGE"
    """The line is larger than a delivery may be."""
    DAMAGED = "DAMAGED"
    """The gzip data ends early or is damaged; what lies behind cannot be read."""


_MESSAGES = {
    BadLine.TOO_LARGE: f"A line has at most {MAX_BODY} bytes.",
    BadLine.DAMAGED: "The gzip data ends early or is damaged: what follows cannot be read.",
}


class Line(NamedTuple):
    """A line of a file."""

    number: int
    content: bytes
    digest: str
    """A digest of everything up to the end of this line."""
    bad: BadLine | None = None


@dataclass(frozen=True)
class Taken:
    """What became of a file."""

    lines: int
    earlier: int
    """Lines that an earlier run had taken."""
    tally: Tally


ReadEvent = Callable[[object], Mapping[str, Any]]
"""Reads an event as the API does. Raises `AnalyticsError` for what is none."""
Report = Callable[[int, int], None]
"""Is told how many lines have been taken, of how many."""


class Importer:
    """Takes files into the log."""

    def __init__(self, imports: Imports, contracts: Contracts, read_event: ReadEvent) -> None:
        self._imports = imports
        self._contracts = contracts
        self._read_event = read_event

    async def take(self, file: BinaryIO, report: Report) -> Taken:
        """Take what was not taken before, and return what became of all of the file.

        `file` can be read twice. Raises `LogUnavailable` and `AnalyticsError` IN_USE; what was
        reported by then is in the log.
        """
        total, content = 0, ""
        for line in lines(file):
            total, content = line.number, line.digest
        place = await self._imports.place(
            identity("import", content, *map(str, astuple(self._contracts)))
        )
        earlier = place.line
        report(earlier, total)
        chunk = _Chunk(place)
        # No more lines than before, though a recorder may be writing to the file.
        for line in islice(lines(file), total):
            if line.number > place.line:
                self._add(line, chunk)
            if chunk.is_full:
                place = await self._store(chunk)
                report(place.line, total)
                chunk = _Chunk(place)
        if chunk.line > place.line:
            place = await self._store(chunk)
            report(place.line, total)
        return Taken(place.line, earlier, place.tally)

    async def _store(self, chunk: "_Chunk") -> Place:
        return await self._imports.advance(
            chunk.place, chunk.line, chunk.tally, list(chunk.deliveries()), chunk.event_lines
        )

    def _add(self, line: Line, chunk: "_Chunk") -> None:
        chunk.line = line.number
        chunk.bytes += len(line.content)
        try:
            if line.bad:
                chunk.tally.reject(line.number, line.bad, _MESSAGES[line.bad])
            elif line.content.strip():
                self._read(line, chunk)
        except AnalyticsError as error:
            chunk.tally.reject(line.number, error.code, error.message)
        except Rejected as rejected:
            chunk.tally.reject(line.number, rejected.code, str(rejected))

    def _read(self, line: Line, chunk: "_Chunk") -> None:
        try:
            payload = loads(line.content)
        except ValueError as error:
            message = f"This is no JSON document in UTF-8 on a line of its own: {error}."
            chunk.tally.reject(line.number, BadLine.NOT_JSON, message)
            return
        if isinstance(payload, dict) and not _OF_A_DELIVERY.isdisjoint(payload):
            chunk.add_delivery(parse(payload, self._contracts))
            return
        if not isinstance(payload, dict):
            raise AnalyticsError(
                "BAD_USER_INPUT", "A line is a delivery or an event, which are JSON objects."
            )
        event = dict(self._read_event(payload))
        if event.get("client_id") is None:
            # The same whenever these lines are taken, with more lines behind them too.
            event["client_id"] = f"import:{line.digest}"
        is_undated = event.get("at") is None
        chunk.add_event(checked(event, self._contracts.network), undated=is_undated)


class _Chunk:
    """Lines that are stored together."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.line = place.line
        self.tally = deepcopy(place.tally)
        self.bytes = 0
        self._size = 0
        self._parts: list[Delivery | tuple[Event, bool]] = []
        """Deliveries, and events with whether their time was taken from the clock."""
        self.event_lines: list[int] = []

    @property
    def is_full(self) -> bool:
        return (
            self.line - self.place.line >= CHUNK_LINES
            or self._size >= CHUNK_EVENTS
            or self.bytes >= CHUNK_BYTES
        )

    def add_delivery(self, delivery: Delivery) -> None:
        self.tally.deliveries += 1
        self._size += sum(len(block.events) for block in delivery.apply)
        self._parts.append(delivery)

    def add_event(self, event: Event, *, undated: bool) -> None:
        self.tally.events += 1
        self._size += 1
        self._parts.append((event, undated))
        self.event_lines.append(self.line)

    def deliveries(self) -> Iterator[Delivery]:
        """Yield everything in its order, successive events as one delivery."""
        events: list[tuple[Event, bool]] = []
        for part in self._parts:
            if not isinstance(part, Delivery):
                events.append(part)
                continue
            if events:
                yield _delivery(events)
                events = []
            yield part
        if events:
            yield _delivery(events)


def _delivery(events: Sequence[tuple[Event, bool]]) -> Delivery:
    undated = [place for place, (_, is_undated) in enumerate(events) if is_undated]
    return Delivery(events=[event for event, _ in events], undated=undated)


def lines(file: BinaryIO) -> Iterator[Line]:
    """Yield the lines of a file from its beginning, unpacked if its content is gzip."""
    file.seek(0)
    is_packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    stream = gzip.GzipFile(fileobj=file) if is_packed else file
    digest = blake2b(digest_size=16)
    number = 0
    try:
        while content := stream.readline(MAX_BODY):
            number += 1
            digest.update(content)
            is_whole = len(content) < MAX_BODY or content.endswith(b"\n")
            while not is_whole and (rest := stream.readline(MAX_BODY)):
                digest.update(rest)
                is_whole = rest.endswith(b"\n")
                content = b""
            bad = None if content else BadLine.TOO_LARGE
            yield Line(number, content, digest.hexdigest(), bad)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        digest.update(b"damaged")
        yield Line(number + 1, b"", digest.hexdigest(), BadLine.DAMAGED)
