"""The schema: the lists of queries, mutations and subscriptions."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from inspect import getdoc
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.base_scalars import DateDefinition, DateTimeDefinition
from strawberry.types.scalar import ScalarDefinition

import schema.types  # noqa: F401  # lends the types that the resolvers answer with
from resolvers import analytics, ingest, lists, live
from schema.errors import Schema
from schema.limits import Limits, guard
from schema.shared import SharedExecutor
from services.answers import Position, TimeZone


def _field(resolver: Callable[..., Any]) -> Any:  # noqa: ANN401  # a field of any type
    return strawberry.field(resolver, description=getdoc(resolver))


@strawberry.type(description="What can be asked.")
class Query:
    aggregated = _field(analytics.OF_QUERY["aggregated"])
    issuance = _field(analytics.OF_QUERY["issuance"])
    community = _field(analytics.OF_QUERY["community"])
    users = _field(analytics.OF_QUERY["users"])
    distribution = _field(analytics.OF_QUERY["distribution"])
    trends = _field(analytics.trend)
    activity = _field(lists.activity)
    badges = _field(lists.badges)
    people = _field(lists.people)
    communities = _field(lists.communities)
    templates = _field(lists.templates)
    events = _field(lists.events)
    snapshots = _field(lists.snapshots)
    status = _field(analytics.status)
    metric_definitions = _field(analytics.metric_definitions)
    limits = _field(analytics.limits)


@strawberry.type(description="What can be changed.")
class Mutation:
    ingest_events = _field(ingest.ingest_events)
    record_snapshot = _field(ingest.record_snapshot)


@strawberry.type(description="What can be listened to.")
class Subscription:
    analytics_updated = strawberry.subscription(
        live.analytics_updated, description=getdoc(live.analytics_updated)
    )


def _position(value: object) -> int:
    if type(value) is not int or not 0 <= value < MAX_POSITION:
        raise ValueError("A position is a whole number, 0 or more.")
    return value


def _time_zone(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("A time zone is a string, such as Europe/Berlin.")  # noqa: TRY004  # what graphql-core tells the client
    return value


MAX_POSITION = 2**53
"""The first whole number that JSON's readers may no longer tell from the next."""

SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: replace(
        DateTimeDefinition,
        description="An instant in RFC 3339, such as 2026-01-31T12:00:00Z; without an offset UTC.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    ),
    date: replace(
        DateDefinition,
        description="A date, such as 2026-01-31.",
        specified_by_url="https://scalars.graphql.org/andimarek/local-date",
    ),
    Position: strawberry.scalar(
        name="Position",
        description="The number of a committed batch: 0 before the first, then 1, 2, 3, ...",
        serialize=int,
        parse_value=_position,
    ),
    TimeZone: strawberry.scalar(
        name="TimeZone",
        description="The name of an IANA time zone, such as Europe/Berlin.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc6557",
        serialize=str,
        parse_value=_time_zone,
    ),
}


def build(limits: Limits | None = None) -> strawberry.Schema:
    """Return the schema, guarded by limits."""
    return _schema(limits or Limits())


@cache
def sdl() -> str:
    """Return the schema in the GraphQL schema definition language, sorted."""
    exported = _schema(Limits(), is_sorted=True).as_str()
    # Strawberry defines it for tools that do not know it yet, but does not describe it.
    one_of = "directive @oneOf"
    return (
        exported.replace(one_of, f'"""Exactly one of the fields must be given."""\n{one_of}') + "\n"
    )


def _schema(limits: Limits, *, is_sorted: bool = False) -> strawberry.Schema:
    # Sorting makes the enums anew as graphql-core's own: resolvers of a sorted schema are given
    # the values of the members where they expect the members.
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(
            scalar_map=SCALARS,
            sort_schema=is_sorted,
            disable_field_suggestions=not limits.introspection,
        ),
        extensions=[guard(limits)],
        execution_context_class=SharedExecutor,
    )
