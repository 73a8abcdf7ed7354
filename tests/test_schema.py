"""The schema: its exported form, and what its resolvers are given."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import get_variable_values

from schema.schema import build, sdl
from services.window import Granularity, Preset, Weekday
from tests.node import needs_node, node

ROOT = Path(__file__).parent.parent


def test_the_exported_schema_is_the_one_that_is_served() -> None:
    assert (ROOT / "schema.graphql").read_text() == sdl(), "run `make schema`"


@needs_node
async def test_the_schema_is_as_the_rules_of_graphql_eslint_have_it() -> None:
    """The exceptions, and why, are in tests/js/lint.mjs."""
    assert await node("lint.mjs") == []


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        ("metric: NEW_USERS, granularity: HOUR, range: {preset: TODAY}, weekStart: SUNDAY", None),
        (
            "metric: $metric, granularity: $granularity, range: $range, weekStart: $weekStart",
            {
                "metric": "NEW_USERS",
                "granularity": "HOUR",
                "range": {"preset": "TODAY"},
                "weekStart": "SUNDAY",
            },
        ),
    ],
)
async def test_an_enum_argument_reaches_the_service_as_a_member_of_its_enum(
    arguments: str, variables: dict[str, Any] | None
) -> None:
    asked: list[object] = []

    async def trend(
        question: Any, metric: str, granularity: Granularity
    ) -> None:  # the spy takes what comes
        asked.extend([metric, granularity, question.range, question.week_start])

    context = SimpleNamespace(analytics=SimpleNamespace(trend=trend), require=lambda _: None)
    declared = (
        "$metric: MetricName!, $granularity: Granularity!, $range: RangeInput, $weekStart: Weekday!"
    )
    query = f"query {f'({declared})' if variables else ''} {{ trends({arguments}) {{ position }} }}"
    result = await build().execute(query, variable_values=variables, context_value=context)
    assert result.errors is None
    assert asked == ["NEW_USERS", Granularity.HOUR, Preset.TODAY, Weekday.SUNDAY]
    assert [type(each) for each in asked] == [str, Granularity, Preset, Weekday]


@pytest.mark.parametrize(
    ("scalar", "values"),
    [
        ("Position", [0.9, "0", True, -1, 2**53, [0], {}]),
        ("TimeZone", [1, True, ["UTC"], {}]),
        ("DateTime", [1, "soon", []]),
        ("Date", [1, "2026-02-30", {}]),
    ],
)
def test_a_scalar_takes_its_own_values_only(scalar: str, values: list[object]) -> None:
    operation = parse(f"query($given: {scalar}!) {{__typename}}").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    schema = build()._schema  # noqa: SLF001  # Strawberry has no public name for it
    for value in values:
        found = get_variable_values(schema, operation.variable_definitions or (), {"given": value})
        assert isinstance(found, list), value
        (error,) = found
        assert error.message.startswith("Variable '$given' has invalid value")
        assert "int()" not in error.message


@pytest.mark.parametrize("scalar", ["Date", "DateTime", "TimeZone"])
def test_a_scalar_says_where_it_is_specified(scalar: str) -> None:
    assert f"scalar {scalar} @specifiedBy(url: " in sdl()
