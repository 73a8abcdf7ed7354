"""A synthetic PassportX chain: mines blocks, reorganises, and tells of each step."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from random import Random

import orjson

from ingest.contracts import Contracts
from ingest.synthetic.contracts import Journal, State
from ingest.synthetic.encoding import deliver
from ingest.synthetic.model import Block, Call, Place, Step, Transaction
from ingest.synthetic.story import DAY_MS, Scale, Story, block_times

DEPLOYER = "ST1PQHQKV0RJXZFY1DGX8MNSNYVE3VGZJSRTPGZGM"
DEVNET = Contracts.of("devnet", DEPLOYER)
"""The contracts of the tests' fixtures, which are those of the demo."""

BLOCK_MS = 10_000
_FIRST_HEIGHT = 100_000
_SURVIVAL = 0.85
_HISTORY_FORKS = 0.02
_LIVE_FORK_EVERY = 6


class Chain:
    """A chain that is the same for the same seed and the same sequence of steps.

    Every change of it comes back as a `Step`. Only blocks that touch PassportX exist here, so
    heights have gaps, as they do in deliveries. `start` is in milliseconds since 1970, UTC.
    """

    def __init__(
        self,
        seed: int,
        *,
        start: int,
        scale: Scale = Scale(),  # noqa: B008 it is frozen
        contracts: Contracts = DEVNET,
        keep: int | None = None,
    ) -> None:
        """Start empty. `keep` bounds how many blocks are remembered, and so how deep forks go."""
        self.contracts = contracts
        self.scale = scale
        self.start = start
        self.state = State(contracts)
        self.rng = Random(seed)  # noqa: S311 a story needs no secrecy
        self._story = Story(self.rng, contracts, scale, start)
        self._salt = self.rng.randbytes(8)
        self._branch = 0
        self._last = Step()
        self._mined: deque[tuple[Block, Journal]] = deque(maxlen=keep)

    @property
    def blocks(self) -> Sequence[Block]:
        """The canonical blocks that are remembered, in ascending order."""
        return [block for block, _ in self._mined]

    def mine(self, at: int, badges: int) -> Step:
        """Mine one block about `at` (milliseconds), with exactly `badges` badge events.

        A badge event is a badge issued, revoked or updated. What else happens is beside them; a
        block is never empty. The block is at least a second after its parent.
        """
        if self._mined:
            tip = self._mined[-1][0]
            at = max(at, tip.at + 1000)
            height = max(tip.height + 1, self._height(at))
        else:
            height = self._height(at)
        return self._take(Step(apply=(self._mine(height, at, (), badges),)))

    def fork(self, depth: int, at: int) -> Step:
        """Take the last `depth` blocks back and mine as many others, and one more about `at`.

        Most of their transactions are mined again, often in another of the blocks, and run anew:
        what they find there decides on identifiers and on success. Some vanish, others are new.
        """
        depth = min(depth, len(self._mined))
        rollback = self._take_back(depth)
        self._branch += 1
        places = [(block.height, block.at) for block in reversed(rollback)]
        if places:
            height, last = places[-1]
            places.append((height + 1, max(at, last + 1000)))
        # Both branches grow on the same block, which may be one that nobody was told of.
        base = rollback[-1].parent if rollback else ""
        apply = []
        for (height, when), calls in zip(
            places, self._survivors(rollback, len(places)), strict=True
        ):
            apply.append(self._mine(height, when, calls, self.rng.randrange(3), base))
            base = ""
        return self._take(Step(tuple(rollback), tuple(apply)))

    def flip(self, step: Step) -> Step:
        """Undo the last step: the blocks that it took back are canonical again, unchanged.

        Raises `ValueError` when `step` is not the last one.
        """
        if step is not self._last:
            raise ValueError("only the last step can be undone")
        rollback = self._take_back(len(step.apply))
        self._branch += 1
        apply = tuple(reversed(step.rollback))
        for block in apply:
            journal = self.state.begin()
            for transaction in block.transactions:
                self.state.execute(transaction.call, transaction.place)
            self._mined.append((block, journal))
        return self._take(Step(tuple(rollback), apply))

    def _take(self, step: Step) -> Step:
        self._last = step
        return step

    def _take_back(self, depth: int) -> list[Block]:
        rollback = []
        for _ in range(depth):
            block, journal = self._mined.pop()
            self.state.undo(journal)
            rollback.append(block)
        return rollback

    def _survivors(self, rollback: Sequence[Block], number: int) -> list[list[Call]]:
        calls: list[list[Call]] = [[] for _ in range(number)]
        for place, block in enumerate(reversed(rollback)):
            for transaction in block.transactions:
                if self.rng.random() < _SURVIVAL:
                    later = self.rng.randrange(2)
                    calls[min(place + later, number - 1)].append(transaction.call)
        return calls

    def _mine(
        self, height: int, at: int, calls: Sequence[Call], badges: int, parent: str = ""
    ) -> Block:
        parent = parent or self._parent(height)
        journal = self.state.begin()
        transactions: list[Transaction] = []
        waiting = deque(calls)
        logs = told = 0
        while waiting or told < badges or not transactions:
            call = waiting.popleft() if waiting else self._story.next(self.state, at, badges - told)
            done = self.state.execute(call, Place(height, len(transactions), logs))
            transactions.append(done)
            logs += len(done.logs)
            told += done.badge_events
        block = Block(height, self._hash(height), parent, at // 1000 * 1000, transactions)
        self._mined.append((block, journal))
        return block

    def _height(self, at: int) -> int:
        return _FIRST_HEIGHT + (at - self.start) // BLOCK_MS

    def _parent(self, height: int) -> str:
        if self._mined and self._mined[-1][0].height == height - 1:
            return self._mined[-1][0].hash
        return self._hash(height - 1)

    def _hash(self, height: int) -> str:
        name = f"{self._branch} {height}".encode()
        return f"0x{blake2b(name, digest_size=32, key=self._salt).hexdigest()}"


def history(chain: Chain, badges: int, now: int, per_block: int | None = None) -> Iterator[Step]:
    """Yield one block a step until the chain has told `badges` badge events and it is `now`.

    The blocks lie between the chain's start and `now` as people's days lie. With `per_block`
    every block has exactly that many badge events, the last one the rest; without it a few, and
    every fiftieth step or so is a reorganisation, whose events are not counted.
    """
    sizes = list(_sizes(chain.rng, badges, per_block))
    for size, at in zip(sizes, block_times(chain.start, now, len(sizes), chain.rng), strict=True):
        yield chain.mine(at, size)
        if per_block is None and chain.rng.random() < _HISTORY_FORKS:
            yield chain.fork(chain.rng.randint(1, 3), at)


def _sizes(rng: Random, badges: int, per_block: int | None) -> Iterator[int]:
    while badges > 0:
        size = min(badges, per_block or rng.randint(1, 9))
        yield size
        badges -= size


def live(chain: Chain, clock: Callable[[], int]) -> Iterator[Step]:
    """Yield the next block on demand, for ever; every sixth step is a reorganisation.

    `clock` gives the time in milliseconds since 1970, UTC.
    """
    number = 0
    while True:
        number += 1
        if number % _LIVE_FORK_EVERY:
            yield chain.mine(clock(), chain.rng.randint(1, 6))
        else:
            yield chain.fork(chain.rng.randint(1, 3), clock())


def bulk(
    badges: int,
    per_delivery: int,
    *,
    now: int,
    scale: Scale = Scale(),  # noqa: B008 it is frozen
    seed: int = 1,
) -> Iterator[bytes]:
    """Yield deliveries of 1.x, raw, as JSON, of exactly `per_delivery` badge events each.

    For benchmarks: nothing is remembered, so nothing is reorganised.
    """
    chain = Chain(seed, start=now - scale.days * DAY_MS, scale=scale, keep=1)
    for step in history(chain, badges, now, per_delivery):
        yield orjson.dumps(deliver(step, chain.contracts))


def split(step: Step, *predicates: Callable[[Transaction], bool]) -> list[Step]:
    """Return the step as each of several hooks tells it: with the transactions it asked for.

    A block in which a hook finds nothing is not told by it.
    """
    return [
        Step(_matching(step.rollback, wanted), _matching(step.apply, wanted))
        for wanted in predicates
    ]


def _matching(blocks: Sequence[Block], wanted: Callable[[Transaction], bool]) -> tuple[Block, ...]:
    found = (
        replace(block, transactions=[each for each in block.transactions if wanted(each)])
        for block in blocks
    )
    return tuple(block for block in found if block.transactions)
