"""Which blocks are canonical, given everything that deliveries have said about blocks.

What deliveries say is folded into one word a block: the last delivery that named it either applied
it or rolled it back. Everything else is a pure function of those words and of ancestry:

- A block is *rolled back* if its last word is a rollback, unless a block that descends from it was
  applied later than every rollback between the two: who builds on a block says that it is there.
- A block is *valid* if neither it nor any known ancestor is rolled back.
- The canonical chain is the highest valid block and its known ancestors. Where an ancestor is not
  known, as happens because hooks deliver only the blocks that match, the chain goes on below with
  the highest valid block that is lower than the missing one. Of several blocks at the height where
  that choice is made, the one applied last is canonical.

So the order in which deliveries of different hooks are interleaved does not matter in the end, a
block that a sibling displaced comes back when a descendant of it becomes the tip, and no block is
canonical on a known parent that is not.

A block's hash determines its height and its parent: those told first are kept. A hash that is told
at another height is refused. So is a block that contradicts the chain from its first block on,
or hours after the chain has gone on: there a chain has begun anew, as a reset devnet does.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

OTHER_HEIGHT: Final = "other_height"
"""The reason of a refused block: its hash has been told at another height before."""
CHAIN_RESTARTED: Final = "chain_restarted"
"""The reason of a refused block: it belongs to a chain that begins anew beside the known one."""
RESTART_MS: Final = 6 * 3_600_000
"""How much later than the block that it contradicts a block of a restarted chain is, at least.

Forks of one chain are minutes apart, and a fork's first block has a known parent as a rule.
"""
PLACES: Final = 20
"""Bits of a word's number that tell the place within the entry of the log."""


@dataclass(slots=True)
class BlockState:
    """What is known of a block; see `documents.records.BlockRecord`."""

    hash: str
    height: int
    parent: str | None = None
    at: int | None = None
    burn: int | None = None
    applied: bool = False
    told: int = -1
    foreign: bool = False
    valid: bool = False
    canonical: bool = False


class Unknown(Exception):
    """The blocks at a height are needed, and have not been loaded."""

    def __init__(self, height: int) -> None:
        super().__init__(height)
        self.height = height


class Chain:
    """The blocks that a batch touches and those near them.

    First tell it what the deliveries say (`apply`, `rollback`), then `resolve` once. Both raise
    `Unknown` for a height that is not among those loaded; begin again with those blocks, too.
    """

    def __init__(
        self, known: Iterable[BlockState] = (), loaded: Container[int] | None = None
    ) -> None:
        """`loaded` are the heights of which `known` has every block; None means all heights."""
        self._blocks = {block.hash: block for block in known}
        self._heights: dict[int, list[BlockState]] = {}
        for block in self._blocks.values():
            self._heights.setdefault(block.height, []).append(block)
        self._loaded = loaded
        self.known = frozenset(self._blocks)
        """Hashes of the blocks that were known before."""
        self._before = {block.hash: block.canonical for block in self._blocks.values()}
        self._touched: dict[str, BlockState] = {}
        self._moved: dict[str, BlockState] = {}
        self.refused: Counter[str] = Counter()
        """Blocks that were refused, by reason."""

    # What deliveries say

    def apply(  # what a delivery says of a block
        self,
        block_hash: str,
        height: int,
        parent: str,
        at: int,
        told: int = 0,
        burn: int | None = None,
    ) -> bool:
        """Apply a block. Return False if it is refused, and count why.

        `told` orders what is said of a block; what was said later already, holds.
        """
        block = self._named(block_hash, height)
        if block is None:
            return False
        if not block.applied and self._restarts(block, parent, at):
            self.refused[CHAIN_RESTARTED] += 1
            block.foreign, block.parent = True, parent
            return False
        block.foreign = False
        if block.at is None:
            block.parent, block.at = parent, at
        if block.burn is None:
            block.burn = burn
        self._say(block, told, applied=True)
        return True

    def rollback(
        self, block_hash: str, height: int, told: int = 0, parent: str | None = None
    ) -> bool:
        """Roll a block back. Return False if it is refused, and count why."""
        block = self._named(block_hash, height)
        if block is None:
            return False
        if block.parent is None:
            block.parent = parent
        self._say(block, told, applied=False)
        return True

    def _named(self, block_hash: str, height: int) -> BlockState | None:
        block = self._blocks.get(block_hash)
        if block is None:
            block = self._blocks[block_hash] = BlockState(block_hash, height)
            self._heights.setdefault(height, []).append(block)
        if block.height != height:
            self.refused[OTHER_HEIGHT] += 1
            return None
        self._touched[block_hash] = block
        return block

    def _say(self, block: BlockState, told: int, *, applied: bool) -> None:
        if told >= block.told:
            block.applied, block.told = applied, told

    def _restarts(self, block: BlockState, parent: str, at: int) -> bool:
        below = self._known(parent, block.height - 1)
        if below is not None:
            return below.foreign
        return any(
            block.height <= 1
            or (
                other.at is not None
                and at > other.at + RESTART_MS
                and any(child.applied for child in self._children(other))
            )
            for other in self._at(block.height)
            if other.applied and other is not block
        )

    # What follows from it

    def resolve(self) -> None:
        """Determine which blocks are valid, and which of them are canonical."""
        heights = {block.height for block in self._touched.values()}
        self._validate()
        heights |= {block.height for block in self._moved.values()}
        self._choose(heights)

    def canonical(self, block_hash: str) -> bool:
        """Return whether a block that has been named is canonical now."""
        return self._blocks[block_hash].canonical

    def block(self, block_hash: str) -> BlockState:
        """Return a block that has been named."""
        return self._blocks[block_hash]

    @property
    def changed(self) -> list[BlockState]:
        """The blocks that were named, or of which anything changed."""
        return list({**self._touched, **self._moved}.values())

    def flipped(self) -> list[BlockState]:
        """Return the blocks known before that were canonical and no longer are, or the reverse."""
        return [
            block
            for block in self.changed
            if block.hash in self.known and block.canonical != self._before[block.hash]
        ]

    def _validate(self) -> None:
        """Determine anew which blocks are valid, as far as what was said may have changed it."""
        waiting: dict[int, dict[str, BlockState]] = {}

        def doubt(block: BlockState) -> None:
            waiting.setdefault(block.height, {})[block.hash] = block

        for block in self._touched.values():
            doubt(block)
            # What it may bring back: its rolled back ancestors.
            ancestor = self._parent(block)
            while ancestor is not None and not ancestor.valid:
                doubt(ancestor)
                ancestor = self._parent(ancestor)
        if any(not block.applied for block in self._touched.values()):
            # What was there only because of a block that is rolled back now.
            for block in self._blocks.values():
                if block.valid and not block.applied:
                    doubt(block)
        fresh = self._touched.keys() - self.known
        while waiting:
            height = min(waiting)
            for block in waiting.pop(height).values():
                valid = not self._is_rolled_back(block)
                if valid:
                    parent = self._parent(block)
                    valid = parent is None or parent.valid
                if valid != block.valid or block.hash in fresh:
                    block.valid = valid
                    self._moved[block.hash] = block
                    for child in self._children(block):
                        doubt(child)

    def _is_rolled_back(self, block: BlockState) -> bool:
        if block.applied:
            return False
        if block.told < 0:
            return True  # refused, or named in vain
        # Descendants with the latest rollback on the way to each of them.
        waiting = [(child, block.told) for child in self._children(block)]
        while waiting:
            below, latest = waiting.pop()
            if below.applied and below.told > latest:
                return False
            latest = latest if below.applied else max(latest, below.told)
            waiting += [(child, latest) for child in self._children(below)]
        return True

    def _choose(self, heights: set[int]) -> None:
        """Choose the canonical block of each of these heights, and below as far as it matters."""
        waiting = set(heights)
        while waiting:
            height = max(waiting)
            waiting.discard(height)
            above = next((b for b in self._at(height + 1) if b.canonical), None)
            chosen = self._parent(above) if above is not None else self._last_applied(height)
            for block in self._at(height):
                if block.canonical != (block is chosen):
                    block.canonical = block is chosen
                    self._moved[block.hash] = block
                    waiting.add(height - 1)

    def _last_applied(self, height: int) -> BlockState | None:
        valid = (block for block in self._at(height) if block.valid)
        return max(valid, key=lambda block: (block.told, block.hash), default=None)

    # Who is related to whom

    def _parent(self, block: BlockState) -> BlockState | None:
        return None if block.parent is None else self._known(block.parent, block.height - 1)

    def _known(self, block_hash: str, height: int) -> BlockState | None:
        self._need(height)
        block = self._blocks.get(block_hash)
        return block if block is not None and block.height == height else None

    def _children(self, block: BlockState) -> Iterator[BlockState]:
        return (b for b in self._at(block.height + 1) if b.parent == block.hash)

    def _at(self, height: int) -> list[BlockState]:
        self._need(height)
        return self._heights.get(height, [])

    def _need(self, height: int) -> None:
        if self._loaded is not None and height not in self._loaded:
            raise Unknown(height)
