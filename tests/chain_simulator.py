"""A chain that knows the truth, and hooks that report it badly. It shares no code with the service.

The chain grows, forks deeply and returns to earlier branches. Each hook reports the steps in order,
but only blocks that match its filter, late, in one delivery or many, repeats its last delivery, and
may leave out all or part of what it has to roll back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True)
class SimBlock:
    """A block of the tree."""

    name: str
    height: int
    parent: str


@dataclass(frozen=True)
class Report:
    """A delivery: blocks rolled back, the highest first, then blocks applied, ascending."""

    rolled_back: tuple[SimBlock, ...] = ()
    applied: tuple[SimBlock, ...] = ()


@dataclass
class Hook:
    """A reporter. `matching` is the share of blocks that it sees, `forgetting` of rollbacks."""

    random: Random
    matching: float
    forgetting: float
    waiting: list[Report] = field(default_factory=list)
    seen: dict[str, bool] = field(default_factory=dict)

    def hear(self, rolled_back: list[SimBlock], applied: list[SimBlock]) -> None:
        """Learn of a step of the chain."""
        gone = [b for b in rolled_back if self._sees(b) and self.random.random() >= self.forgetting]
        come = [b for b in applied if self._sees(b)]
        if self.random.random() < 0.3:
            self.waiting += [Report(tuple(gone)), *(Report((), (b,)) for b in come)]
        else:
            self.waiting.append(Report(tuple(gone), tuple(come)))

    def _sees(self, block: SimBlock) -> bool:
        if block.name not in self.seen:
            self.seen[block.name] = self.random.random() < self.matching
        return self.seen[block.name]

    def report(self) -> Iterator[Report]:
        """Deliver the next report, sometimes twice, as after a restart."""
        report = self.waiting.pop(0)
        if report.applied or report.rolled_back:
            yield report
            if self.random.random() < 0.1:
                yield report


@dataclass
class Simulation:
    """One history: iterate `reports`, then ask what is canonical."""

    seed: int
    forgetful: bool = False
    """Whether hooks leave out rollbacks."""
    complete: bool = False
    """Whether hooks see every block."""

    def __post_init__(self) -> None:
        self.random = random = Random(self.seed)  # noqa: S311  # a history needs no secrecy
        self.blocks: dict[str, SimBlock] = {}
        self.chain: list[SimBlock] = []
        self.reported: set[str] = set()
        self._branches: list[list[SimBlock]] = []
        self._start = 100
        self.hooks = [
            Hook(
                Random(random.random()),  # noqa: S311
                1.0 if self.complete else random.choice([0.3, 0.6, 0.9, 1.0]),
                random.choice([0.3, 1.0, 1.0]) if self.forgetful else 0.0,
            )
            for _ in range(random.randint(1, 3))
        ]

    def reports(self) -> Iterator[Report]:
        """Yield every delivery, in the order in which the service gets them."""
        random = self.random
        for _ in range(random.randint(3, 14)):
            rolled_back, applied = self._step()
            for hook in self.hooks:
                hook.hear(rolled_back, applied)
            for hook in random.sample(self.hooks, k=len(self.hooks)):
                while hook.waiting and random.random() < 0.6:
                    yield from self._noted(hook.report())
        for hook in random.sample(self.hooks, k=len(self.hooks)):
            while hook.waiting:
                yield from self._noted(hook.report())

    def _noted(self, reports: Iterator[Report]) -> Iterator[Report]:
        for report in reports:
            self.reported.update(block.name for block in report.applied)
            yield report

    def _step(self) -> tuple[list[SimBlock], list[SimBlock]]:
        random, before = self.random, list(self.chain)
        draw = random.random()
        if self._branches and draw < 0.2:
            self.chain = random.choice(self._branches)
        elif before and draw < 0.55:
            depth = random.choice([1, 1, 2, 3, 8, 30])
            self.chain = before[: -min(depth, len(before))]
            # Without rollbacks only a longer fork can be told from a stale one.
            grown = len(before) - len(self.chain)
            self._mine(grown + random.randint(1, 3) if self.forgetful else random.randint(1, 4))
        else:
            self._mine(random.randint(1, 6))
        self._branches = [*self._branches[-4:], list(self.chain)]
        shared = 0
        while shared < min(len(before), len(self.chain)) and before[shared] == self.chain[shared]:
            shared += 1
        return before[shared:][::-1], self.chain[shared:]

    def _mine(self, count: int) -> None:
        self.chain = list(self.chain)
        for _ in range(count):
            parent = self.chain[-1].name if self.chain else "genesis"
            name = f"block-{len(self.blocks)}"
            block = SimBlock(name, self._start + len(self.chain), parent)
            self.blocks[name] = block
            self.chain.append(block)

    # The truth

    def true_names(self) -> set[str]:
        """Return the blocks of the chain that some hook has reported."""
        return {block.name for block in self.chain} & self.reported

    def determined(self) -> dict[str, bool] | None:
        """Return which reported blocks are canonical, as far as the reports determine it.

        None if they determine nothing, as a stale fork is reported to be as high as the chain.
        """
        truth = self.true_names()
        if not self.forgetful:
            return {name: name in truth for name in self.reported}
        known = [self.blocks[name] for name in self.reported]
        tip = max((b for b in known if b.name in truth), key=lambda b: b.height, default=None)
        if tip is None or any(b.height >= tip.height and b is not tip for b in known):
            return None
        # From the tip to the first ancestor that nobody reported, and no further.
        lowest = tip
        while lowest.parent in self.reported:
            lowest = self.blocks[lowest.parent]
        floor = lowest.height - (lowest.parent in self.blocks)
        return {b.name: b.name in truth for b in known if b.height >= floor}
