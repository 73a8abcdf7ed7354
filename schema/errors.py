"""What a client is told of an error, and what only the log is told.

Errors are presented by the transports, at the last place that they pass: nothing can go round
it, and nothing is shared between requests.

| extensions.code             | raised when                                                      |
|-----------------------------|------------------------------------------------------------------|
| GRAPHQL_PARSE_FAILED        | the document is not GraphQL                                      |
| GRAPHQL_VALIDATION_FAILED   | the document does not fit the schema                             |
| LIMIT_EXCEEDED              | a limit was passed; `limit` names it, `maximum` is its value     |
| BAD_USER_INPUT              | a variable or an argument has a value that its type does not have|
| OPERATION_RESOLUTION_FAILURE| the document has no operation of the name asked for              |
| OPERATION_NOT_ALLOWED       | this transport does not carry such operations                    |
| INTERNAL_SERVER_ERROR       | anything unexpected; the log has the cause under the same `id`   |
| any other                   | a service raised `AnalyticsError` with it                        |
"""

import logging
import re
import secrets
from typing import cast

import strawberry
from graphql import GraphQLError, GraphQLFormattedError, GraphQLSyntaxError
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext

from services.errors import AnalyticsError

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
BAD_USER_INPUT = "BAD_USER_INPUT"
NO_SUCH_OPERATION = "OPERATION_RESOLUTION_FAILURE"
NOT_ALLOWED = "OPERATION_NOT_ALLOWED"
INTERNAL = "INTERNAL_SERVER_ERROR"

_log = logging.getLogger(__name__)
_suggestion = re.compile(r" Did you mean [^?]*\?")
_too_many_tokens = re.compile(r"Document contains more than (\d+) tokens")


class Schema(strawberry.Schema):
    """A schema that leaves it to the transport to log errors.

    Strawberry's own logs every error with its traceback, a client's typing mistake too.
    """

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Do nothing: `present` logs what deserves it."""


def present(error: GraphQLError, *, suggestions: bool = True) -> GraphQLFormattedError:
    """Return what the client is told of `error`; always with `extensions.code`.

    Logs the error, with its traceback, when it is unexpected. Without `suggestions` the names
    that graphql-core proposes for a misspelt one are cut out, because they tell the schema to
    somebody who may not introspect it.
    """
    formatted = error.formatted
    message, extensions = _told(error)
    formatted["message"] = message if suggestions else _suggestion.sub("", message)
    formatted["extensions"] = extensions
    return formatted


def is_request_error(errors: list[GraphQLError] | None, data: object) -> bool:
    """Return whether the operation failed before any field of it was executed."""
    return data is None and bool(errors) and all(error.path is None for error in errors or ())


def _told(error: GraphQLError) -> tuple[str, dict[str, object]]:
    cause = _cause(error)
    given = cast("dict[str, object]", error.extensions or {})
    if isinstance(cause, AnalyticsError):
        return cause.message, {"code": cause.code, **cause.details}
    if "code" in given:
        return error.message, given
    if isinstance(error, GraphQLSyntaxError):
        return error.message, _unparsed(error)
    code = _code_of_refusal(error, cause)
    return (
        (error.message, {"code": code})
        if code
        else masked(error.original_error or error, error.path)
    )


def _code_of_refusal(error: GraphQLError, cause: Exception | None) -> str | None:
    if isinstance(cause, CannotGetOperationTypeError):
        return NO_SUCH_OPERATION
    if isinstance(cause, InvalidOperationTypeError):
        return NOT_ALLOWED
    return BAD_USER_INPUT if _is_bad_input(error) else None


def _cause(error: GraphQLError) -> Exception | None:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _unparsed(error: GraphQLSyntaxError) -> dict[str, object]:
    if limit := _too_many_tokens.search(error.message):
        return {"code": LIMIT_EXCEEDED, "limit": "tokens", "maximum": int(limit[1])}
    return {"code": PARSE_FAILED}


def _is_bad_input(error: GraphQLError) -> bool:
    # graphql-core refuses variables before execution (nodes, no path) and arguments during it.
    # An exception of a subscription's generator comes with neither and must not pass for one.
    if isinstance(error, StrawberryInputCoercionError):
        return True
    if error.path is None:
        return error.nodes is not None
    return error.message.startswith("Argument '")


def masked(error: Exception, where: object) -> tuple[str, dict[str, object]]:
    """Log an unexpected error, and return the message and the extensions that stand for it."""
    reference = secrets.token_hex(8)
    _log.error("Unexpected error %s at %s", reference, where, exc_info=error)
    message = f"Something unexpected happened; the server's log has it as {reference}."
    return message, {"code": INTERNAL, "id": reference}
