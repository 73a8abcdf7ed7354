"""The users in a batch: who appears, who joins when, how many badges each has."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from pymongo import InsertOne, UpdateOne

from documents.projection import Collection, Projection
from services.events import EventType
from services.facts import BadgeFacts, Facts, Record, UserFacts

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
    """A user before the batch, and by how much the batch changes it."""

    __slots__ = ("before", "earliest", "held", "issued", "lost", "now", "ordinal", "seen")

    def __init__(self) -> None:
        self.before: UserFacts | None = None
        self.now: UserFacts | None = None
        self.ordinal = -1
        """Negative until it is known or given."""
        self.seen = self.issued = self.held = 0
        self.earliest: int | None = None
        """The earliest of the appearances that the batch adds."""
        self.lost = False
        """Whether an appearance at the time of joining is gone."""


class Roster:
    """The users that a batch touches. First tell it what changes, then `resolve`."""

    def __init__(self, projection: Projection, ordinals: int) -> None:
        self._projection = projection
        self._users: defaultdict[str, _User] = defaultdict(_User)
        self._gone: list[Record] = []
        self._given: set[str] = set()
        self._stored: dict[str, dict[str, Any]] = {}
        self.ordinals = ordinals
        """How many ordinals have been given out."""

    def badge(self, badge: BadgeFacts, sign: int) -> None:
        """Count a badge for its recipient, or take it away."""
        user = self._users[badge.recipient]
        user.issued += sign
        user.held += sign * (badge.revoked is None)

    def appearance(self, record: Record) -> None:
        """Count an appearance that has come to be live, or take one away that ceased to be."""
        if record["type"] not in APPEARANCES:
            return
        user = self._users[record["user"]]
        if record["live"]:
            user.seen += 1
            if user.earliest is None or record["at"] < user.earliest:
                user.earliest = record["at"]
        else:
            user.seen -= 1
            self._gone.append(record)

    def users(self) -> Iterator[str]:
        """Return the users that the batch touches."""
        return iter(self._users)

    def ordinal(self, user: str) -> int:
        """Return the number of a user in the bitmaps."""
        return self._users[user].ordinal

    async def resolve(self, records: dict[str, Record]) -> None:
        """Determine each user's facts; `records` are those that the batch changes."""
        async for row in self._projection.users.find({"_id": {"$in": list(self._users)}}):
            user = self._users[row["_id"]]
            user.ordinal = row["ordinal"]
            self._stored[row["_id"]] = row
            if row["appearances"]:
                user.before = UserFacts(row["_id"], row["joined"], row["issued"], row["held"])
        for record in self._gone:
            user = self._users[record["user"]]
            user.lost = user.lost or (
                user.before is not None and user.before.joined == record["at"]
            )
        lost = [name for name, user in self._users.items() if user.lost]
        async for record in self.appearances(lost, records):
            user = self._users[record["user"]]
            if user.earliest is None or record["at"] < user.earliest:
                user.earliest = record["at"]
        for name, user in self._users.items():
            self._settle(name, user)

    def _settle(self, name: str, user: _User) -> None:
        stored = self._stored.get(name) or {"appearances": 0, "issued": 0, "held": 0}
        if user.ordinal < 0:
            user.ordinal = self.ordinals
            self.ordinals += 1
            self._given.add(name)
        if stored["appearances"] + user.seen:
            kept = None if user.before is None or user.lost else user.before.joined
            joined = min(at for at in (kept, user.earliest) if at is not None)
            issued, held = stored["issued"] + user.issued, stored["held"] + user.held
            user.now = UserFacts(name, joined, issued, held)

    async def appearances(
        self, users: Iterable[str], records: dict[str, Record]
    ) -> AsyncIterator[Record]:
        """Return the live records by which the users appear, as they are after the batch."""
        wanted = set(users)
        if not wanted:
            return
        for record in records.values():
            if record["live"] and record.get("user") in wanted and record["type"] in APPEARANCES:
                yield record
        async for row in self._projection.events.find(
            {"user": {"$in": list(wanted)}, "live": True}
        ):
            if row["_id"] not in records and row["type"] in APPEARANCES:
                yield row

    def changes(self) -> Iterator[tuple[Facts | None, Facts | None]]:
        """Return the facts of each user whose facts changed, before and now."""
        for user in self._users.values():
            if user.before != user.now:
                yield user.before, user.now

    def writes(self) -> Iterator[tuple[Collection, InsertOne[dict[str, Any]] | UpdateOne]]:
        """Return the writes of the users that changed."""
        users = self._projection.users
        for name, user in self._users.items():
            stored = self._stored.get(name, {"appearances": 0})
            fields = {
                "appearances": stored["appearances"] + user.seen,
                "joined": user.now.joined if user.now else None,
                "issued": user.now.issued if user.now else 0,
                "held": user.now.held if user.now else 0,
            }
            if name in self._given:
                yield users, InsertOne({"_id": name, "ordinal": user.ordinal, **fields})
            elif user.before != user.now or user.seen:
                yield users, UpdateOne({"_id": name}, {"$set": fields})
