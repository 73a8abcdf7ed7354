"""Executing an event of a subscription once for all who ask the same of it.

Of the cost of a push to one subscriber nearly all is the execution of its selection. Subscribers
with the same document, variables and rights are given one result, whichever of them is first.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

from graphql.execution import ExecutionResult
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from services.live import AnalyticsUpdate


class SharedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes operations; of an `AnalyticsUpdate`, each only once."""

    def execute_operation(self, serially: bool | None = None) -> Any:  # noqa: ANN401  # as in graphql-core
        """Return the result, or an awaitable of it, which others may have been waiting for."""
        update: object = self.root_value
        if not isinstance(update, AnalyticsUpdate):
            return super().execute_operation(serially)
        # Equal documents are one object while they are kept, and hashing one walks through it.
        key = id(self.operation), repr(self.variable_values.coerced), self.context_value.rights
        found = update.executed.get(key)
        if found is None:
            task = asyncio.ensure_future(_awaited(super().execute_operation(serially)))
            found = update.executed[key] = self.operation, task
        return asyncio.shield(found[1])


async def _awaited(result: object) -> ExecutionResult:
    if isinstance(result, Awaitable):
        result = await result
    return cast("ExecutionResult", result)
