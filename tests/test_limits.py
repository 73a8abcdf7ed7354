"""What one operation may cost, and that finding out costs little."""

from collections.abc import Iterator

import pytest
from graphql import SelectionSetNode, Visitor, parse, visit
from strawberry.types import ExecutionResult

from schema.errors import Schema, present
from schema.limits import Limits, exceeded, guard
from tests.sample_schema import Context, Mutation, Query


def nested_fragments(levels: int) -> str:
    """Return a document whose every fragment spreads the next one twice."""
    inner = "".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}" for n in range(levels))
    return f"{{...f0}}{inner}fragment f{levels} on Query{{hello}}"


def passed(query: str, limits: Limits | None = None) -> list[str]:
    """Return the names of the limits that `query` passes."""
    return [
        error.extensions["limit"]
        for error in exceeded(parse(query), limits or Limits())
        if error.extensions
    ]


class Counted(tuple[object, ...]):
    """Selections that count how often one of them is looked at."""

    visits = 0

    def __iter__(self) -> Iterator[object]:
        for node in super().__iter__():
            Counted.visits += 1
            yield node


class Counting(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.selections = 0

    def enter_selection_set(self, node: SelectionSetNode, *_: object) -> None:
        self.selections += len(node.selections)
        # Nodes are frozen, and nothing but the way they are iterated changes.
        object.__setattr__(node, "selections", Counted(node.selections))


@pytest.mark.parametrize("levels", [20, 90, 2000])
def test_each_selection_is_looked_at_once_however_often_it_is_spread(levels: int) -> None:
    document = parse(nested_fragments(levels))
    counting = Counting()
    visit(document, counting)
    Counted.visits = 0

    errors = exceeded(document, Limits())

    assert Counted.visits == counting.selections == 2 * levels + 2
    assert [error.extensions["limit"] for error in errors if error.extensions] == ["fields"]


def test_the_known_query_of_748_bytes_is_refused_before_validation() -> None:
    query = nested_fragments(20)
    assert 700 < len(query) < 800
    assert passed(query) == ["fields"]


def test_circular_fragments_are_left_to_validation() -> None:
    assert passed("{...a} fragment a on Query{...b} fragment b on Query{...a}") == []


def test_an_unknown_fragment_is_left_to_validation() -> None:
    assert passed("{...a}") == []


@pytest.mark.parametrize(
    ("within", "over", "limit"),
    [
        ("{a{b}}", "{a{b{c}}}", "depth"),
        ("{...f}fragment f on Query{a{b}}", "{a{...f}}fragment f on Query{a{b}}", "depth"),
        ("{a{...on T{b}}}", "{a{...on T{b{c}}}}", "depth"),
        ("{x:a y:b}", "{x:a y:b z:c}", "aliases"),
        ("{...f a{...f}}fragment f on T{x:a}", "{...f ...f ...f}fragment f on T{x:a}", "aliases"),
        ("query @a{b @c}", "query @a{b @c @d}", "directives"),
        (
            "query($v: Int @a){b @c}",
            "query($v: Int @a){...f @c} fragment f on T @b{c}",
            "directives",
        ),
        ("{a b c d}", "{a b c d e}", "fields"),
        ("{a{b} c{d}}", "{...f c{...f}}fragment f on T{a b}", "fields"),
    ],
)
def test_a_limit_is_kept_to_the_last_and_counts_through_fragments(
    within: str, over: str, limit: str
) -> None:
    limits = Limits(depth=2, aliases=2, directives=2, fields=4)
    assert passed(within, limits) == []
    assert passed(over, limits) == [limit]


def test_any_operation_of_a_document_can_pass_a_limit() -> None:
    assert passed("query A{a} query B{a{b}}", Limits(depth=1)) == ["depth"]


def test_introspection_is_not_deep_but_costs_fields() -> None:
    query = '{__schema{types{ofType{ofType{name}}}} __type(name:"T"){...f}}fragment f on T{a{b{c}}}'
    assert passed(query, Limits(depth=1)) == []
    assert passed(query, Limits(fields=8)) == ["fields"]


async def execute(
    query: str, limits: Limits, variables: dict[str, object] | None = None
) -> ExecutionResult:
    schema = Schema(Query, Mutation, extensions=[guard(limits)])
    return await schema.execute(query, variables, context_value=Context())


def told(result: ExecutionResult, *, suggestions: bool = True) -> list[dict[str, object]]:
    return [dict(present(error, suggestions=suggestions)) for error in result.errors or ()]


async def test_too_many_tokens_name_the_limit() -> None:
    result = await execute("{" + "hello " * 20 + "}", Limits(tokens=20))
    [error] = told(result)
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": "tokens", "maximum": 20}


async def test_a_limit_is_in_the_message_too() -> None:
    [error] = told(await execute("{node{child{name}}}", Limits(depth=2)))
    assert error["message"] == "The operation passes this server's limit of 2 for depth."
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": "depth", "maximum": 2}


async def test_an_operation_that_takes_too_long_is_stopped() -> None:
    [error] = told(await execute("{forever}", Limits(seconds=0.01)))
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": "seconds", "maximum": 0.01}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{helo}", None),
        ("{hello(nam: 1)}", None),
        ("query($p: Pont!){where(point: $p)}", None),
        ("query($p: Point!){where(point: $p)}", {"p": {"longitud": 1}}),
    ],
)
async def test_names_are_suggested_only_to_those_who_may_introspect(
    query: str, variables: dict[str, object] | None
) -> None:
    open_to_all = told(await execute(query, Limits(), variables))
    closed = told(await execute(query, Limits(introspection=False), variables), suggestions=False)
    assert "Did you mean" in str(open_to_all)
    assert "Did you mean" not in str(closed)
    assert len(closed) == len(open_to_all)


async def test_introspection_can_be_turned_off() -> None:
    query = "{__schema{queryType{name}}}"
    assert (await execute(query, Limits())).errors is None
    [error, *_] = told(await execute(query, Limits(introspection=False)))
    assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


async def test_a_document_is_parsed_and_validated_once() -> None:
    limits = Limits()
    documents = guard(limits)()._documents  # noqa: SLF001 (the cache has no other face)
    assert documents.parse("{hello}") is documents.parse("{hello}")
    long = "{hello}" + " " * 20_000
    assert documents.parse(long) is not documents.parse(long)


async def test_errors_of_a_kept_document_are_the_same_each_time() -> None:
    schema = Schema(Query, extensions=[guard(Limits())])
    first, second = [told(await schema.execute("{helo}")) for _ in range(2)]
    assert first == second
    assert first[0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


def test_a_deep_document_needs_no_deep_stack() -> None:
    fragments = "".join(f"fragment f{n} on T{{a{{...f{n + 1}}}}}" for n in range(3000))
    document = parse("{...f0}" + fragments + "fragment f3000 on T{b}")
    [error] = exceeded(document, Limits(fields=9999))
    assert error.extensions == {"code": "LIMIT_EXCEEDED", "limit": "depth", "maximum": 10}
