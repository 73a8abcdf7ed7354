"""What is true of an entity, given the events that stand.

The facts of a badge, a community, a membership, a template or a user are a pure function of the
set of its standing events. That is what makes redelivery, reordering and reorganisation harmless:
the ledger moves the counters by the difference between the facts before and after, and a rebuild
can only arrive at the same ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from services.engagement import Turns
from services.events import Event, EventType

Record = dict[str, Any]
"""An event as stored; see `documents.records.EventRecord`."""


@dataclass(frozen=True, slots=True)
class BadgeFacts:
    """A badge that is issued. `at` is when, in milliseconds since 1970."""

    badge: str
    recipient: str
    at: int
    issuer: str | None
    template: str | None
    category: int | None
    level: int | None
    community: str | None
    revoked: int | None
    """When it was first revoked, if it was."""
    hard: bool
    """Whether a revocation burned it."""
    on_chain: bool
    own: "Own | None" = field(default=None, compare=False)
    """What it has not from its template. A recount does not tell."""


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """A registered template: the latest word on each of its fields."""

    template: str
    name: str | None = None
    category: int | None = None
    level: int | None = None
    community: str | None = None
    creator: str | None = None
    registered: int = 0
    """When it was first registered, in milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class CommunityFacts:
    """A community that was created."""

    community: str
    name: str | None
    owner: str | None
    creator: str | None
    """Who created it, and is its admin member from then on."""
    created: int
    deactivated: int | None
    on_chain: bool


@dataclass(frozen=True, slots=True)
class MembershipFacts:
    """A membership of a community that exists, since the event that made it."""

    community: str
    user: str
    since: int


@dataclass(frozen=True, slots=True)
class UserFacts:
    """A user: a principal with at least one standing appearance."""

    user: str
    joined: int
    first: int | None
    """When the first of its badges that stand was issued."""
    issued: int
    held: int
    turns: Turns
    """Of two facts that are compared, the turns in which they differ are enough."""


Facts = BadgeFacts | TemplateFacts | CommunityFacts | MembershipFacts | UserFacts


class Change(NamedTuple):
    """What was true of an entity and what is, and the records that made it true."""

    before: Facts | None
    now: Facts | None
    old: Record | None = None
    new: Record | None = None
    old_row: str = "row"
    """The field of the old record that holds the number of the row."""
    new_row: str = "row"
    """The field of the new record that holds the number of the row."""


KINDS = ("badge", "member", "user", "template", "community")
"""The kinds of entities; the key of an entity begins with its kind and a colon."""


def entity_of(event: Event) -> str:
    """Return the key of the entity whose facts the event determines.

    Ids carry their length: so no id can hold a separator, and decimal ids sort by their number.
    """
    kind = event["type"]
    if kind.startswith("badge_"):
        return badge_entity(event["badge"])
    if kind == EventType.MEMBER_ADDED:
        return member_entity(event["community"], event["user"])
    if kind == EventType.USER_JOINED:
        return entity("user", event["user"])
    name = "template" if kind == EventType.TEMPLATE_REGISTERED else "community"
    key = event["template"] if name == "template" else event["community"]
    return entity(name, key)


def entity(kind: str, key: str) -> str:
    """Return the key of an entity that has one id."""
    return f"{kind}:{len(key):03d}:{key}"


def badge_entity(badge: str) -> str:
    """Return the key of a badge."""
    return entity("badge", badge)


def member_entity(community: str, user: str) -> str:
    """Return the key of a membership."""
    return f"member:{len(community):03d}:{community}:{user}"


def member_of(record: Record) -> tuple[str, str]:
    """Return the community and the user of a membership, given a record of it."""
    return record["community"], record["user"]


def members_query(community: str) -> dict[str, Any]:
    """Return the query that finds the records of all memberships of a community."""
    prefix = member_entity(community, "")
    return {"entity": {"$gte": prefix, "$lt": f"{prefix}\U0010ffff"}}


class Ineffective(StrEnum):
    """Why an event that is canonical has no effect."""

    BADGE_ISSUED_AGAIN = "badge_issued_again"
    """The badge has been issued before, and may have been burned since."""
    BADGE_UNKNOWN = "badge_unknown"
    """A revocation or an update waits for the badge to be issued."""
    COMMUNITY_CREATED_AGAIN = "community_created_again"
    """The community has been created before."""
    COMMUNITY_UNKNOWN = "community_unknown"
    """A membership, a transfer or a deactivation waits for the community to be created."""
    CHAIN_WINS = "chain_wins"
    """The API says what the chain has said, too; the chain's word holds."""


WAITING = frozenset({Ineffective.BADGE_UNKNOWN, Ineffective.COMMUNITY_UNKNOWN})
"""The reasons that end once what is missing arrives."""


def order(record: Record) -> tuple[bool, int, int, str]:
    """Return the sort key by which the later record overrides the earlier ones.

    On the chain that is height and place in the block, never the time: block times repeat, go
    backwards, and differ between hooks. Events of the API come before those of the chain, whose
    word overrides theirs, and among each other by their time.
    """
    height = record.get("height")
    if height is None:
        return False, record["at"], 0, record["_id"]
    return True, height, record.get("index") or 0, record["_id"]


def first(records: Iterable[Record]) -> Record | None:
    """Return the record that has effect where only the first has: the chain's before the API's."""
    return min(records, key=lambda record: (not order(record)[0], *order(record)), default=None)


def order_key(record: Record) -> str:
    """Return the text by which lists sort events as they happened: time, height, place."""
    height, index = record.get("height") or 0, record.get("index") or 0
    return f"{record['at']:016d}.{height:016d}.{index:020d}"


def of_template(records: Iterable[Record]) -> TemplateFacts | None:
    """Return the facts of a template from its standing records, or None without any."""
    ordered = sorted(records, key=order)
    earliest = first(ordered)
    if earliest is None:
        return None
    fields: dict[str, Any] = {"creator": earliest.get("by"), "registered": earliest["at"]}
    for record in ordered:
        for name in ("template", "name", "category", "level", "community"):
            if record.get(name) is not None:
                fields[name] = record[name]
    return TemplateFacts(**fields)


def of_badge(
    records: Sequence[Record], templates: Mapping[str, TemplateFacts]
) -> tuple[Record, BadgeFacts] | None:
    """Return the record whose issue takes effect and the badge's facts; None if not issued.

    The first issue takes effect. Category and level are those of the last update, else of the
    issue, else of the template; the community is the issue's, else the template's. The first
    revocation counts, and as hard if any burned the badge; none takes effect before the issue
    does, whatever time it bears.
    """
    if len(records) > 1:
        records = sorted(records, key=order)
    issue = first(r for r in records if r["type"] == EventType.BADGE_ISSUED)
    if issue is None:
        return None
    category, level = issue.get("category"), issue.get("level")
    for record in records:
        if record["type"] == EventType.BADGE_UPDATED:
            category = category if record.get("category") is None else record["category"]
            level = level if record.get("level") is None else record["level"]
    revocations = [r for r in records if r["type"] == EventType.BADGE_REVOKED]
    revocation = first(revocations)
    own = Own(category, level, issue.get("community"))
    template = templates.get(issue["template"]) if issue.get("template") else None
    return issue, BadgeFacts(
        badge=issue["badge"],
        recipient=issue["user"],
        at=issue["at"],
        issuer=issue.get("issuer"),
        template=issue.get("template"),
        own=own,
        **own.inherit(template)._asdict(),
        revoked=None if revocation is None else max(issue["at"], revocation["at"]),
        hard=any(record.get("hard") for record in revocations),
        on_chain=issue.get("height") is not None,
    )


def of_community(records: Iterable[Record]) -> tuple[Record, CommunityFacts] | None:
    """Return the record whose creation takes effect and the facts; None if not created.

    No deactivation takes effect before the creation does, whatever time it bears.
    """
    ordered = sorted(records, key=order)
    created = first(r for r in ordered if r["type"] == EventType.COMMUNITY_CREATED)
    if created is None:
        return None
    owner = creator = created.get("user")
    for record in ordered:
        if record["type"] == EventType.COMMUNITY_TRANSFERRED:
            owner = record["user"]
    ended = first(r for r in ordered if r["type"] == EventType.COMMUNITY_DEACTIVATED)
    return created, CommunityFacts(
        community=created["community"],
        name=created.get("name"),
        owner=owner,
        creator=creator,
        created=created["at"],
        deactivated=None if ended is None else max(created["at"], ended["at"]),
        on_chain=created.get("height") is not None,
    )


def is_admin_from_creation(community: CommunityFacts | None, user: str) -> bool:
    """Return whether a user is a member because the contract makes the creator its admin."""
    return community is not None and community.creator == user


class Own(NamedTuple):
    """What a badge says itself of what it could inherit from its template; None inherits."""

    category: int | None
    level: int | None
    community: str | None

    def inherit(self, template: TemplateFacts | None) -> "Own":
        """Return it with what the template says where the badge says nothing."""
        if template is None:
            return self
        return Own(
            template.category if self.category is None else self.category,
            template.level if self.level is None else self.level,
            template.community if self.community is None else self.community,
        )


def own_of(record: Record) -> Own:
    """Return what a badge says itself, as `as_stored` put it on its issue."""
    stored = record["facts"]
    return Own(stored["category"], stored["level"], stored["community"])


def stored_badge(record: Record, template: TemplateFacts | None) -> BadgeFacts:
    """Return the facts of a badge, of what is stored on its issue and of its template."""
    stored = record["facts"]
    return BadgeFacts(
        badge=record["badge"],
        recipient=record["user"],
        at=record["at"],
        issuer=record.get("issuer"),
        template=record.get("template"),
        own=own_of(record),
        **own_of(record).inherit(template)._asdict(),
        revoked=stored["revoked"],
        hard=stored["hard"],
        on_chain=record.get("height") is not None,
    )


def as_stored(badge: BadgeFacts) -> dict[str, Any]:
    """Return what its issue keeps of a badge's facts: never what it inherits from its template.

    So a template may change without a write to each of its badges.
    """
    assert badge.own is not None  # noqa: S101  # `of_badge` gave it
    return {**badge.own._asdict(), "revoked": badge.revoked, "hard": badge.hard}
