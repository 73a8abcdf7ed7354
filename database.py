"""Opening the database that the settings name."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from documents.connection import checking, connect
from documents.embedded import DataDirectoryInUse, EmbeddedMongo, running_url
from documents.projection import Database, claim, prepare
from settings import Settings, make_data_directory


@asynccontextmanager
async def opened(
    settings: Settings,
    *,
    join: bool = False,
    rebuilding: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> AsyncIterator[Database]:
    """Open the database at MONGODB_URL, or the embedded one.

    With `join`, an embedded one that a running service has open is used beside it. For who is
    `rebuilding`, figures that another version stored will do. `meanwhile` is called while an
    embedded one starts, which takes a process of its own some tenths of a second.

    Raises `DatabaseError`, and `SettingsError` for a directory that cannot be used.
    """
    async with AsyncExitStack() as stack:
        url = settings.mongodb_url
        if url is None:
            make_data_directory(settings.data_dir)
            mongo = EmbeddedMongo(settings.data_dir, meanwhile)
            try:
                url = await stack.enter_async_context(mongo)
            except DataDirectoryInUse:
                url = await running_url(settings.data_dir) if join else None
                if url is None:
                    raise
        database = await connect(url, settings.mongodb_database)
        stack.callback(database.client.close)
        with checking(database):
            await prepare(database, rebuilding=rebuilding)
            await claim(database, settings.network)
        yield database
