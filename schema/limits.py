"""What one GraphQL operation may cost, checked before it runs.

Every number counts what would be executed: a fragment counts once for each place that it is
spread in. Each fragment is nevertheless looked at only once, so the check takes time linear in
the size of the document, whatever it expands to.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from schema.errors import LIMIT_EXCEEDED, VALIDATION_FAILED

# Documents longer than this (characters) are not kept: 1,000 tokens can be very long strings.
CACHED_LENGTH = 16 * 1024
CACHED_DOCUMENTS = 256

_INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What this server allows an operation."""

    depth: int = 10
    """Fields within fields, outside of introspection."""
    aliases: int = 15
    directives: int = 50
    fields: int = 1000
    tokens: int = 1000
    """Tokens of the document, comments among them."""
    seconds: float = 10.0
    """Time to execute a query or a mutation, or to open a subscription."""
    introspection: bool = True
    """Whether clients may ask for the schema; if not, errors suggest no names either."""


@dataclass(slots=True)
class Cost:
    """What one selection adds up to."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0


@dataclass(slots=True)
class _Definition:
    own: Cost = field(default_factory=Cost)
    spreads: list[tuple[str, int | None]] = field(default_factory=list)
    """Fragments with the depth they are spread at, `None` within introspection."""


def exceeded(document: DocumentNode, limits: Limits) -> list[GraphQLError]:
    """Return an error for each limit that an operation of `document` passes.

    Empty for a document whose fragments are circular, which validation refuses.
    """
    try:
        fragments = _fragment_costs(document)
    except CycleError:
        return []
    return [
        _refusal(operation, name, maximum)
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        for cost in [_total(_survey(operation), fragments)]
        for name, actual, maximum in (
            ("depth", cost.depth, limits.depth),
            ("aliases", cost.aliases, limits.aliases),
            ("directives", cost.directives, limits.directives),
            ("fields", cost.fields, limits.fields),
        )
        if actual > maximum
    ]


def _refusal(operation: OperationDefinitionNode | None, limit: str, maximum: float) -> GraphQLError:
    return GraphQLError(
        f"The operation passes this server's limit of {maximum:g} for {limit}.",
        operation,
        extensions={"code": LIMIT_EXCEEDED, "limit": limit, "maximum": maximum},
    )


def _fragment_costs(document: DocumentNode) -> dict[str, Cost]:
    surveys = {
        definition.name.value: _survey(definition)
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    inner_first = TopologicalSorter(
        {name: {spread for spread, _ in survey.spreads} for name, survey in surveys.items()}
    ).static_order()
    costs: dict[str, Cost] = {}
    for name in inner_first:
        # An unknown fragment costs nothing here; validation refuses it.
        costs[name] = _total(surveys[name], costs) if name in surveys else Cost()
    return costs


def _total(definition: _Definition, fragments: dict[str, Cost]) -> Cost:
    total = definition.own
    for name, depth in definition.spreads:
        inner = fragments.get(name, Cost())
        if depth is not None:
            total.depth = max(total.depth, depth + inner.depth)
        total.aliases += inner.aliases
        total.directives += inner.directives
        total.fields += inner.fields
    return total


def _survey(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Definition:
    found = _Definition()
    found.own.directives = len(definition.directives or ()) + sum(
        len(variable.directives or ()) for variable in definition.variable_definitions or ()
    )
    waiting: list[tuple[SelectionSetNode, int | None]] = [(definition.selection_set, 0)]
    # A stack of our own: a document may nest deeper than Python may recurse.
    while waiting:
        selections, depth = waiting.pop()
        for node in selections.selections:
            found.own.directives += len(node.directives or ())
            match node:
                case FragmentSpreadNode():
                    found.spreads.append((node.name.value, depth))
                case InlineFragmentNode():
                    waiting.append((node.selection_set, depth))
                case FieldNode():
                    below = _enter_field(node, depth, found.own)
                    if node.selection_set:
                        waiting.append((node.selection_set, below))
    return found


def _enter_field(node: FieldNode, depth: int | None, cost: Cost) -> int | None:
    cost.fields += 1
    cost.aliases += node.alias is not None
    if depth is None or node.name.value in _INTROSPECTION:
        return None
    cost.depth = max(cost.depth, depth + 1)
    return depth + 1


class Documents:
    """Parsed and checked documents; the most recently used ones are kept."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rules = tuple(specified_rules)
        if not limits.introspection:
            self._rules += (NoSchemaIntrospectionCustomRule,)
        self._kept = lru_cache(CACHED_DOCUMENTS)(self._parse)
        # By their text, for graphql-core hashes a document by walking through all of it.
        self._checked = lru_cache(CACHED_DOCUMENTS)(
            lambda schema, query: self._check(schema, self.parse(query))
        )

    def parse(self, query: str) -> DocumentNode:
        """Return the document; raises `GraphQLSyntaxError`, also for too many tokens."""
        return self._kept(query) if len(query) <= CACHED_LENGTH else self._parse(query)

    def check(
        self, schema: GraphQLSchema, query: str, document: DocumentNode
    ) -> tuple[GraphQLError, ...]:
        """Return what is wrong with `document`, which `parse` made of `query`.

        The errors are shared between requests and must not be changed.
        """
        if len(query) <= CACHED_LENGTH:
            return self._checked(schema, query)
        return self._check(schema, document)

    def _parse(self, query: str) -> DocumentNode:
        return parse(query, max_tokens=self._limits.tokens)

    def _check(self, schema: GraphQLSchema, document: DocumentNode) -> tuple[GraphQLError, ...]:
        # Validation is dear: it is spared for what is refused anyway.
        if errors := exceeded(document, self._limits):
            return tuple(errors)
        errors = validate_document(schema, document, self._rules)
        for error in errors:
            error.extensions = {"code": VALIDATION_FAILED, **(error.extensions or {})}
        return tuple(errors)


class Guard(SchemaExtension):
    """Parses, checks and times one operation. Give a schema `guard(limits)`, never an instance."""

    def __init__(self, limits: Limits, documents: Documents) -> None:
        self._limits = limits
        self._documents = documents

    def on_operation(self) -> Iterator[None]:
        """Have Strawberry's own parsing keep the limit of tokens too."""
        self.execution_context.parse_options["max_tokens"] = self._limits.tokens
        yield

    def on_parse(self) -> Iterator[None]:
        """Parse the query, or find it parsed."""
        context = self.execution_context
        if context.query:
            # What fails is left to Strawberry, which fails again: raised from here, an error would
            # break a stream instead of being its first result.
            with suppress(GraphQLSyntaxError):
                context.graphql_document = self._documents.parse(context.query)
        yield

    def on_validate(self) -> Iterator[None]:
        """Hold the document against the limits first and against the schema then."""
        context = self.execution_context
        schema = context.schema._schema  # noqa: SLF001 (as Strawberry's own ValidationCache does: it has no public name)
        if context.query and context.graphql_document:
            errors = self._documents.check(schema, context.query, context.graphql_document)
            context.pre_execution_errors = list(errors)
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        """Stop the execution when its time is over."""
        seconds = self._limits.seconds
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as timeout:
            raise _refusal(None, "seconds", seconds) from timeout


def guard(limits: Limits) -> Callable[[], Guard]:
    """Return the extension for a schema: a factory, for extensions live for one operation."""
    documents = Documents(limits)
    return lambda: Guard(limits, documents)
