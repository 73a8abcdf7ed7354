"""Which blocks are canonical: the fold over what deliveries apply and take back.

A block stands when the last delivery that named it applied it and no later application implies
that it has left the chain. Two hooks post separately and one may lag behind the other, so a stale
fork may be applied for a while; what it displaced comes back when the fork is taken back. Once
every hook has delivered everything, the blocks that stand are the canonical chain, in whatever
order the deliveries of different hooks were interleaved.

A block's hash determines its height. The one that was told first is kept, and what tells the same
hash at another height does nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

OTHER_HEIGHT: Final = "other_height"
"""The reason of a refused block: its hash has been told at another height before."""


@dataclass(slots=True)
class BlockState:
    """What is known of a block; see `documents.records.BlockRecord`."""

    hash: str
    height: int
    parent: str | None = None
    at: int | None = None
    applied: bool = False
    orphaned_by: str | None = None

    @property
    def stands(self) -> bool:
        """Whether the block is canonical as far as is known."""
        return self.applied and self.orphaned_by is None

    def excludes(self, other: "BlockState") -> bool:
        """Whether this block, applied, implies that `other` has left the chain."""
        if other.height == self.height:
            return other.hash != self.hash
        return other.height == self.height - 1 and other.hash != self.parent


class Chain:
    """The blocks that a batch touches and their neighbours; `changed` has those it moved."""

    def __init__(self, known: Iterable[BlockState] = ()) -> None:
        self._blocks = {block.hash: block for block in known}
        self._heights: dict[int, list[BlockState]] = {}
        for block in self._blocks.values():
            self._heights.setdefault(block.height, []).append(block)
        self.known = frozenset(self._blocks)
        """Hashes of the blocks that were known before."""
        self.stood = frozenset(block.hash for block in self._blocks.values() if block.stands)
        """Hashes of the blocks that stood before."""
        self.changed: dict[str, BlockState] = {}

    def stands(self, block_hash: str) -> bool:
        """Whether a block that has been named stands now."""
        return self._blocks[block_hash].stands

    def apply(self, block_hash: str, height: int, parent: str, at: int) -> bool:
        """Apply a block, which displaces what it excludes; nothing happens if it stands.

        Return False, and do nothing, if it is known at another height.
        """
        block = self._named(block_hash, height)
        if block is None:
            return False
        if block.stands:
            return True
        block.parent, block.at = parent, at
        block.applied, block.orphaned_by = True, None
        self._note(block)
        for other in self._around(height, height - 1):
            if other.stands and block.excludes(other):
                other.orphaned_by = block_hash
                self._note(other)
        return True

    def rollback(self, block_hash: str, height: int) -> bool:
        """Take a block back, and with it its claim on the blocks that it displaced.

        Return False, and do nothing, if it is known at another height.
        """
        block = self._named(block_hash, height)
        if block is None:
            return False
        if not block.applied:
            return True
        displaced_by = self._blocks.get(block.orphaned_by or "")
        block.applied, block.orphaned_by = False, None
        self._note(block)
        for other in self._around(height, height - 1):
            if other.orphaned_by == block_hash:
                excluded = displaced_by is not None and displaced_by.excludes(other)
                other.orphaned_by = displaced_by.hash if displaced_by and excluded else None
                self._note(other)
        return True

    def flipped(self) -> list[BlockState]:
        """Return the blocks known before that stood and no longer do, or the reverse."""
        return [
            block
            for block in self.changed.values()
            if block.hash in self.known and block.stands != (block.hash in self.stood)
        ]

    def _named(self, block_hash: str, height: int) -> BlockState | None:
        block = self._blocks.get(block_hash)
        if block is None:
            block = BlockState(block_hash, height)
            self._blocks[block_hash] = block
            self._heights.setdefault(height, []).append(block)
            self._note(block)
        return block if block.height == height else None

    def _around(self, *heights: int) -> list[BlockState]:
        return [block for height in heights for block in self._heights.get(height, ())]

    def _note(self, block: BlockState) -> None:
        self.changed[block.hash] = block
