"""Who asks what of the contracts, and when: a population that grows, returns and drifts away."""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import accumulate
from random import Random

from ingest.clarity import Principal, Value, c32_address
from ingest.contracts import Contracts
from ingest.synthetic.contracts import State
from ingest.synthetic.model import Call
from ingest.synthetic.names import community_name, template_name

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_MAX_BATCH = 10
_RECAST = 0.2
"""Share of the updates that move a badge to another category."""
_RECENT = 0.55
"""Share of the awards to known users that go to the newest ones."""
_NOVEL = 0.2
"""Share of the awards that are of one of the three newest templates."""
_CATEGORIES = (3, 2, 1, 5, 6, 4)
_LEVELS = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5)
_BY_WEEKDAY = (1.0, 1.1, 1.15, 1.1, 0.95, 0.5, 0.4)
_BY_HOUR = (
    0.25, 0.2, 0.15, 0.15, 0.2, 0.3, 0.5, 0.8, 1.1, 1.3, 1.4, 1.4,
    1.3, 1.5, 1.7, 1.8, 1.8, 1.6, 1.4, 1.2, 1.0, 0.8, 0.6, 0.4,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the population has become `days` after the chain's start. It keeps growing."""

    users: int = 1_200
    templates: int = 36
    communities: int = 24
    issuers: int = 12
    days: int = 180


def block_times(start: int, end: int, number: int, rng: Random) -> Iterator[int]:
    """Yield `number` ascending times in [start, end), in milliseconds, whole seconds.

    They are dense where a community is awake (UTC hours, working days) and denser the later.
    """
    hours = range(start, end, HOUR_MS)
    until = list(accumulate(_liveliness(hour, (hour - start) / (end - start)) for hour in hours))
    for place in range(number):
        wanted = (place + rng.random()) / number * until[-1]
        index = bisect(until, wanted, hi=len(until) - 1)
        before = until[index - 1] if index else 0.0
        within = (wanted - before) / (until[index] - before)
        at = hours[index] + int(within * HOUR_MS)
        yield min(at, end - 1) // 1000 * 1000


def _liveliness(hour: int, progress: float) -> float:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=hour)
    return _BY_WEEKDAY[moment.weekday()] * _BY_HOUR[moment.hour] * (0.35 + progress)


class Story:
    """Thinks of the next call, given what the contracts hold. The same seed, the same story."""

    def __init__(self, rng: Random, contracts: Contracts, scale: Scale, start: int) -> None:
        self._rng = rng
        self._contracts = contracts
        self._scale = scale
        self._start = start
        self._salt = rng.randbytes(8)
        self._calls = 0
        self._issuers = [self._address("issuer", n) for n in range(max(1, scale.issuers))]
        self._users: list[Principal] = []
        self._regulars: list[Principal] = []

    def next(self, state: State, at: int, room: int) -> Call:
        """Return the next call at `at`, which brings at most `room` badge events."""
        progress = max(0.0, (at - self._start) / (self._scale.days * DAY_MS))
        self._users_due = self._scale.users * progress**1.6
        if len(state.templates) < max(1.0, self._scale.templates * (0.25 + 0.75 * progress)):
            return self._create_template(state)
        if len(state.communities) < max(1.0, self._scale.communities * (0.2 + 0.8 * progress)):
            return self._create_community(state)
        if room <= 0:
            return self._add_member(state)
        action = self._ACTIONS[bisect(self._UNTIL, self._rng.random() * self._UNTIL[-1])]
        return action(self, state, room) or self._mint(state, room)

    # What may happen

    def _mint(self, state: State, _room: int) -> Call:
        return self._call(
            self._issuer(),
            self._contracts.badge_issuer,
            "mint-badge",
            {"recipient": self._recipient(), "template-id": self._template(state)},
        )

    def _create_passport(self, state: State, _room: int) -> Call | None:
        community_id = self._community(state)
        if community_id is None:
            return None
        return self._call(
            self._issuer(),
            self._contracts.passport_core,
            "create-passport-badge",
            {
                "recipient": self._recipient(),
                "template-id": self._template(state),
                "community-id": community_id,
            },
        )

    def _batch_mint(self, state: State, room: int) -> Call | None:
        number = min(room, self._rng.randint(2, _MAX_BATCH))
        recipients: list[Value] = [self._recipient() for _ in range(number)]
        templates: list[Value] = [self._template(state)] * number
        return self._call(
            self._issuer(),
            self._contracts.badge_issuer,
            "batch-mint-badges",
            {"recipients": recipients, "template-ids": templates},
        )

    def _revoke(self, state: State, _room: int) -> Call | None:
        badge_id = self._standing_badge(state)
        if badge_id is None:
            return None
        issuer = state.badges[badge_id - 1].issuer
        return self._call(
            issuer, self._contracts.badge_issuer, "revoke-badge", {"badge-id": badge_id}
        )

    def _burn(self, state: State, _room: int) -> Call | None:
        badge_id = self._standing_badge(state)
        if badge_id is None:
            return None
        holder = state.badges[badge_id - 1].holder
        return self._call(holder, self._contracts.passport_nft, "burn", {"token-id": badge_id})

    def _update(self, state: State, _room: int) -> Call | None:
        badge_id = self._standing_badge(state)
        if badge_id is None:
            return None
        badge = state.badges[badge_id - 1]
        recast = self._rng.random() < _RECAST
        return self._call(
            badge.issuer,
            self._contracts.badge_issuer,
            "update-badge-metadata",
            {
                "badge-id": badge_id,
                "level": badge.level % 5 + 1,
                "category": badge.category % 6 + 1 if recast else badge.category,
            },
        )

    def _create_template(self, state: State) -> Call:
        index = len(state.templates)
        category = _CATEGORIES[index % len(_CATEGORIES)]
        return self._call(
            self._issuer(),
            self._contracts.badge_issuer,
            "create-badge-template",
            {
                "name": template_name(index, category),
                "description": "Awarded by the community",
                "category": category,
                "default-level": self._rng.choice(_LEVELS),
            },
        )

    def _create_community(self, state: State) -> Call:
        name = community_name(len(state.communities))
        return self._manage(
            self._recipient(),
            "create-community",
            {"name": name, "description": f"{name}, on Stacks"},
        )

    def _add_member(self, state: State, _room: int = 0) -> Call:
        community_id = self._community(state) or 1
        member = self._recipient()
        # Most of those who are asked to join again are somebody else's mistake: ask another once.
        if state.is_member(community_id, member):
            member = self._recipient()
        return self._manage(
            state.communities[community_id - 1].owner,
            "add-community-member",
            {"community-id": community_id, "member": member, "role": "member"},
        )

    def _transfer_community(self, state: State, _room: int) -> Call | None:
        community_id = self._community(state)
        if community_id is None:
            return None
        return self._manage(
            state.communities[community_id - 1].owner,
            "transfer-community-ownership",
            {"community-id": community_id, "new-owner": self._recipient()},
        )

    def _deactivate_community(self, state: State, _room: int) -> Call | None:
        # One in twelve at most, however long the story is.
        community_id = self._rng.randint(1, len(state.communities)) // 12 * 12
        if not community_id or not state.communities[community_id - 1].active:
            return None
        return self._manage(
            state.communities[community_id - 1].owner,
            "deactivate-community",
            {"community-id": community_id},
        )

    def _update_settings(self, state: State, _room: int) -> Call | None:
        community_id = self._community(state)
        if community_id is None:
            return None
        return self._manage(
            state.communities[community_id - 1].owner,
            "update-community-settings",
            {"community-id": community_id},
        )

    def _fail(self, state: State, _room: int) -> Call:
        unknown = len(state.templates) + 1_000_000
        return self._call(
            self._issuer(),
            self._contracts.badge_issuer,
            "mint-badge",
            {"recipient": self._recipient(), "template-id": unknown},
        )

    def _break_post_condition(self, state: State, _room: int) -> Call:
        return self._call(
            self._issuer(),
            self._contracts.badge_issuer,
            "mint-badge",
            {"recipient": self._recipient(), "template-id": self._template(state)},
            post_condition_holds=False,
        )

    def _impersonate(self, state: State, _room: int) -> Call:
        impostor = self._address("impostor", self._rng.randrange(3))
        _, _, name = self._contracts.badge_issuer.partition(".")
        return self._call(
            impostor,
            f"{impostor}.{name}",
            "mint-badge",
            {
                "badge-id": len(state.badges) + 1_000_000,
                "recipient": impostor,
                "template-id": 1,
                "level": 5,
                "category": 1,
            },
        )

    _SHARES: Sequence[tuple[float, Callable[["Story", State, int], Call | None]]] = (
        (42.0, _mint),
        (30.0, _create_passport),
        (4.0, _batch_mint),
        (12.0, _add_member),
        (3.0, _revoke),
        (1.0, _burn),
        (2.5, _update),
        (0.5, _update_settings),
        (0.3, _transfer_community),
        (0.2, _deactivate_community),
        (1.5, _fail),
        (1.0, _break_post_condition),
        (0.5, _impersonate),
    )
    """What happens in how many percent of the calls, once there is a template and a community."""

    _ACTIONS = tuple(action for _, action in _SHARES)
    _UNTIL = tuple(accumulate(share for share, _ in _SHARES))

    # Who and what

    def _recipient(self) -> Principal:
        """Return a new user when one is due, else one of the recent or of the regular ones."""
        rng, users = self._rng, self._users
        if len(users) <= self._users_due:
            user = self._address("user", len(users))
            users.append(user)
            # One user in four stays for good; the others are seen for a while.
            if len(users) % 4 == 1:
                self._regulars.append(user)
            return user
        if rng.random() < _RECENT:
            age = int(rng.expovariate(1.0) * max(4.0, 0.05 * len(users)))
            return users[max(0, len(users) - 1 - age)]
        return self._regulars[int(len(self._regulars) * rng.random() ** 2)]

    def _issuer(self) -> Principal:
        return self._issuers[int(len(self._issuers) * self._rng.random() ** 2)]

    def _template(self, state: State) -> int:
        number, rng = len(state.templates), self._rng
        if rng.random() < _NOVEL:
            return max(1, number - rng.randrange(3))
        return 1 + int(number * rng.random() ** 2)

    def _community(self, state: State) -> int | None:
        for _ in range(4):
            index = int(len(state.communities) * self._rng.random() ** 3)
            if state.communities[index].active:
                return index + 1
        return None

    def _standing_badge(self, state: State) -> int | None:
        if not state.badges:
            return None
        for _ in range(8):
            index = int(len(state.badges) * self._rng.random() ** 0.5)
            if not (state.badges[index].revoked or state.badges[index].burned):
                return index + 1
        return None

    def _address(self, role: str, number: int) -> Principal:
        version = 22 if self._contracts.network == "mainnet" else 26
        name = f"{role} {number}".encode()
        return c32_address(version, blake2b(name, digest_size=20, key=self._salt).digest())

    def _manage(self, sender: Principal, method: str, args: dict[str, Value]) -> Call:
        return self._call(sender, self._contracts.community_manager, method, args)

    def _call(
        self,
        sender: Principal,
        contract: str,
        method: str,
        args: dict[str, Value],
        *,
        post_condition_holds: bool = True,
    ) -> Call:
        self._calls += 1
        digest = blake2b(self._calls.to_bytes(8, "big"), digest_size=32, key=self._salt)
        txid = f"0x{digest.hexdigest()}"
        return Call(txid, sender, contract, method, args, post_condition_holds)
