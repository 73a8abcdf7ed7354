"""GraphQL over HTTP, as https://graphql.github.io/graphql-over-http/draft/ has it."""

from collections.abc import Mapping
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from schema.errors import INTERNAL, LIMIT_EXCEEDED, NO_SUCH_OPERATION, NOT_ALLOWED, is_request_error
from schema.pages import Page, graphiql, page_routes
from schema.sse import MEDIA_TYPE as EVENTS
from schema.sse import EventStream
from schema.transport import MalformedError, Operation, Transport, encode
from schema.websocket import PROTOCOL, WebSocketEndpoint
from services.errors import AnalyticsError
from services.jsontext import loads

JSON: Final = "application/json"
RESPONSE: Final = "application/graphql-response+json"
HTML: Final = "text/html"

MAX_BODY: Final = 256 * 1024
"""Bytes of a request's body."""

_BY_GET = frozenset({OperationType.QUERY})
_BY_POST = frozenset({OperationType.QUERY, OperationType.MUTATION})
_STATUS_OF_CODE = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "TOO_MANY_CONNECTIONS": 429}


class _Refusal(Exception):
    """A request that is answered with one error and a status of HTTP that says as much."""

    def __init__(self, status: int, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "extensions": {"code": code, **details}}
        self.headers: Mapping[str, str] = {}


class HTTPEndpoint:
    """The ASGI application that answers HTTP: queries, mutations, event streams and GraphiQL."""

    def __init__(self, transport: Transport, graphiql: Page) -> None:
        self._transport = transport
        self._graphiql = graphiql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        accept = _ranges(request.headers.get("accept", "*/*"))
        with ExitStack() as held:
            try:
                response = await self._respond(request, accept, held)
            except _Refusal as refusal:
                response = _refused(refusal, accept)
            except AnalyticsError as error:
                response = _refused(_turned_away(error), accept)
            except ClientDisconnect:
                return
            await response(scope, receive, send)

    async def _respond(
        self, request: Request, accept: Mapping[str, float], held: ExitStack
    ) -> Response:
        if request.method not in ("GET", "POST"):
            raise _not_allowed("GraphQL is asked by GET or POST.", "GET, POST")
        if request.method == "GET" and "query" not in request.query_params and accept.get(HTML):
            return self._graphiql.response(str(request.url.replace(query="")))
        quality, media = _json_type(accept)
        if not quality and not accept.get(EVENTS):
            raise _Refusal(
                406, "NOT_ACCEPTABLE", f"The answer can be {RESPONSE}, {JSON} or {EVENTS}."
            )
        operation = await _read(request)
        context = await self._transport.context(request, {})
        if accept.get(EVENTS, 0.0) > quality:
            return await self._stream(request, operation, context, held)
        try:
            result = await self._execute(request, operation, context)
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.SUBSCRIPTION and accept.get(EVENTS):
                return await self._stream(request, operation, context, held)
            raise _wrong_operation(error.operation_type) from error
        return self._answer(result, media)

    async def _execute(
        self, request: Request, operation: Operation, context: object
    ) -> ExecutionResult:
        try:
            return await self._transport.schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                operation_extensions=operation.extensions,
                allowed_operation_types=_BY_GET if request.method == "GET" else _BY_POST,
            )
        except CannotGetOperationTypeError as error:
            raise _Refusal(400, NO_SUCH_OPERATION, error.as_http_error_reason()) from error

    async def _stream(
        self, request: Request, operation: Operation, context: object, held: ExitStack
    ) -> Response:
        held.enter_context(self._transport.connections.one(request))
        by_method = _BY_GET if request.method == "GET" else _BY_POST
        results = await self._transport.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.name,
            operation_extensions=operation.extensions,
            allowed_operation_types=by_method | {OperationType.SUBSCRIPTION},
        )
        return EventStream(self._transport, results)

    def _answer(self, result: ExecutionResult, media: str) -> Response:
        body = self._transport.answer(result)
        # Clients of application/json take anything but 200 for a failure of the transport.
        failed = media == RESPONSE and is_request_error(result.errors, result.data)
        return _json(body, media, _status(body) if failed else 200)


async def _read(request: Request) -> Operation:
    try:
        if request.method == "GET":
            return Operation.of(_from_query(request.query_params))
        return Operation.of(_parsed(await _body(request)))
    except MalformedError as error:
        raise _Refusal(400, "BAD_REQUEST", str(error)) from error


def _from_query(parameters: Mapping[str, str]) -> dict[str, object]:
    texts = {name: parameters[name] for name in ("query", "operationName") if name in parameters}
    values = {
        name: _parsed(parameters[name].encode())
        for name in ("variables", "extensions")
        if parameters.get(name)
    }
    return {**texts, **values}


def _parsed(json: bytes) -> object:
    try:
        return loads(json)
    except ValueError as error:
        raise MalformedError(f"This is not JSON in UTF-8: {error}.") from error


async def _body(request: Request) -> bytes:
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.partition("charset=")[2].split(";")[0].strip().strip('"')
    if kind.strip() != JSON or charset not in ("", "utf-8", "utf8"):
        raise _Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"Send {JSON} in UTF-8.")
    body = bytearray()
    if int(request.headers.get("content-length", 0)) > MAX_BODY:
        raise _too_large()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _too_large()
    return bytes(body)


def _ranges(accept: str) -> dict[str, float]:
    """Return the media types that the client accepts, with their quality, 0 to 1."""
    ranges = {}
    for part in accept.lower().split(","):
        kind, *parameters = (text.strip() for text in part.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            ranges[kind] = float(quality)
        except ValueError:
            ranges[kind] = 0.0
    return ranges


def _json_type(accept: Mapping[str, float]) -> tuple[float, str]:
    """Return which of the two JSON types to answer with, and its quality; 0 for neither."""
    # A wildcard stands for the older type, which every client understands.
    older = accept.get(JSON, accept.get("application/*", accept.get("*/*", 0.0)))
    newer = accept.get(RESPONSE, 0.0)
    return (newer, RESPONSE) if newer and newer >= older else (older, JSON)


def _status(body: Mapping[str, Any]) -> int:
    extensions = body["errors"][0]["extensions"]
    if extensions["code"] == INTERNAL:
        return 500
    return 503 if extensions.get("limit") == "seconds" else 400


def _json(body: object, media: str, status: int) -> Response:
    headers = {"content-type": f"{media}; charset=utf-8", "vary": "accept"}
    return Response(encode(body), status, headers)


def _refused(refusal: _Refusal, accept: Mapping[str, float]) -> Response:
    response = _json({"errors": [refusal.error]}, _json_type(accept)[1], refusal.status)
    response.headers.update(refusal.headers)
    return response


def _too_large() -> _Refusal:
    message = f"The body passes this server's limit of {MAX_BODY} bytes."
    return _Refusal(413, LIMIT_EXCEEDED, message, limit="body", maximum=MAX_BODY)


def _not_allowed(message: str, allow: str) -> _Refusal:
    refusal = _Refusal(405, NOT_ALLOWED, message)
    refusal.headers = {"allow": allow}
    return refusal


def _wrong_operation(kind: OperationType) -> _Refusal:
    if kind is OperationType.MUTATION:
        return _not_allowed("Mutations go by POST.", "POST")
    message = f"Subscriptions go over {PROTOCOL}, or over an answer of {EVENTS}."
    return _Refusal(400, NOT_ALLOWED, message)


def _turned_away(error: AnalyticsError) -> _Refusal:
    status = _STATUS_OF_CODE.get(error.code, 400)
    refusal = _Refusal(status, error.code, error.message, **error.details)
    if status == HTTPStatus.UNAUTHORIZED:
        refusal.headers = {"www-authenticate": "Bearer"}
    return refusal


def graphql_routes(transport: Transport, *, dist: Path, path: str = "/graphql") -> list[BaseRoute]:
    """Return the routes of a GraphQL endpoint at `path`, over HTTP and over websockets.

    With it come those of the pages for people: GraphiQL at the endpoint itself, the dashboard at
    `/`. `dist` is where their build puts its files.
    """
    return [
        Route(path, HTTPEndpoint(transport, graphiql(dist))),
        WebSocketRoute(path, WebSocketEndpoint(transport)),
        *page_routes(dist, path.removeprefix("/")),
    ]
