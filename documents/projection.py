"""The projected collections, one set for each generation.

A rebuild fills a new generation beside the one that answers; the head then names the new one.
"""

from typing import Any

from beanie import Document, init_beanie
from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from documents.cells import DayCell, MonthCell, TotalCell
from documents.log import Commit, Head, Import, LogEntry
from documents.records import (
    BlockRecord,
    CommunityRecord,
    EventRecord,
    TemplateRecord,
    UserRecord,
)

Collection = AsyncIOMotorCollection[dict[str, Any]]
Database = AsyncIOMotorDatabase[dict[str, Any]]

NAMESPACE_EXISTS = 48

KEPT: tuple[type[Document], ...] = (LogEntry, Commit, Head, Import)
PROJECTED: tuple[type[Document], ...] = (
    EventRecord,
    BlockRecord,
    UserRecord,
    CommunityRecord,
    TemplateRecord,
    TotalCell,
    MonthCell,
    DayCell,
)


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
        self.days = self._collection(DayCell)

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


async def prepare(database: Database) -> Head:
    """Bind the documents to the database, create what is missing, and return the head."""
    await init_beanie(database=database, document_models=list(KEPT))
    for model in KEPT:
        await _create(database, model.Settings.name)
    head = await Head.get("head")
    if head is None:
        head = Head()
        await database[Head.Settings.name].update_one(
            {"_id": head.id}, {"$setOnInsert": head.model_dump(exclude={"id"})}, upsert=True
        )
        head = await Head.get("head")
    assert head is not None  # noqa: S101  # just written; nothing deletes it
    await Projection(database, head.generation).create()
    return head


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
