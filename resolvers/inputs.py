"""The arguments of the API, and what the services make of them."""

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Annotated, Any

import strawberry

from services import people
from services.analytics import Question
from services.answers import TimeZone
from services.errors import AnalyticsError
from services.events import EventType
from services.figures import Where
from services.people import LifecycleState
from services.retention import RetentionMode
from services.snapshots import SnapshotPeriod
from services.window import (
    Between,
    Comparison,
    Granularity,
    Last,
    Preset,
    RangeSpec,
    Weekday,
)


def _input(
    description: str,
    default: Any = strawberry.UNSET,  # noqa: ANN401  # of any type
    name: str | None = None,
) -> Any:  # noqa: ANN401  # a field of any type
    return strawberry.field(description=description, default=default, name=name)


@strawberry.input(description="The last n calendar units; the open one is contained.")
class LastInput:
    n: int = _input("How many units, 1 to 2,000.")
    unit: Granularity = _input("The unit: 7 of DAY end with today.")


@strawberry.input(description="From one instant to before another, at least one of them given.")
class InstantsInput:
    start: datetime | None = _input(
        "The first instant; without it, from the beginning.", None, name="from"
    )
    end: datetime | None = _input(
        "The first instant after; without it, the end of today.", None, name="to"
    )


@strawberry.input(description="From one local date to before another, at least one of them given.")
class DatesInput:
    start: date | None = _input("The first day; without it, from the beginning.", None, name="from")
    end: date | None = _input("The first day after; without it, tomorrow.", None, name="to")


@strawberry.input(description="A range of time: exactly one of its fields.", one_of=True)
class RangeInput:
    preset: strawberry.Maybe[Preset] = strawberry.field(description="A range by its name.")
    last: strawberry.Maybe[LastInput] = strawberry.field(description="The last n units.")
    between: strawberry.Maybe[InstantsInput] = strawberry.field(description="Between instants.")
    dates: strawberry.Maybe[DatesInput] = strawberry.field(description="Between local dates.")


@strawberry.input(description="What to compare with: exactly one of its fields.", one_of=True)
class CompareInput:
    period: strawberry.Maybe[Comparison] = strawberry.field(
        description="A period that goes by the range."
    )
    range: strawberry.Maybe[RangeInput] = strawberry.field(
        description="Any other range. If the range asked about is open, only up to the same moment "
        "of this one; `comparedRange` tells what that comes to."
    )


@strawberry.input(
    description="Which badges are meant: in each dimension that is given one of its keys, and so "
    "in all of them. Users are then those who received such a badge, and communities those in "
    "which one was issued."
)
class WhereInput:
    communities: list[strawberry.ID] | None = _input("Ids of communities.", None)
    issuers: list[str] | None = _input("Addresses of issuers.", None)
    categories: list[str] | None = _input("Names of categories, as `key` of a slice.", None)
    levels: list[str] | None = _input("Numbers of levels, as `key` of a slice.", None)
    badges: list[strawberry.ID] | None = _input("Ids of kinds of badges: their templates.", None)


RangeArgument = Annotated[
    RangeInput | None,
    strawberry.argument(description="The range asked about; without it, all time."),
]
WhereArgument = Annotated[
    WhereInput | None,
    strawberry.argument(description="Which badges are meant; without it, all."),
]
TimeZoneArgument = Annotated[
    TimeZone,
    strawberry.argument(description="The IANA time zone in which days, weeks and months begin."),
]
WeekStartArgument = Annotated[
    Weekday, strawberry.argument(description="The day with which a week begins.")
]
CompareArgument = Annotated[
    CompareInput | None,
    strawberry.argument(description="What to compare with; without it, nothing."),
]


@strawberry.input(description="An hour of the week by the local clock.")
class HourOfWeekInput:
    weekday: Weekday | None = _input("The day; without it, any.", None)
    hour: int | None = _input("The hour of the day, 0 to 23; without it, any.", None)


@strawberry.input(description="Users by the badges that they hold, of those that are meant.")
class HoldingInput:
    least: int = _input("At least so many, 0 or more.")
    most: int | None = _input("At most so many; without it, any number.", None)


@strawberry.input(description="Users of one cohort, or of one cell of it.")
class CohortInput:
    by: Granularity = _input("How long the bucket in which they joined is.")
    start: datetime = _input("An instant in that bucket.")
    offset: int | None = _input(
        "Only those retained so many buckets later; without it, the whole cohort.", None
    )
    mode: RetentionMode = _input("When a user counts as retained.", RetentionMode.BOUNDED)


@strawberry.input(description="Users in one state of the lifecycle.")
class LifecycleInput:
    by: Granularity = _input("The length of the bucket.")
    start: datetime = _input("An instant in the bucket.")
    state: LifecycleState = _input("The state.")


@strawberry.input(description="A group of users: exactly one of its fields.", one_of=True)
class PeopleInput:
    joined: strawberry.Maybe[bool] = strawberry.field(
        description="Those who joined in the range: true."
    )
    active: strawberry.Maybe[bool] = strawberry.field(
        description="Those who received a badge in the range: true."
    )
    waiting: strawberry.Maybe[bool] = strawberry.field(
        description="Those who joined in the range and have no badge that stands: true."
    )
    holding: strawberry.Maybe[HoldingInput] = strawberry.field(
        description="Those who hold so many badges."
    )
    member_of: strawberry.Maybe[strawberry.ID] = strawberry.field(
        description="The members of the community with this id, whatever the filter."
    )
    cohort: strawberry.Maybe[CohortInput] = strawberry.field(
        description="Those of a cohort, or of a cell of it."
    )
    lifecycle: strawberry.Maybe[LifecycleInput] = strawberry.field(
        description="Those in a state of the lifecycle."
    )


def group(given: PeopleInput | None) -> people.Group | None:
    """Return the group of users that is asked for."""
    if given is None:
        return None
    flags: dict[str, people.Group] = {
        "joined": people.Joined(),
        "active": people.Active(),
        "waiting": people.Waiting(),
    }
    for name, found in flags.items():
        chosen = getattr(given, name)
        if chosen:
            if not chosen.value:
                raise AnalyticsError("BAD_USER_INPUT", f"`{name}` is true, or left out.")
            return found
    if given.holding:
        return people.Holding(given.holding.value.least, given.holding.value.most)
    if given.member_of:
        return people.MemberOf(given.member_of.value)
    if given.cohort:
        cohort = given.cohort.value
        start = milliseconds(cohort.start)
        return people.InCohort(cohort.by, start, cohort.offset, cohort.mode)
    if given.lifecycle:
        state = given.lifecycle.value
        return people.InState(state.by, milliseconds(state.start), state.state)
    raise AnalyticsError("BAD_USER_INPUT", "A group of users is exactly one of its fields.")


FirstArgument = Annotated[
    int | None, strawberry.argument(description="The first n entries, 1 to 100; by default 20.")
]
AfterArgument = Annotated[
    str | None, strawberry.argument(description="Only what follows this cursor.")
]
LastArgument = Annotated[
    int | None, strawberry.argument(description="The last n entries, 1 to 100.")
]
BeforeArgument = Annotated[
    str | None, strawberry.argument(description="Only what precedes this cursor.")
]


def question(
    range: RangeInput | None,  # the name that the API gives it
    where: WhereInput | None,
    timezone: str,
    week_start: Weekday,
    compare_to: CompareInput | None = None,
) -> Question:
    """Return the question that window arguments ask."""
    return Question(
        range=_spec(range),
        zone=timezone,
        week_start=week_start,
        where=_where(where),
        compared=_compared(compare_to),
    )


def _where(given: WhereInput | None) -> Where:
    if given is None:
        return Where()
    keys = {each.name: getattr(given, each.name) or () for each in fields(given)}
    return Where(**{name: tuple(dict.fromkeys(map(str, each))) for name, each in keys.items()})


def _compared(given: CompareInput | None) -> Comparison | RangeSpec | None:
    if given is None:
        return None
    return given.period.value if given.period else _spec(given.range.value if given.range else None)


def _spec(range_: RangeInput | None) -> RangeSpec | None:
    if range_ is None:
        return None
    if range_.preset:
        return range_.preset.value
    if range_.last:
        return Last(range_.last.value.n, range_.last.value.unit)
    bounds = range_.between or range_.dates
    if not bounds or (bounds.value.start is None and bounds.value.end is None):
        raise AnalyticsError("BAD_USER_INPUT", "A range needs a start, an end, or both.")
    return Between(_bound(bounds.value.start), _bound(bounds.value.end))


def _bound(bound: date | None) -> int | date | None:
    return milliseconds(bound) if isinstance(bound, datetime) else bound


def milliseconds(at: datetime) -> int:
    """Return a time as milliseconds since 1970; one without a zone is in UTC."""
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


_ID = "Makes the event a duplicate if it is sent again; without it, each is a new one."
_AT = "When it happened; without it, now."


@strawberry.input(description="A badge was issued.")
class BadgeIssuedInput:
    badge: strawberry.ID = _input("The id of the badge; it is issued once.")
    recipient: str = _input("The principal who received it.")
    template: strawberry.ID | None = _input("The template from which it was issued.", None)
    issuer: str | None = _input("The principal who issued it.", None)
    category: int | None = _input("The number of its category; without it, the template's.", None)
    level: int | None = _input("Its level; without it, the template's.", None)
    community: strawberry.ID | None = _input("Its community; without it, the template's.", None)
    occurred_at: datetime | None = _input(_AT, None)
    id: strawberry.ID | None = _input(_ID, None)


@strawberry.input(description="A badge was revoked.")
class BadgeRevokedInput:
    badge: strawberry.ID = _input("The id of the badge.")
    hard: bool = _input("Whether it was burned; softly revoked, it still exists.", default=False)
    by: str | None = _input("The principal who revoked it.", None)
    occurred_at: datetime | None = _input(_AT, None)
    id: strawberry.ID | None = _input(_ID, None)


@strawberry.input(description="The category or the level of a badge was changed.")
class BadgeUpdatedInput:
    badge: strawberry.ID = _input("The id of the badge.")
    category: int | None = _input("The number of its new category.", None)
    level: int | None = _input("Its new level.", None)
    occurred_at: datetime | None = _input(_AT, None)
    id: strawberry.ID | None = _input(_ID, None)


@strawberry.input(description="A user was registered.")
class UserJoinedInput:
    user: str = _input("The principal.")
    occurred_at: datetime | None = _input(_AT, None)
    id: strawberry.ID | None = _input(_ID, None)


@strawberry.input(description="A community was created.")
class CommunityCreatedInput:
    community: strawberry.ID = _input("The id of the community.")
    owner: str = _input("The principal who owns it.")
    name: str | None = _input("Its name.", None)
    occurred_at: datetime | None = _input(_AT, None)
    id: strawberry.ID | None = _input(_ID, None)


@strawberry.input(description="A community was deactivated.")
class CommunityDeactivatedInput:
    community: strawberry.ID = _input("The id of the community.")
    occurred_at: datetime | None = _input(_AT, None)
    id: strawberry.ID | None = _input(_ID, None)


@strawberry.input(description="A user became a member of a community.")
class MemberAddedInput:
    community: strawberry.ID = _input("The id of the community.")
    member: str = _input("The principal who became a member.")
    occurred_at: datetime | None = _input(_AT, None)
    id: strawberry.ID | None = _input(_ID, None)


@strawberry.input(description="A badge template was registered.")
class TemplateRegisteredInput:
    template: strawberry.ID = _input("The id of the template.")
    name: str | None = _input("Its name.", None)
    category: int | None = _input("The number of the category of its badges.", None)
    level: int | None = _input("The level of its badges.", None)
    community: strawberry.ID | None = _input("The community of its badges.", None)
    occurred_at: datetime | None = _input(_AT, None)
    id: strawberry.ID | None = _input(_ID, None)


@strawberry.input(description="Something that happened: exactly one of its fields.", one_of=True)
class EventInput:
    badge_issued: strawberry.Maybe[BadgeIssuedInput] = strawberry.field(
        description="A badge was issued."
    )
    badge_revoked: strawberry.Maybe[BadgeRevokedInput] = strawberry.field(
        description="A badge was revoked."
    )
    badge_updated: strawberry.Maybe[BadgeUpdatedInput] = strawberry.field(
        description="The category or the level of a badge was changed."
    )
    user_joined: strawberry.Maybe[UserJoinedInput] = strawberry.field(
        description="A user was registered."
    )
    community_created: strawberry.Maybe[CommunityCreatedInput] = strawberry.field(
        description="A community was created."
    )
    community_deactivated: strawberry.Maybe[CommunityDeactivatedInput] = strawberry.field(
        description="A community was deactivated."
    )
    member_added: strawberry.Maybe[MemberAddedInput] = strawberry.field(
        description="A user became a member of a community."
    )
    template_registered: strawberry.Maybe[TemplateRegisteredInput] = strawberry.field(
        description="A badge template was registered."
    )


@strawberry.input(description="Events to be ingested.")
class IngestEventsInput:
    events: list[EventInput] = _input("Up to 1,000 events, taken in their order.")


@strawberry.input(description="Which snapshot is to be recorded.")
class RecordSnapshotInput:
    period: SnapshotPeriod = _input("How long the bucket is.")
    at: datetime | None = _input(
        "An instant in the bucket, which must have ended; without it, the last one that has.", None
    )


_RENAMED = {"occurred_at": "at", "id": "client_id", "recipient": "user", "owner": "user"} | {
    "member": "user"
}


def event(given: EventInput) -> dict[str, Any]:
    """Return an event of the API with the keys of `services.events.Event`."""
    for kind in fields(given):
        chosen = getattr(given, kind.name)
        if chosen:
            found: dict[str, Any] = {"type": EventType(kind.name)}
            for each in fields(chosen.value):
                value = getattr(chosen.value, each.name)
                if isinstance(value, datetime) and value.tzinfo is not None:
                    value = milliseconds(value)
                found[_RENAMED.get(each.name, each.name)] = value
            return found
    raise AnalyticsError("BAD_USER_INPUT", "An event is exactly one of its kinds.")
