"""The projected collections, one set for each generation.

A rebuild fills a new generation beside the one that answers; the head then names the new one.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from beanie import Document, init_beanie
from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from documents.cells import DayUsers, MonthCell, QuarterHourCell, TotalCell
from documents.connection import DatabaseError
from documents.log import Commit, Head, Import, LogEntry, QuarantinedEntry, RefusedBody
from documents.records import (
    BlockRecord,
    CommunityRecord,
    EventRecord,
    TemplateRecord,
    UserRecord,
)
from documents.snapshots import SnapshotCursor, SnapshotRecord
from documents.tables import CodeRecord, FactChunk, UserChunk

Collection = AsyncIOMotorCollection[dict[str, Any]]
Database = AsyncIOMotorDatabase[dict[str, Any]]

T = TypeVar("T")
NAMESPACE_EXISTS = 48
KEYS_A_QUERY = 10_000
"""How many keys one query names; MongoDB refuses a query of more than 16 MB."""

LAYOUT = 4
"""How what is projected is laid out; raise it with any change of that, or of what is counted."""


class OtherLayout(DatabaseError):
    """What is projected was laid out by another version."""


class OtherNetwork(DatabaseError):
    """The database holds events of another network than is served."""


KEPT: tuple[type[Document], ...] = (
    LogEntry,
    Commit,
    Head,
    Import,
    QuarantinedEntry,
    RefusedBody,
    SnapshotRecord,
    SnapshotCursor,
)
PROJECTED: tuple[type[Document], ...] = (
    EventRecord,
    BlockRecord,
    UserRecord,
    CommunityRecord,
    TemplateRecord,
    TotalCell,
    MonthCell,
    QuarterHourCell,
    DayUsers,
    FactChunk,
    UserChunk,
    CodeRecord,
)


def batched(values: Sequence[T], size: int) -> Iterator[list[T]]:
    """Yield the values in lists of a size, the last one of the rest."""
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


async def find_in(
    collection: Collection,
    field: str,
    keys: Iterable[Any],
    narrowed: Mapping[str, Any] | None = None,
    *,
    only: Iterable[str] = (),
) -> AsyncIterator[dict[str, Any]]:
    """Yield the documents of which a field has one of the keys, however many those are.

    `narrowed` is what else they must match, `only` the fields to read if not all.
    """
    for part in batched(list(keys), KEYS_A_QUERY):
        query = {**(narrowed or {}), field: {"$in": part}}
        async for row in collection.find(query, dict.fromkeys(only, 1) or None):
            yield row


class Projection:
    """The collections of one generation, as Motor collections for bulk work."""

    def __init__(self, database: Database, generation: int) -> None:
        self.generation = generation
        self._database = database
        self.events = self._collection(EventRecord)
        self.blocks = self._collection(BlockRecord)
        self.users = self._collection(UserRecord)
        self.communities = self._collection(CommunityRecord)
        self.templates = self._collection(TemplateRecord)
        self.totals = self._collection(TotalCell)
        self.months = self._collection(MonthCell)
        self.quarter_hours = self._collection(QuarterHourCell)
        self.day_users = self._collection(DayUsers)
        self.fact_chunks = self._collection(FactChunk)
        self.user_chunks = self._collection(UserChunk)
        self.codes = self._collection(CodeRecord)

    def _collection(self, model: type[Document]) -> Collection:
        return self._database[f"{model.Settings.name}_{self.generation}"]

    async def create(self) -> None:
        """Create the collections with their indexes, where they do not exist."""
        for model in PROJECTED:
            collection = self._collection(model)
            await _create(self._database, collection.name)
            indexes = getattr(model.Settings, "indexes", [])
            if indexes:
                await collection.create_indexes(indexes)

    async def drop(self) -> None:
        """Drop the collections of this generation."""
        for model in PROJECTED:
            await self._collection(model).drop()


async def prepare(database: Database, *, rebuilding: bool = False) -> Head:
    """Bind the documents to the database, create what is missing, and return the head.

    Raises `OtherLayout`, except for who is going to derive everything again.
    """
    await init_beanie(database=database, document_models=list(KEPT))
    for model in KEPT:
        await _create(database, model.Settings.name)
    head = await Head.get("head")
    if head is None:
        head = Head(layout=LAYOUT)
        await database[Head.Settings.name].update_one(
            {"_id": head.id}, {"$setOnInsert": head.model_dump(exclude={"id"})}, upsert=True
        )
        head = await Head.get("head")
    assert head is not None  # noqa: S101  # just written; nothing deletes it
    if head.layout == LAYOUT:
        await Projection(database, head.generation).create()
    elif not rebuilding:
        raise OtherLayout(
            f"The figures in the database {database.name} were stored by another version of this "
            "service: stop what serves it, run `passportx rebuild` with the same settings, which "
            "derives them again from the log, and start again."
        )
    await _drop_stale(database)
    return head


async def claim(database: Database, network: str) -> None:
    """See that the database holds events of a network only, or nothing yet.

    Raises `OtherNetwork`.
    """
    heads = database[Head.Settings.name]
    head = await Head.get("head")
    assert head is not None  # noqa: S101  # `prepare` wrote it
    if head.network == network:
        return
    log = database[LogEntry.Settings.name]
    if head.network is not None and await log.find_one({}, {"_id": 1}) is not None:
        raise OtherNetwork(
            f"STACKS_NETWORK is {network}, but the database {database.name} holds events of "
            f"{head.network}: choose that network, or another database with MONGODB_DATABASE or "
            "--data-dir."
        )
    await heads.update_one({"_id": "head"}, {"$set": {"network": network}})


async def _drop_stale(database: Database) -> None:
    """Drop the collections of generations that a head has named, and none names any longer.

    By no other sign: in a database that is shared, `users_2024` may be somebody else's.
    """
    heads = database[Head.Settings.name].find({}, {"generation": 1})
    named = {head["generation"] async for head in heads}
    present = set(await database.list_collection_names())
    for generation in range(1, max(named)):
        if generation not in named:
            for model in PROJECTED:
                name = f"{model.Settings.name}_{generation}"
                if name in present:
                    await database[name].drop()


async def _create(database: Database, name: str) -> None:
    """Create a collection if it is not there: a transaction of MongoDB cannot."""
    if name in await database.list_collection_names():
        return
    try:
        await database.create_collection(name)
    except CollectionInvalid:
        pass  # another process that starts now was first
    except OperationFailure as failure:
        if failure.code != NAMESPACE_EXISTS:
            raise
