"""What is true of an entity, given the events that stand.

The facts of a badge, a community, a membership, a template or a user are a pure function of the
set of its standing events. That is what makes redelivery, reordering and reorganisation harmless:
the ledger moves the counters by the difference between the facts before and after, and a rebuild
can only arrive at the same ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    created: int
    deactivated: int | None
    on_chain: bool


@dataclass(frozen=True, slots=True)
class MembershipFacts:
    """A standing membership, since the first event that tells of it."""

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


KINDS = ("badge", "member", "user", "template", "community")
"""The kinds of entities; the key of an entity begins with its kind and a colon."""


def entity_of(event: Event) -> str:
    """Return the key of the entity whose facts the event determines.

    Ids carry their length, so that decimal ids sort by their number.
    """
    kind = event["type"]
    if kind.startswith("badge_"):
        return badge_entity(event["badge"])
    if kind == EventType.MEMBER_ADDED:
        return f"member:{event['community']}:{event['user']}"
    if kind == EventType.USER_JOINED:
        return f"user:{event['user']}"
    name = "template" if kind == EventType.TEMPLATE_REGISTERED else "community"
    key = event["template"] if name == "template" else event["community"]
    return f"{name}:{len(key):02d}:{key}"


def badge_entity(badge: str) -> str:
    """Return the key of a badge."""
    return f"badge:{len(badge):02d}:{badge}"


def order(record: Record) -> tuple[int, int, int, str]:
    """Return the sort key of chain order: time, height, place in the block, identity."""
    return record["at"], record.get("height") or 0, record.get("index") or 0, record["_id"]


def order_key(record: Record) -> str:
    """Return the text by which records sort as by `order`, but for the identity."""
    at, height, index, _ = order(record)
    return f"{at:016d}.{height:016d}.{index:020d}"


def of_template(records: Iterable[Record]) -> TemplateFacts | None:
    """Return the facts of a template from its standing records, or None without any."""
    fields: dict[str, Any] = {}
    for record in sorted(records, key=order):
        for name in ("template", "name", "category", "level", "community"):
            if record.get(name) is not None:
                fields[name] = record[name]
        fields.setdefault("creator", record.get("by"))
        fields.setdefault("registered", record["at"])
    return TemplateFacts(**fields) if fields else None


def of_badge(
    records: Sequence[Record], templates: Mapping[str, TemplateFacts]
) -> tuple[Record, BadgeFacts] | None:
    """Return the record whose issue takes effect and the badge's facts; None if not issued.

    The earliest issue takes effect. Category and level are those of the latest update, else of
    the issue, else of the template; the community is the issue's, else the template's. The
    first revocation counts, and as hard if any burned the badge; none takes effect before the
    issue does, whatever time it tells.
    """
    if len(records) > 1:
        records = sorted(records, key=order)
    issue = next((r for r in records if r["type"] == EventType.BADGE_ISSUED), None)
    if issue is None:
        return None
    category, level = issue.get("category"), issue.get("level")
    revoked, hard = None, False
    for record in records:
        if record["type"] == EventType.BADGE_UPDATED:
            category = category if record.get("category") is None else record["category"]
            level = level if record.get("level") is None else record["level"]
        elif record["type"] == EventType.BADGE_REVOKED:
            revoked = max(issue["at"], record["at"]) if revoked is None else revoked
            hard = hard or bool(record.get("hard"))
    community = issue.get("community")
    template = templates.get(issue["template"]) if issue.get("template") else None
    if template is not None:
        category = template.category if category is None else category
        level = template.level if level is None else level
        community = template.community if community is None else community
    return issue, BadgeFacts(
        badge=issue["badge"],
        recipient=issue["user"],
        at=issue["at"],
        issuer=issue.get("issuer"),
        template=issue.get("template"),
        category=category,
        level=level,
        community=community,
        revoked=revoked,
        hard=hard,
        on_chain=issue.get("height") is not None,
    )


def of_community(records: Iterable[Record]) -> tuple[Record, CommunityFacts] | None:
    """Return the record whose creation takes effect and the facts; None if not created.

    No deactivation takes effect before the creation does, whatever time it tells.
    """
    ordered = sorted(records, key=order)
    created = next((r for r in ordered if r["type"] == EventType.COMMUNITY_CREATED), None)
    if created is None:
        return None
    owner, deactivated = created.get("user"), None
    for record in ordered:
        if record["type"] == EventType.COMMUNITY_TRANSFERRED:
            owner = record["user"]
        elif record["type"] == EventType.COMMUNITY_DEACTIVATED and deactivated is None:
            deactivated = max(created["at"], record["at"])
    return created, CommunityFacts(
        community=created["community"],
        name=created.get("name"),
        owner=owner,
        created=created["at"],
        deactivated=deactivated,
        on_chain=created.get("height") is not None,
    )


def stored_badge(record: Record) -> BadgeFacts:
    """Return the facts that `as_stored` put on the live issue of a badge."""
    return BadgeFacts(
        badge=record["badge"],
        recipient=record["user"],
        at=record["at"],
        issuer=record.get("issuer"),
        template=record.get("template"),
        on_chain=record.get("height") is not None,
        **record["facts"],
    )


def as_stored(badge: BadgeFacts) -> dict[str, Any]:
    """Return the part of a badge's facts that its issue does not say itself."""
    return {
        "category": badge.category,
        "level": badge.level,
        "community": badge.community,
        "revoked": badge.revoked,
        "hard": badge.hard,
    }
