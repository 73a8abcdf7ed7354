"""Rebuilding: everything derived again from the log, while the old figures still answer.

A second head counts its own way through the log and fills the next generation of collections. Once
it has reached the first head, that takes its place, generation and all, in one transaction.
"""

from collections.abc import Callable
from typing import Any

from documents.log import Commit, Head
from documents.projection import LAYOUT, Database, Projection
from services.analytics import milliseconds
from services.catalogue import FAMILIES
from services.ledger import REBUILT, Ledger


class _Behind(Exception):
    """The log has grown in the meantime."""


async def rebuild(database: Database, limit: int, tell: Callable[[int, int], None]) -> int:
    """Derive everything again; return the position at which it answers.

    `limit` is how many events a commit takes; `tell` is told the log entry that was reached and
    the last one. One that is interrupted leaves the old figures in place, and begins anew.

    Raises `PyMongoError` if the database is away.
    """
    heads = database[Head.Settings.name]
    current = Head.model_validate(await heads.find_one({"_id": "head"}))
    generation = current.generation + 1
    fresh = Head(id=REBUILT, generation=generation, layout=LAYOUT)
    # First, for a process that starts drops the generations that no head names.
    await heads.replace_one(
        {"_id": REBUILT}, {"_id": REBUILT, **fresh.model_dump(exclude={"id"})}, upsert=True
    )
    await Projection(database, generation).drop()
    await Projection(database, generation).create()
    ledger = Ledger(database, head=REBUILT)
    while True:
        await _catch_up(database, ledger, limit, tell)
        try:
            return await _take_over(database)
        except _Behind:
            continue


async def _catch_up(
    database: Database, ledger: Ledger, limit: int, tell: Callable[[int, int], None]
) -> None:
    while await ledger.commit(limit) is not None:
        heads = {
            head["_id"]: head["sequence"]
            async for head in database[Head.Settings.name].find({}, {"sequence": 1})
        }
        tell(heads[REBUILT], max(heads.values()))


async def _take_over(database: Database) -> int:
    """Let the new generation answer. Raises `_Behind` if it lacks what the old one contains."""
    heads = database[Head.Settings.name]

    async def swap(session: Any) -> Any:  # noqa: ANN401  # Motor is not typed
        old = Head.model_validate(await heads.find_one({"_id": "head"}, session=session))
        new = Head.model_validate(await heads.find_one({"_id": REBUILT}, session=session))
        if new.sequence < old.sequence:
            raise _Behind
        position, now = old.position + 1, milliseconds()
        moved = new.model_dump(exclude={"id"}) | {"position": position, "committed": now}
        moved["network"] = old.network
        await heads.replace_one({"_id": "head"}, {"_id": "head", **moved}, session=session)
        await heads.delete_one({"_id": REBUILT}, session=session)
        commit = {
            "_id": position,
            "at": now,
            "reason": "REBUILD",
            "families": sorted(family.name for family in FAMILIES),
            "counts": {},
            "undone": 0,
            "since": new.earliest,
            "first_sequence": 1,
            "last_sequence": new.sequence,
        }
        await database[Commit.Settings.name].insert_one(commit, session=session)
        return position

    async with await database.client.start_session() as session:
        position: int = await session.with_transaction(swap)
        return position
