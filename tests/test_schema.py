"""The schema: its exported form, and what its resolvers are given."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

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
