"""What the committer keeps in memory from batch to batch, so that it reads little.

It is never ahead of what is stored: the ledger throws it away when a commit fails.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo import InsertOne

from documents.log import Head
from documents.projection import Collection, Projection, find_in
from services.cells import Counters, Operation
from services.tables import fact_table, user_table

KEPT_ORDINALS = 25_000
"""How many users' ordinals stay in memory; about 5 MB."""


class Workspace:
    """The counters, the tables, the codes and the ordinals of one generation."""

    def __init__(self, projection: Projection, head: Head) -> None:
        self.projection = projection
        self.counters = Counters(projection)
        self.facts = fact_table(projection.fact_chunks)
        self.users = user_table(projection.user_chunks)
        self.rows = head.rows
        """How many rows of the fact table have been given out."""
        self.codes: dict[str, int] = {}
        self._new_codes: list[str] = []
        self._ordinals: dict[str, int] = {}
        self._new_users: list[str] = []
        self._users = head.users

    async def open(self) -> "Workspace":
        """Learn the codes, which are all kept."""
        async for row in self.projection.codes.find():
            self.codes[row["name"]] = row["_id"]
        return self

    def code(self, dimension: str, key: str | None) -> int:
        """Return the number of a key, a new one if it has none; 0 for what is not known."""
        if key is None:
            return 0
        name = f"{dimension}|{key}"
        code = self.codes.get(name)
        if code is None:
            code = self.codes[name] = len(self.codes) + 1
            self._new_codes.append(name)
        return code

    def new_row(self) -> int:
        """Give out the next row of the fact table."""
        self.rows += 1
        return self.rows - 1

    async def number(self, users: Iterable[str]) -> dict[str, int]:
        """Return the ordinals of users; those who are new get one."""
        known = self._ordinals
        missing = {user for user in users if user not in known}
        if missing:
            async for row in find_in(self.projection.users, "_id", missing):
                known[row["_id"]] = row["ordinal"]
            for user in sorted(missing - known.keys()):
                known[user] = self._users
                self._users += 1
                self._new_users.append(user)
        return known

    def head(self) -> Mapping[str, int]:
        """Return what of the head this determines."""
        return {"users": self._users, "rows": self.rows, "codes": len(self.codes)}

    def operations(self, position: int) -> list[tuple[Collection, list[Operation]]]:
        """Return the writes that bring what is stored to what is in memory."""
        codes: list[Operation] = [
            InsertOne[dict[str, Any]]({"_id": self.codes[name], "name": name})
            for name in self._new_codes
        ]
        users: list[Operation] = [
            InsertOne[dict[str, Any]]({"_id": user, "ordinal": self._ordinals[user]})
            for user in self._new_users
        ]
        return [
            (self.projection.codes, codes),
            (self.projection.users, users),
            (self.projection.fact_chunks, self.facts.operations(position)),
            (self.projection.user_chunks, self.users.operations(position)),
            *self.counters.operations(),
        ]

    def settle(self) -> None:
        """Take what `operations` returned as stored."""
        self._new_codes.clear()
        self._new_users.clear()
        for user in list(self._ordinals)[: max(0, len(self._ordinals) - KEPT_ORDINALS)]:
            del self._ordinals[user]
        self.facts.settle()
        self.users.settle()
        self.counters.settle()
