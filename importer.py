"""Importing files: the database, the work, and what is told of it."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import click
from pymongo.errors import PyMongoError

from app import contracts
from database import opened
from ingest.importing import Importer, Taken
from progress import WorkFailed, telling
from schema.events import event_reader
from services.errors import AnalyticsError
from services.imports import Imports, Tally
from services.intake import check_enabled
from services.ledger import Ledger
from services.log import Log, LogUnavailable
from settings import Settings


async def run(settings: Settings, names: Sequence[str]) -> bool:
    """Take files into the log and commit them; return whether every line was taken.

    Raises `DatabaseError` and `WorkFailed`.
    """
    try:
        check_enabled(settings.enabled)
        async with opened(settings, join=True) as database:
            importer = Importer(
                Imports(database, Log(database)), contracts(settings), event_reader()
            )
            tallies = [await _take(importer, name) for name in names]
            await _commit(Ledger(database), settings.backlog_batch_size)
    except (LogUnavailable, PyMongoError) as error:
        raise WorkFailed("The database is away: run the same command again.") from error
    except AnalyticsError as error:
        raise WorkFailed(error.message) from error
    return not any(tally.rejected for tally in tallies)


async def _take(importer: Importer, name: str) -> Tally:
    title = "standard input" if name == "-" else Path(name).name
    with _opened(name) as file, telling(title, "lines") as tell:
        taken = await importer.take(file, tell)
    for line in _summary(taken):
        click.echo(f"{title}: {line}")
    return taken.tally


async def _commit(ledger: Ledger, limit: int) -> None:
    """Commit what waits, as the service would; both may, for each batch is committed once."""
    waiting, _ = await ledger.waiting()
    done, position = 0, None
    with telling("commit", "events") as tell:
        tell(done, waiting)
        while committed := await ledger.commit(limit):
            done, position = done + committed.events, committed.position
            tell(done, max(done, waiting))
    reached = f", up to position {position}" if position else ""
    click.echo(f"Committed: {_so_many(done, 'event')}{reached}")


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """Open a file that can be read twice."""
    if name != "-":
        with Path(name).open("rb") as file:
            yield file
        return
    with TemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        yield copy


def _summary(taken: Taken) -> Iterator[str]:
    tally = taken.tally
    earlier = f" ({taken.earlier:,} of them earlier)" if taken.earlier else ""
    yield (
        f"{_so_many(taken.lines, 'line')} read{earlier}, "
        f"{_so_many(tally.deliveries, 'delivery', 'deliveries')} and "
        f"{_so_many(tally.events, 'event')} among them"
    )
    again = " earlier, and nothing now" if taken.earlier == taken.lines > 0 else ""
    accepted = _so_many(tally.accepted, "event")
    yield f"{accepted} accepted{again}, {tally.duplicates:,} known already"
    for reason, count in tally.refused.items():
        yield f"refused in deliveries, {reason}: {count:,}"
    for reason, rejections in tally.rejected.items():
        lines = ", ".join(map(str, rejections.lines))
        more = ", ..." if rejections.count > len(rejections.lines) else ""
        yield f"rejected, {reason}: {rejections.count:,} (line {lines}{more}). {rejections.message}"


def _so_many(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"
