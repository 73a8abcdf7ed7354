"""Random histories: a chain that reorganises, told by two hooks that lag, repeat and interleave.

A history ends with every hook having told everything, so that the chain's own truth is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, cast

from ingest.chainhook import parse
from ingest.synthetic import DAY_MS, DEVNET, Chain, Encoding, Scale, Step, Transaction, deliver
from ingest.synthetic.chain import split
from services.events import Delivery, Event, EventType, identity

NOW = 1_790_000_000_000
"""2026-09-21, when every history ends."""
SCALE = Scale(users=25, templates=6, communities=4, issuers=3, days=75)


def _of_badges(transaction: Transaction) -> bool:
    return not _of_communities(transaction)


def _of_communities(transaction: Transaction) -> bool:
    return transaction.call.contract == DEVNET.community_manager


@dataclass
class History:
    """What a service is told, in order, and the chain that is true in the end."""

    seed: int
    steps: int = 12
    """How often the chain changes."""
    chain: Chain = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311  # a story needs no secrecy
        self.chain = Chain(self.seed, start=NOW - SCALE.days * DAY_MS, scale=SCALE)
        self.posted: list[Event] = []
        """The events that came through the API, duplicates left out."""

    def deliveries(self) -> Iterator[Delivery]:
        """Yield everything that the service is told."""
        random = self._random
        waiting: tuple[list[Step], list[Step]] = ([], [])
        for step in self._steps():
            for queue, part in zip(waiting, split(step, _of_badges, _of_communities), strict=True):
                queue.append(part)
            yield from self._some(waiting)
            if random.random() < 0.25:
                yield Delivery(events=[self._post() for _ in range(random.randint(1, 4))])
        for queue in random.sample(waiting, k=2):
            while queue:
                yield from self._told(queue.pop(0))

    def _steps(self) -> Iterator[Step]:
        """Change the chain: mostly it grows, and often it takes some of that back."""
        random, start = self._random, NOW - SCALE.days * DAY_MS
        last: Step | None = None
        for number in range(self.steps):
            at = start + (number + 1) * SCALE.days * DAY_MS // (self.steps + 1)
            draw = random.random()
            if last is not None and draw < 0.2:
                last = self.chain.flip(last)
            elif number and draw < 0.45:
                last = self.chain.fork(random.randint(1, 3), at)
            else:
                last = self.chain.mine(at, random.randint(1, 9))
            yield last

    def _some(self, waiting: tuple[list[Step], list[Step]]) -> Iterator[Delivery]:
        """Let each hook tell some of what it has to tell; one may fall behind."""
        for queue in self._random.sample(waiting, k=2):
            while queue and self._random.random() < 0.7:
                yield from self._told(queue.pop(0))

    def _told(self, step: Step) -> Iterator[Delivery]:
        if not step.apply and not step.rollback:
            return
        encoding = self._random.choice(list(Encoding))
        delivery = parse(deliver(step, DEVNET, encoding), DEVNET)
        yield delivery
        while self._random.random() < 0.15:  # a hook that has been restarted tells its last again
            yield delivery
        if self._random.random() < 0.05:  # what cannot be: a hash at two heights
            higher = [replace(block, height=block.height + 1) for block in delivery.apply]
            yield Delivery(apply=higher)

    def _post(self) -> Event:
        """Return an event of the API, sometimes one that was posted before."""
        random = self._random
        if self.posted and random.random() < 0.2:
            return random.choice(self.posted)
        number = len(self.posted)
        event: dict[str, Any] = {"id": identity("api", number)}
        event["at"] = NOW - random.randrange(SCALE.days * DAY_MS)
        event |= self._told_by_api(number)
        self.posted.append(cast("Event", event))
        return self.posted[-1]

    def _told_by_api(self, number: int) -> dict[str, Any]:
        random = self._random
        draw = random.randrange
        kind = random.choice([*EventType, EventType.BADGE_ISSUED, EventType.BADGE_ISSUED])
        badge = {"badge": f"off-{draw(12)}"}
        community = {"community": f"c-{draw(3)}"}
        user = {"user": f"user-{draw(9)}"}
        template = {"template": f"t-{draw(3)}"}
        maybe = self._maybe
        told: dict[EventType, dict[str, Any]] = {
            EventType.BADGE_ISSUED: badge
            | user
            | maybe(0.7, template | {"issuer": f"issuer-{draw(3)}"})
            | maybe(0.4, {"category": draw(9), "level": draw(6)})
            | maybe(0.3, community),
            EventType.BADGE_REVOKED: badge | {"hard": draw(3) == 0},
            EventType.BADGE_UPDATED: badge | {"category": draw(9)},
            EventType.TEMPLATE_REGISTERED: template
            | {"name": f"name {number}", "category": draw(7)}
            | maybe(0.5, community | {"level": draw(5)}),
            EventType.COMMUNITY_DEACTIVATED: community,
            EventType.USER_JOINED: user,
        }
        return {"type": kind.value, **told.get(kind, community | user)}

    def _maybe(self, share: float, keys: dict[str, Any]) -> dict[str, Any]:
        return keys if self._random.random() < share else {}
