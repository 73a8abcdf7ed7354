"""The blocks of a batch: what is stored of them, what the entries say, and what follows.

`services.chain` has the rule; this loads what the rule needs to look at, and no more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import InsertOne, ReplaceOne

from documents.projection import Collection, find_in
from services.cells import Operation
from services.chain import PLACES, BlockState, Chain, Unknown

Row = dict[str, Any]
Entry = dict[str, Any]
FIRST_SPAN = 64
"""How many heights below and above one that is needed are loaded first; then ever twice as many."""


@dataclass(frozen=True)
class Folded:
    """What the entries of a batch make of the blocks."""

    chain: Chain
    applied: list[dict[str, Any]]
    """The blocks that the entries apply, as they tell them, without those refused."""
    writes: list[Operation]


async def fold(blocks: Collection, entries: Sequence[Entry]) -> Folded:
    """Return what entries of the log make of the stored blocks."""
    named = [block for block, *_ in _sayings(entries)]
    loaded = {block["height"] + step for block in named for step in (-1, 0, 1)}
    rows = {
        row["_id"]: row
        for field, keys in (("height", loaded), ("_id", {block["hash"] for block in named}))
        async for row in find_in(blocks, field, keys)
    }
    if any(entry.get("rolled_back") for entry in entries):
        async for row in blocks.find({"applied": False, "valid": True}):
            rows[row["_id"]] = row
    span = FIRST_SPAN
    while True:
        # States change as the chain works, so each try begins with those stored.
        chain = Chain(map(_state, rows.values()), loaded)
        try:
            applied = _tell(chain, entries)
            chain.resolve()
            return Folded(chain, applied, list(_writes(chain, rows)))
        except Unknown as needed:
            heights = range(needed.height - span, needed.height + span + 1)
            span *= 2
            query = {"height": {"$gte": heights.start, "$lt": heights.stop}}
            async for row in blocks.find(query):
                rows[row["_id"]] = row
            loaded.update(heights)


def _writes(chain: Chain, rows: dict[str, Row]) -> Iterator[Operation]:
    for block in chain.changed:
        row = {name: getattr(block, name) for name in BlockState.__slots__}
        row = {"_id": row.pop("hash"), **row}
        if block.hash not in rows:
            yield InsertOne(row)
        elif row != rows[block.hash]:
            yield ReplaceOne({"_id": block.hash}, row)


def _state(row: Row) -> BlockState:
    return BlockState(**{("hash" if name == "_id" else name): value for name, value in row.items()})


def _sayings(
    entries: Sequence[Entry],
) -> Iterator[tuple[dict[str, Any], int, bool]]:
    """Yield what is said of blocks: each block, a number that orders it, whether it is applied."""
    for entry in entries:
        said = [(block, False) for block in entry.get("rolled_back", ())]
        said += [(block, True) for block in entry["applied"]]
        for place, (block, is_applied) in enumerate(said):
            number = int(entry.get("original") or entry["_id"])
            yield block, (number << PLACES) + place, is_applied


def _tell(chain: Chain, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Tell the chain what the entries say of blocks; return those applied and not refused."""
    applied = []
    for block, told, is_applied in _sayings(entries):
        where = block["hash"], block["height"]
        if not is_applied:
            chain.rollback(*where, told, block.get("parent"))
        elif chain.apply(*where, block["parent"], block["at"], told, block.get("burn")):
            applied.append(block)
    return applied
