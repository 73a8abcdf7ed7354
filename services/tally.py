"""What a batch moves: the counters and the rows of the fact table, by the facts that changed."""

from collections import Counter, defaultdict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from typing import NamedTuple

from services.catalogue import FAMILIES, points
from services.events import EventType
from services.facts import (
    BadgeFacts,
    Change,
    CommunityFacts,
    Facts,
    MembershipFacts,
    Own,
    Record,
    TemplateFacts,
    UserFacts,
    stored_badge,
)
from services.families import Point
from services.inheritance import Move, follow
from services.roster import Roster
from services.tables import BADGE, COMMUNITY, MEMBERSHIP, NEVER, NO_FACT, OWN_BITS
from services.workspace import Workspace

Templates = Callable[[Iterable[str]], Awaitable[Mapping[str, TemplateFacts | None]]]
"""Gives templates, those named at least, as they are after the batch."""


class _Fall(NamedTuple):
    """Somebody or something distinct whose count has fallen, and the fact that is no more."""

    point: Point
    ordinal: int
    fact: Facts | None


_Remaining = defaultdict[tuple[str, str | None, int], list[int]]


class Tally:
    """Counts changes of facts. `count` first, `store` then; both once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._roots: set[str] = set()
        self._falls: list[_Fall] = []
        self._joined: dict[int, int] = {}
        self.since: int | None = None
        """The earliest instant whose figures move."""

    @property
    def families(self) -> list[str]:
        """The families whose figures move."""
        return sorted(family.name for family in FAMILIES if self._roots & family.reads)

    def event(self, kind: str, sign: int) -> None:
        """Count an event that has come to be live, or take one away."""
        self._workspace.counters.add("events", kind, None, sign)

    def ineffective(self, reason: str, sign: int) -> None:
        """Count a canonical event that has no effect, or take one away."""
        self._workspace.counters.add("ineffective", reason, None, sign)

    def count(self, changes: Sequence[Change], roster: Roster) -> None:
        """Move the counters by what is counted of the facts before and now."""
        for before, now, *_ in changes:
            old, new = points(before), points(now)
            if before is not None and now is not None and _distinct(before) == _distinct(now):
                counted = Counter(new)
                counted.subtract(old)
                moved = [(point, sign) for point, sign in counted.items() if sign]
            else:
                moved = [(point, -1) for point in old] + [(point, 1) for point in new]
            if isinstance(now, UserFacts):
                self._joined[roster.ordinal(now.user)] = now.joined
            for point, sign in moved:
                fact = now if sign > 0 else before
                ordinal = self._ordinal(fact, point.distinct, roster) if point.distinct else None
                self._move(point, sign, ordinal)
                if sign < 0 and ordinal is not None:
                    self._falls.append(_Fall(point, ordinal, fact))

    def _move(self, point: Point, sign: int, ordinal: int | None) -> None:
        series, key, at, _ = point
        self._workspace.counters.add(series, key, at, sign, ordinal)
        self._roots.add(series.partition(".")[0])
        if at is not None and (self.since is None or at < self.since):
            self.since = at

    def _ordinal(self, fact: Facts | None, distinct: str, roster: Roster) -> int:
        if distinct == "template" and isinstance(fact, BadgeFacts):
            return self._workspace.code("template", fact.template)
        return roster.ordinal(_user(fact) or "")

    async def store(
        self,
        changes: Sequence[Change],
        roster: Roster,
        records: dict[str, Record],
        templates: Templates,
        moved: Sequence[Move],
    ) -> None:
        """Bring the counters and the table up to date.

        `records` are those of the batch, `templates` gives templates as they are after it, and
        `moved` is what changed of them.
        """
        await self._workspace.counters.apply()
        await self._retract(roster, records, templates)
        filled = await self._fill(changes, roster)
        if moved:
            since = await follow(self._workspace, moved, filled)
            if since is not None:
                self._roots.add("issued")
                self.since = since if self.since is None else min(since, self.since)

    async def _retract(
        self, roster: Roster, records: dict[str, Record], templates: Templates
    ) -> None:
        """Take users out of the distinct users where nothing counts them any longer."""
        if not self._falls:
            return
        remaining = await self._remaining(roster, records, templates)
        for (series, key, at, _), ordinal, _ in self._falls:
            others = remaining[series, key, ordinal]
            self._workspace.counters.retract(series, key, at, ordinal, others)

    async def _remaining(
        self, roster: Roster, records: dict[str, Record], templates: Templates
    ) -> _Remaining:
        """Return when what fell somewhere is counted still, by series, key and ordinal."""
        remaining: _Remaining = defaultdict(list)
        for ordinal, joined in self._joined.items():
            remaining["users", None, ordinal].append(joined)
        timed = {_user(fall.fact) for fall in self._falls if _is_counted_in_time(fall.point)}
        held = [fall for fall in self._falls if fall.point.series == "held.template"]
        holders, kinds = {_user(fall.fact) for fall in held}, {fall.point.key for fall in held}
        issues = [record async for record in roster.issues(timed, records)]
        issues += [record async for record in roster.issues(holders - timed, records, kinds)]
        known = await templates(record["template"] for record in issues if record.get("template"))
        for record in issues:
            self._add_points(remaining, record, known.get(record.get("template", "")), roster)
        for (_, issuer, _, distinct), code, fact in self._falls:
            place = "templates.issuer", issuer, code
            if distinct == "template" and isinstance(fact, BadgeFacts) and place not in remaining:
                remaining[place] = [record["at"] async for record in self._issues(fact, records)]
        return remaining

    def _add_points(
        self,
        remaining: _Remaining,
        record: Record,
        template: TemplateFacts | None,
        roster: Roster,
    ) -> None:
        ordinal = roster.ordinal(record["user"])
        for series, key, at, distinct in points(stored_badge(record, template)):
            if distinct == "user":
                remaining[series, key, ordinal].append(record["at"] if at is None else at)

    async def _issues(self, badge: BadgeFacts, records: dict[str, Record]) -> AsyncIterator[Record]:
        """Return the issues of a badge's template by its issuer that are live after the batch."""
        same = {"template": badge.template, "issuer": badge.issuer}
        for record in records.values():
            if record["live"] and all(record.get(name) == key for name, key in same.items()):
                yield record
        query = {**same, "type": EventType.BADGE_ISSUED, "live": True}
        async for row in self._workspace.projection.events.find(query, {"at": 1}):
            if row["_id"] not in records:
                yield row

    async def _fill(self, changes: Sequence[Change], roster: Roster) -> Collection[int]:
        """Write the rows of badges, memberships and communities; return which."""
        table = self._workspace.facts
        rows: dict[int, tuple[int, ...]] = {}
        for change in changes:
            if change.old is not None:
                rows[change.old[change.old_row]] = _NO_ROW
        for change in changes:
            if change.now is not None and change.new is not None:
                row = change.new.get(change.new_row)
                if row is None:
                    row = change.new[change.new_row] = self._workspace.new_row()
                rows[row] = self._row(change.now, roster)
        await table.load(rows)
        for row, values in rows.items():
            table[row] = values
        return rows.keys()

    def _row(self, facts: Facts, roster: Roster) -> tuple[int, ...]:
        code = self._workspace.code
        match facts:
            case BadgeFacts():
                return (
                    facts.at,
                    NEVER if facts.revoked is None else facts.revoked,
                    roster.ordinal(facts.recipient),
                    code("template", facts.template),
                    code("issuer", facts.issuer),
                    code("community", facts.community),
                    code("category", _text(facts.category)),
                    code("level", _text(facts.level)),
                    BADGE,
                    int(facts.hard),
                    _own(facts.own),
                )
            case MembershipFacts():
                community = code("community", facts.community)
                user = roster.ordinal(facts.user)
                return facts.since, NEVER, user, 0, 0, community, 0, 0, MEMBERSHIP, 0, 0
            case CommunityFacts():
                community = code("community", facts.community)
                end = NEVER if facts.deactivated is None else facts.deactivated
                return facts.created, end, 0, 0, 0, community, 0, 0, COMMUNITY, 0, 0
        raise TypeError(f"{facts!r} has no row")


def _is_counted_in_time(point: Point) -> bool:
    """Return whether a badge's recipient is distinguished there by the time of the issue."""
    return point.distinct == "user" and point.at is not None and point.series != "users"


_NO_ROW = (NEVER, NEVER, 0, 0, 0, 0, 0, 0, NO_FACT, 0, 0)


def _own(own: Own | None) -> int:
    said = {} if own is None else own._asdict()
    return sum(bit for name, bit in OWN_BITS.items() if said.get(name) is not None)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _user(facts: Facts | None) -> str | None:
    if isinstance(facts, BadgeFacts):
        return facts.recipient
    return facts.user if isinstance(facts, UserFacts) else None


def _distinct(facts: Facts) -> tuple[str | None, str | None]:
    """Return what points do not say themselves: only with the same are equal points the same."""
    return _user(facts), facts.template if isinstance(facts, BadgeFacts) else None
