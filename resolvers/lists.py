"""Connections: the lists behind the numbers. Each asks one service."""

from typing import Annotated

import strawberry

from resolvers.context import Info
from resolvers.inputs import (
    AfterArgument,
    BeforeArgument,
    FirstArgument,
    HourOfWeekInput,
    LastArgument,
    PeopleInput,
    RangeArgument,
    TimeZoneArgument,
    WeekStartArgument,
    WhereArgument,
    group,
    question,
)
from services.access import Right
from services.activity import ActivityConnection, Told
from services.answers import TimeZone
from services.badges import BadgeOrder, BadgesAsked, IssuedBadgeConnection
from services.directory import (
    CommunityConnection,
    CommunityOrder,
    TemplateConnection,
    TemplateOrder,
)
from services.events import EventType
from services.paging import Page
from services.people import PersonConnection, PersonOrder
from services.snapshots import SnapshotConnection, SnapshotPeriod
from services.window import Weekday

UTC = TimeZone("UTC")


async def badges(
    info: Info,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    recipient: Annotated[
        str | None, strawberry.argument(description="Only those of this user.")
    ] = None,
    is_revoked: Annotated[
        bool | None,
        strawberry.argument(
            description="Only those that are revoked, or only those that are held."
        ),
    ] = None,
    hour_of_week: Annotated[
        HourOfWeekInput | None,
        strawberry.argument(description="Only those issued in this hour of the week."),
    ] = None,
    order_by: Annotated[
        BadgeOrder, strawberry.argument(description="How they are sorted.")
    ] = BadgeOrder.NEWEST,
    first: FirstArgument = None,
    after: AfterArgument = None,
    last: LastArgument = None,
    before: BeforeArgument = None,
) -> IssuedBadgeConnection | None:
    """Badges one by one: those issued in the range."""
    info.context.require(Right.READ)
    asked = BadgesAsked(
        order=order_by,
        recipient=recipient,
        is_revoked=is_revoked,
        weekday=hour_of_week.weekday if hour_of_week else None,
        hour=hour_of_week.hour if hour_of_week else None,
    )
    page = Page.of(first, after, last, before)
    return await info.context.analytics.badges(
        question(range, where, timezone, week_start), asked, page
    )


async def people(
    info: Info,
    group_by: Annotated[
        PeopleInput | None,
        strawberry.argument(name="group", description="Which users; without it, all."),
    ] = None,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    order_by: Annotated[
        PersonOrder, strawberry.argument(description="How they are sorted.")
    ] = PersonOrder.NEWEST,
    first: FirstArgument = None,
    after: AfterArgument = None,
    last: LastArgument = None,
    before: BeforeArgument = None,
) -> PersonConnection | None:
    """Users one by one: all, or those behind any number of users."""
    info.context.require(Right.READ)
    return await info.context.analytics.people(
        question(range, where, timezone, week_start),
        group(group_by),
        order_by,
        Page.of(first, after, last, before),
    )


async def communities(
    info: Info,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    is_deactivated: Annotated[
        bool | None,
        strawberry.argument(description="Only those that are deactivated, or only active ones."),
    ] = None,
    order_by: Annotated[
        CommunityOrder, strawberry.argument(description="How they are sorted.")
    ] = CommunityOrder.NEWEST,
    first: FirstArgument = None,
    after: AfterArgument = None,
    last: LastArgument = None,
    before: BeforeArgument = None,
) -> CommunityConnection | None:
    """Communities one by one: those created in the range."""
    info.context.require(Right.READ)
    return await info.context.analytics.communities(
        question(range, where, timezone, week_start),
        is_deactivated,
        order_by,
        Page.of(first, after, last, before),
    )


async def templates(
    info: Info,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    order_by: Annotated[
        TemplateOrder, strawberry.argument(description="How they are sorted.")
    ] = TemplateOrder.MOST_ISSUED,
    first: FirstArgument = None,
    after: AfterArgument = None,
    last: LastArgument = None,
    before: BeforeArgument = None,
) -> TemplateConnection | None:
    """Kinds of badges one by one: those issued in the range, or all."""
    info.context.require(Right.READ)
    return await info.context.analytics.templates(
        question(range, where, timezone, week_start),
        order_by,
        Page.of(first, after, last, before),
    )


async def activity(
    info: Info,
    types: Annotated[
        list[EventType] | None,
        strawberry.argument(description="Only events of these types; without it, of all."),
    ] = None,
    first: FirstArgument = None,
    after: AfterArgument = None,
    last: LastArgument = None,
    before: BeforeArgument = None,
) -> ActivityConnection | None:
    """What happened and stands, the newest first."""
    info.context.require(Right.READ)
    page = Page.of(first, after, last, before)
    return await info.context.analytics.activity(page, types or [], Told())


async def events(
    info: Info,
    types: Annotated[
        list[EventType] | None,
        strawberry.argument(description="Only events of these types; without it, of all."),
    ] = None,
    user: Annotated[
        str | None, strawberry.argument(description="Only events by which this user appears.")
    ] = None,
    badge: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only events of this badge.")
    ] = None,
    first: FirstArgument = None,
    after: AfterArgument = None,
    last: LastArgument = None,
    before: BeforeArgument = None,
) -> ActivityConnection | None:
    """The events that stand of one user or of one badge, or all of them, the newest first."""
    info.context.require(Right.READ)
    page = Page.of(first, after, last, before)
    return await info.context.analytics.activity(page, types or [], Told(user=user, badge=badge))


async def snapshots(
    info: Info,
    period: Annotated[SnapshotPeriod, strawberry.argument(description="How long the buckets are.")],
    range: RangeArgument = None,
    first: FirstArgument = None,
    after: AfterArgument = None,
    last: LastArgument = None,
    before: BeforeArgument = None,
) -> SnapshotConnection | None:
    """Snapshots of the buckets that begin in the range, the newest first."""
    info.context.require(Right.READ)
    asked = question(range, None, UTC, Weekday.MONDAY)
    return await info.context.snapshots.page(period, asked, Page.of(first, after, last, before))
