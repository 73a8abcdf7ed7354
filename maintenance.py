"""Rebuilding and verifying a database, beside a running service or without one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal

import click
from pymongo.errors import PyMongoError

from app import Service, access
from database import opened
from documents.embedded import has_database
from documents.log import RefusedBody
from progress import WorkFailed, telling
from services import quarantine
from services import rebuild as rebuilding
from services import verify as verifying
from services.errors import AnalyticsError
from settings import Settings

SHOWN = 300
"""Characters of a refused body that are printed unless all are asked for."""


async def rebuild(settings: Settings) -> None:
    """Derive everything again from the log. Raises `DatabaseError` and `WorkFailed`."""
    async with _service(settings, rebuilding=True) as service:
        with telling("rebuild", "log entries") as tell:
            limit = settings.backlog_batch_size
            position = await rebuilding.rebuild(service.database, limit, tell)
    click.echo(f"Rebuilt; the new figures answer from position {position} on.")


async def verify(settings: Settings) -> bool:
    """Recount everything and print the differences; return whether there is none.

    Raises `DatabaseError` and `WorkFailed`.
    """
    async with _service(settings) as service:
        await service.updates.learn(await service.reader.position())
        with telling("verify", "steps") as tell:
            found = await verifying.verify(service.database, service.analytics, tell)
    for difference in found:
        click.echo(str(difference))
    position = service.updates.position
    if found:
        click.echo(
            f"{len(found):,} figures differ from the log at position {position}: "
            "`passportx rebuild` derives them again.",
            err=True,
        )
    else:
        click.echo(f"Every figure is what the log says, at position {position}.")
    return not found


async def list_refused(settings: Settings, *, whole: bool) -> None:
    """Print the bodies that were refused. Raises `DatabaseError` and `WorkFailed`."""
    async with _service(settings) as service:
        rows = service.database[RefusedBody.Settings.name].find({}, sort=[("_id", 1)])
        bodies = [row async for row in rows]
    for row in bodies:
        at = datetime.fromtimestamp(row["at"] / 1000, UTC)
        click.echo(f"{at:%Y-%m-%dT%H:%M:%SZ}  {row['reason']}  {row['length']:,} bytes")
        text = row["body"].decode(errors="backslashreplace")
        click.echo(_printable(text if whole else text[:SHOWN]))
    if not bodies:
        click.echo("No body was refused.", err=True)


def _printable(text: str) -> str:
    """Return a text from outside without what a terminal would obey."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in text
    )


async def list_quarantine(settings: Settings, *, everything: bool) -> None:
    """Print the entries in quarantine, a line each. Raises `DatabaseError` and `WorkFailed`."""
    async with _service(settings) as service:
        entries = await quarantine.listed(service.database, everything=everything)
    for entry in entries:
        events = "1 event" if entry.events == 1 else f"{entry.events:,} events"
        click.echo(f"{entry.sequence}  {entry.state}  {entry.at:%Y-%m-%dT%H:%M:%SZ}  {events}  "
                   f"{entry.reason}")  # fmt: skip
    if not entries:
        click.echo("No entry of the log is in quarantine.", err=True)


async def decide(
    settings: Settings, decision: Literal["retry", "drop"], numbers: Sequence[int] | None
) -> None:
    """Retry or drop entries in quarantine, all that are set aside if `numbers` is None.

    Raises `DatabaseError` and `WorkFailed`.
    """
    async with _service(settings) as service:
        if numbers is None:
            numbers = [entry.sequence for entry in await quarantine.listed(service.database)]
        work = quarantine.retry if decision == "retry" else quarantine.drop
        try:
            done = await work(service.database, numbers)
        except (quarantine.UnknownEntry, AnalyticsError) as error:
            raise WorkFailed(str(error)) from error
    entries = "1 entry" if done == 1 else f"{done:,} entries"
    click.echo(f"{entries} {'appended to the log again' if decision == 'retry' else 'dropped'}.")


@asynccontextmanager
async def _service(settings: Settings, *, rebuilding: bool = False) -> AsyncIterator[Service]:
    if settings.mongodb_url is None and not has_database(settings.data_dir):
        raise WorkFailed(
            f"There is no database in PASSPORTX_DATA_DIR {settings.data_dir}: name the directory "
            "of the service with --data-dir, or its server with MONGODB_URL."
        )
    try:
        async with opened(settings, join=True, rebuilding=rebuilding) as database:
            service = Service(settings, database, access(settings, None))
            try:
                yield service
            finally:
                await service.reader.close()
    except PyMongoError as error:
        raise WorkFailed(f"The database is away ({error}): run the same command again.") from error
