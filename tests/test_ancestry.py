"""Which blocks are canonical, held to a simulated chain that knows the truth."""

from copy import copy
from random import Random
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.connection import Database
from services.chain import CHAIN_RESTARTED, BlockState, Chain, Unknown
from services.events import Block, BlockRef, Delivery, Event
from services.recount import recount
from tests.chain_simulator import Report, SimBlock, Simulation
from tests.services import Services
from tests.test_ledger import UNSHRUNK, empty

NOW = 1_790_000_000_000
TREES = 4 * (settings.default.max_examples if settings.default else 100)
"""Trees in memory: some hundreds by default, thousands in the thorough profile."""


class Store:
    """Blocks as the ledger stores them: loaded by height, and only those that are asked for."""

    def __init__(self) -> None:
        self.blocks: dict[str, BlockState] = {}
        self.number = 0

    def commit(self, reports: list[Report]) -> None:
        """Fold some reports, with nothing loaded but what the chain asks for."""
        loaded: set[int] = set()
        while True:
            known = [copy(b) for b in self.blocks.values() if b.height in loaded]
            named = {b.name for r in reports for b in (*r.rolled_back, *r.applied)}
            known += [copy(b) for n, b in self.blocks.items() if n in named and b not in known]
            kept = [b for b in self.blocks.values() if b.valid and not b.applied]
            chain = Chain({b.hash: copy(b) for b in (*kept, *known)}.values(), loaded)
            try:
                number = self._tell(chain, reports)
                chain.resolve()
            except Unknown as needed:
                loaded.add(needed.height)
                continue
            self.number = number
            self.blocks.update({block.hash: block for block in chain.changed})
            return

    def _tell(self, chain: Chain, reports: list[Report]) -> int:
        number = self.number
        for report in reports:
            for block in report.rolled_back:
                number += 1
                chain.rollback(block.name, block.height, number)
            for block in report.applied:
                number += 1
                chain.apply(block.name, block.height, block.parent, NOW, number)
        return number

    def canonical(self) -> set[str]:
        """Return the canonical blocks."""
        return {block.hash for block in self.blocks.values() if block.canonical}


@settings(max_examples=TREES)
@given(seed=st.integers(0, 2**32), forgetful=st.booleans(), complete=st.booleans())
def test_what_is_canonical_is_what_the_simulated_chain_says(
    seed: int,
    forgetful: bool,  # hypothesis names it
    complete: bool,  # hypothesis names it
) -> None:
    """Deep forks, lagging hooks, missing and partial rollbacks, missing blocks, repetition."""
    simulation = Simulation(seed, forgetful=forgetful, complete=complete)
    random, store = Random(seed), Store()  # noqa: S311  # a history needs no secrecy
    batch: list[Report] = []
    for report in simulation.reports():
        batch.append(report)
        if random.random() < 0.4:
            store.commit(batch)
            batch = []
            assert_coherent(store)
    store.commit(batch)
    assert_coherent(store)
    expected = simulation.determined()
    if expected is not None:
        canonical = store.canonical()
        assert {name: name in canonical for name in expected} == expected


def assert_coherent(store: Store) -> None:
    """One block a height, and none on a known parent that is not canonical."""
    canonical = [block for block in store.blocks.values() if block.canonical]
    assert len({block.height for block in canonical}) == len(canonical)
    for block in canonical:
        parent = store.blocks.get(block.parent or "")
        assert parent is None or parent.canonical
    for height in {block.height for block in store.blocks.values() if block.valid}:
        # Some block is canonical at the height of a valid one, or the one above excludes all.
        assert height in {b.height for b in canonical} or height + 1 in {
            b.height for b in canonical
        }


@settings(max_examples=TREES)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 8))
def test_batches_of_any_size_give_the_same_chain(seed: int, size: int) -> None:
    simulation = Simulation(seed, forgetful=seed % 2 == 0)
    reports = list(simulation.reports())
    whole, parts = Store(), Store()
    whole.commit(reports)
    for start in range(0, len(reports), size):
        parts.commit(reports[start : start + size])
    assert parts.blocks == whole.blocks


def delivery(report: Report) -> Delivery:
    """Return a report as a delivery, each block with a badge of its own."""
    return Delivery(
        rollback=[BlockRef(block.height, block.name) for block in report.rolled_back],
        apply=[_block(block) for block in report.applied],
    )


def _block(block: SimBlock) -> Block:
    event = {"id": block.name, "type": "badge_issued", "badge": block.name, "user": "u", "index": 0}
    return Block(block.height, block.name, block.parent, NOW, [cast("Event", event)])


@settings(max_examples=max(10, TREES // 40), phases=UNSHRUNK)
@given(seed=st.integers(0, 2**32))
async def test_badges_follow_the_chain_and_the_recount_agrees(mongo_url: str, seed: int) -> None:
    """Through the log, the ledger and the database; the recount decides by code of its own."""
    simulation = Simulation(seed, forgetful=seed % 2 == 0, complete=seed % 3 == 0)
    random = Random(seed)  # noqa: S311  # a history needs no secrecy
    async with empty(mongo_url) as database:
        services = await Services.on(database, NOW)
        for report in simulation.reports():
            await services.log.accept(delivery(report), "chainhook")
            if random.random() < 0.3:
                await services.commit(random.choice([1, 3, 50]))
        await services.commit()
        canonical = await issued(database)
        assert canonical == {badge.badge for badge in (await recount(database, 1 << 60)).badges}
        expected = simulation.determined() or {}
        assert {name: name in canonical for name in expected} == expected
        await services.reader.close()


async def issued(database: Database) -> set[str]:
    """Return the badges that are issued."""
    rows = await database["events_1"].find({"live": True}, {"badge": 1}).to_list(None)
    return {row["badge"] for row in rows}


def block(name: str, height: int, parent: str = "?") -> SimBlock:
    """Return a block; without a parent, one whose parent nobody reports."""
    return SimBlock(name, height, parent if parent != "?" else f"parent of {name}")


A10, B10, A11 = block("A10", 10), block("B10", 10), block("A11", 11, "A10")


def chain_of(*reports: Report) -> set[str]:
    """Return what is canonical after each report was committed by itself."""
    store = Store()
    for report in reports:
        store.commit([report])
    return store.canonical()


def applied(*blocks: SimBlock) -> Report:
    return Report((), blocks)


def rolled_back(*blocks: SimBlock) -> Report:
    return Report(blocks)


def test_of_two_siblings_the_one_applied_last_is_canonical() -> None:
    assert chain_of(applied(B10), applied(A10)) == {"A10"}
    assert chain_of(applied(A10), applied(B10)) == {"B10"}
    assert chain_of(applied(A10), applied(B10), applied(A10)) == {"A10"}


def test_a_displaced_block_comes_back_with_its_descendant() -> None:
    assert chain_of(applied(A10), applied(B10), applied(A11)) == {"A10", "A11"}


def test_nothing_is_canonical_on_a_parent_that_was_rolled_back_later() -> None:
    """The rollback list lacked the child."""
    assert chain_of(applied(A10), applied(A11), rolled_back(A10)) == set()
    assert chain_of(applied(A10), applied(A11), rolled_back(A10), applied(A10)) == {"A10", "A11"}


def test_who_builds_on_a_block_brings_it_back_until_rolled_back_itself() -> None:
    told = [applied(A10), rolled_back(A10), applied(A11)]
    assert chain_of(*told) == {"A10", "A11"}
    assert chain_of(*told, rolled_back(A11)) == set()
    assert chain_of(*told, rolled_back(A11), applied(A11)) == {"A10", "A11"}


def restarted(*heights: int, at: int) -> Delivery:
    """Return blocks of a chain that has begun anew."""
    blocks = [
        Block(height, f"new {height}", f"new {height - 1}", at, [_event(f"new {height}")])
        for height in heights
    ]
    return Delivery(apply=blocks)


def _event(name: str) -> Event:
    return cast(
        "Event", {"id": name, "type": "badge_issued", "badge": name, "user": "u", "index": 0}
    )


@pytest.mark.parametrize("heights", [(1, 2, 3, 4, 5), (2, 3, 4, 5)])
async def test_a_chain_that_begins_anew_is_refused(
    database: Database, heights: tuple[int, ...]
) -> None:
    """A devnet was reset: neither do its blocks replace the known ones, nor fill their gaps."""
    services = await Services.on(database, NOW)
    old = [block(f"old {height}", height, f"old {height - 1}") for height in (1, 2, 3)]
    await services.log.accept(delivery(applied(*old)), "chainhook")
    await services.commit()
    await services.log.accept(restarted(*heights, at=NOW + 86_400_000), "chainhook")
    await services.commit()
    assert await issued(database) == {"old 1", "old 2", "old 3"}
    reading = await services.analytics.reading()
    assert reading.head.refused == {CHAIN_RESTARTED: len(heights)}
    assert {b.badge for b in (await recount(database, 1 << 60)).badges} == await issued(database)
