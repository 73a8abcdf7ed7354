"""The users in a batch: who appears, who joins when, how many badges each has."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any

from documents.projection import KEYS_A_QUERY, find_in
from services.engagement import Span, Turns, steps, turns
from services.events import EventType
from services.facts import BadgeFacts, Change, Record, UserFacts
from services.tables import NEVER, UserRow
from services.workspace import Workspace

APPEARANCES = frozenset(
    {
        EventType.BADGE_ISSUED,
        EventType.COMMUNITY_CREATED,
        EventType.COMMUNITY_TRANSFERRED,
        EventType.MEMBER_ADDED,
        EventType.USER_JOINED,
    }
)
"""Events whose `user` appears by them."""


_NOBODY = UserRow(NEVER, NEVER, NEVER, 0, 0, 0)
_NO_TURNS = Turns((), ())


class _User:
    """By how much a batch changes a user."""

    __slots__ = ("first", "held", "issued", "joined", "lost", "seen", "steps")

    def __init__(self) -> None:
        self.seen = self.issued = self.held = 0
        self.steps: Counter[int] = Counter()
        """By how much the number of its badges changes otherwise than before, by instant."""
        self.joined: int | None = None
        """The earliest of the appearances that the batch adds."""
        self.first: int | None = None
        """The earliest of the badges that the batch adds."""
        self.lost: set[int] = set()
        """The times of the appearances that the batch takes away."""


class Roster:
    """The users that a batch touches. First tell it what changes, then `resolve`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._users: defaultdict[str, _User] = defaultdict(_User)
        self._ordinals: dict[str, int] = {}
        self.changes: list[Change] = []
        """The users whose facts changed, before and now."""

    def badge(self, badge: BadgeFacts, sign: int) -> None:
        """Count a badge for its recipient, or take it away."""
        user = self._users[badge.recipient]
        user.held += sign * (badge.revoked is None)
        user.steps[badge.at] += sign
        if badge.revoked is not None:
            user.steps[badge.revoked] -= sign

    def appearance(self, record: Record) -> None:
        """Count an appearance that has come to be live, or take one away that ceased to be."""
        if record["type"] not in APPEARANCES:
            return
        user, at = self._users[record["user"]], record["at"]
        is_badge = record["type"] == EventType.BADGE_ISSUED
        if record["live"]:
            user.seen += 1
            user.issued += is_badge
            user.joined = _earlier(user.joined, at)
            if is_badge:
                user.first = _earlier(user.first, at)
        else:
            user.seen -= 1
            user.issued -= is_badge
            user.lost.add(at)

    def ordinal(self, user: str) -> int:
        """Return the number of a user in bitmaps and tables."""
        return self._ordinals[user]

    async def resolve(self, records: dict[str, Record]) -> None:
        """Determine each user's facts; `records` are those that the batch changes."""
        table = self._workspace.users
        self._ordinals = await self._workspace.number(self._users)
        await table.load(map(self.ordinal, self._users))
        stored = {name: self._stored(name) for name in self._users}
        doubtful = [
            name
            for name, user in self._users.items()
            if user.lost & {stored[name].joined, stored[name].first}
        ]
        for name in doubtful:
            kept, lost = stored[name], self._users[name].lost
            stored[name] = kept._replace(
                joined=NEVER if kept.joined in lost else kept.joined,
                first=NEVER if kept.first in lost else kept.first,
            )
        async for record in self.appearances(doubtful, records):
            user = self._users[record["user"]]
            user.joined = _earlier(user.joined, record["at"])
            if record["type"] == EventType.BADGE_ISSUED:
                user.first = _earlier(user.first, record["at"])
        turned = await self._turned(stored, records)
        for name, user in self._users.items():
            self._settle(name, user, stored[name], *turned[name])

    async def _turned(
        self, stored: dict[str, UserRow], records: dict[str, Record]
    ) -> dict[str, tuple[Turns, Turns, int]]:
        """Return each user's turns before and now, and when its number of badges changed last."""
        turned: dict[str, tuple[Turns, Turns, int]] = {}
        for name, user in self._users.items():
            latest, held = stored[name].latest, stored[name].held
            changes = {at: by for at, by in user.steps.items() if by}
            # What lies after all else leaves the turns before it as they are.
            if min(changes, default=latest + 1) > latest:
                turned[name] = _NO_TURNS, turns(changes, held), max(changes, default=latest)
        mixed = self._users.keys() - turned.keys()
        before, now = defaultdict[str, list[Span]](list), defaultdict[str, list[Span]](list)
        async for record in self.issues(mixed, {}):
            before[record["user"]].append(_span(record))
        async for record in self.issues(mixed, records):
            now[record["user"]].append(_span(record))
        for name in mixed:
            changes = steps(now[name])
            latest = max(changes, default=NEVER)
            turned[name] = turns(steps(before[name])), turns(changes), latest
        return turned

    def _stored(self, name: str) -> UserRow:
        row = UserRow(*self._workspace.users[self.ordinal(name)])
        return row if row.appearances else _NOBODY

    def _settle(
        self, name: str, user: _User, kept: UserRow, then: Turns, now: Turns, at: int
    ) -> None:
        appearances, issued = kept.appearances + user.seen, kept.issued + user.issued
        row = UserRow(
            joined=_earliest(kept.joined, user.joined) if appearances else NEVER,
            first=_earliest(kept.first, user.first) if issued else NEVER,
            latest=at,
            appearances=appearances,
            issued=issued,
            held=kept.held + user.held,
        )
        change = Change(_facts(name, self._stored(name), then), _facts(name, row, now))
        self._workspace.users[self.ordinal(name)] = row
        if change.before != change.now:
            self.changes.append(change)

    async def appearances(
        self, users: Iterable[str | None], records: dict[str, Record]
    ) -> AsyncIterator[Record]:
        """Return the live records by which the users appear, as they are after the batch."""
        async for record in self._live(users, records, {}):
            if record["type"] in APPEARANCES:
                yield record

    async def issues(
        self,
        users: Iterable[str | None],
        records: dict[str, Record],
        templates: Collection[str | None] | None = None,
    ) -> AsyncIterator[Record]:
        """Return the live issues of badges to the users, of the templates if they are given.

        Without records of a batch, they are those that were live before it.
        """
        narrowed: dict[str, Any] = {}
        if templates is not None and len(templates) <= KEYS_A_QUERY:
            narrowed = {"template": {"$in": list(templates)}}
        async for record in self._live(users, records, narrowed):
            is_meant = templates is None or record.get("template") in templates
            if is_meant and record["type"] == EventType.BADGE_ISSUED:
                yield record

    async def _live(
        self, users: Iterable[str | None], records: dict[str, Record], narrowed: dict[str, Any]
    ) -> AsyncIterator[Record]:
        wanted = set(users) - {None}
        if not wanted:
            return
        for record in records.values():
            if record["live"] and record.get("user") in wanted:
                yield record
        events = self._workspace.projection.events
        async for row in find_in(events, "user", wanted, {"live": True, **narrowed}):
            if row["_id"] not in records:
                yield row


def _facts(name: str, row: UserRow, turned: Turns) -> UserFacts | None:
    if not row.appearances:
        return None
    first = None if row.first == NEVER else row.first
    return UserFacts(name, row.joined, first, row.issued, row.held, turned)


def _span(record: Record) -> Span:
    return record["at"], record["facts"]["revoked"]


def _earlier(known: int | None, at: int) -> int:
    return at if known is None else min(known, at)


def _earliest(kept: int, added: int | None) -> int:
    if kept == NEVER:
        return NEVER if added is None else added
    return kept if added is None else min(kept, added)
