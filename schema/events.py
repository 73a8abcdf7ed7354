"""Events as JSON, read just as `mutation ingestEvents` reads them."""

from collections.abc import Callable
from typing import Any, cast

from graphql import GraphQLError, GraphQLInputType, coerce_input_value
from graphql.utilities import validate_input_value
from strawberry.types.arguments import convert_argument

from resolvers.inputs import EventInput, event
from schema.errors import BAD_USER_INPUT
from schema.schema import build
from services.errors import AnalyticsError


def event_reader() -> Callable[[object], dict[str, Any]]:
    """Return what makes an event with the keys of `services.events.Event` of an `EventInput`.

    It raises `AnalyticsError` with code BAD_USER_INPUT for what the API would not take.
    """
    schema = build()
    scalars = schema.schema_converter.scalar_registry
    input_type = cast(
        "GraphQLInputType", schema.schema_converter.type_map["EventInput"].implementation
    )

    def refuse(error: GraphQLError, _: object) -> None:
        raise AnalyticsError(BAD_USER_INPUT, error.message)

    def read(value: object) -> dict[str, Any]:
        validate_input_value(value, input_type, refuse)
        try:
            coerced = coerce_input_value(value, input_type)
        except GraphQLError as error:
            raise AnalyticsError(BAD_USER_INPUT, error.message) from error
        return event(
            cast("EventInput", convert_argument(coerced, EventInput, scalars, schema.config))
        )

    return read
