"""The users in a batch: who appears, who joins when, how many badges each has."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any

from services.events import EventType
from services.facts import BadgeFacts, Change, Record, UserFacts
from services.tables import NEVER
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


class _User:
    """By how much a batch changes a user."""

    __slots__ = ("first", "held", "issued", "joined", "lost", "seen")

    def __init__(self) -> None:
        self.seen = self.issued = self.held = 0
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
        self._users[badge.recipient].held += sign * (badge.revoked is None)

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
            if user.lost & {stored[name][0], stored[name][1]}
        ]
        for name in doubtful:
            joined, first, *counts = stored[name]
            lost = self._users[name].lost
            kept = NEVER if joined in lost else joined, NEVER if first in lost else first
            stored[name] = (*kept, *counts)
        async for record in self.appearances(doubtful, records):
            user = self._users[record["user"]]
            user.joined = _earlier(user.joined, record["at"])
            if record["type"] == EventType.BADGE_ISSUED:
                user.first = _earlier(user.first, record["at"])
        for name, user in self._users.items():
            self._settle(name, user, stored[name])

    def _stored(self, name: str) -> tuple[int, ...]:
        row = self._workspace.users[self.ordinal(name)]
        return row if row[2] else (NEVER, NEVER, 0, 0, 0)

    def _settle(self, name: str, user: _User, kept: tuple[int, ...]) -> None:
        before = _facts(name, self._stored(name))
        joined, first, appearances, issued, held = kept
        appearances, issued, held = (
            appearances + user.seen,
            issued + user.issued,
            held + user.held,
        )
        row = (
            _earliest(joined, user.joined) if appearances else NEVER,
            _earliest(first, user.first) if issued else NEVER,
            appearances,
            issued,
            held,
        )
        now = _facts(name, row)
        self._workspace.users[self.ordinal(name)] = row
        if before != now:
            self.changes.append(Change(before, now))

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
        """Return the live issues of badges to the users, of the templates if they are given."""
        narrowed = {} if templates is None else {"template": {"$in": list(templates)}}
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
        query = {"user": {"$in": list(wanted)}, "live": True, **narrowed}
        async for row in self._workspace.projection.events.find(query):
            if row["_id"] not in records:
                yield row


def _facts(name: str, row: tuple[int, ...]) -> UserFacts | None:
    joined, first, appearances, issued, held = row
    if not appearances:
        return None
    return UserFacts(name, joined, None if first == NEVER else first, issued, held)


def _earlier(known: int | None, at: int) -> int:
    return at if known is None else min(known, at)


def _earliest(kept: int, added: int | None) -> int:
    if kept == NEVER:
        return NEVER if added is None else added
    return kept if added is None else min(kept, added)
