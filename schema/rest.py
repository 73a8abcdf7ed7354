"""The REST surface of the original dashboard, over the same services, for clients that exist.

`GET /api/analytics/{aggregated,issuance,community,users,distribution,snapshots,trends/METRIC}` and
`POST /api/analytics/snapshot` answer `{"success": true, "data": ...}`, with the names of the API.
A series is `[{"date", "count"}]`, and what has parts is `{name: count}`.

| parameter              | meaning                                                               |
|------------------------|-----------------------------------------------------------------------|
| `startDate`, `endDate` | a date, the last one contained, or an instant; both may be left out   |
| `timeRange`            | `24h`, `7d`, `4w`, `12m`, `2y`: so many calendar units, or `all`      |
| `timezone`             | an IANA time zone, by default UTC                                     |
| `granularity`          | of a trend: HOUR, DAY, WEEK, MONTH, QUARTER, YEAR; by default DAY     |
| `period`, `limit`      | of snapshots: HOURLY, DAILY, WEEKLY, MONTHLY; 1 to 100, by default 20 |
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_type_hints

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from strawberry.utils.str_converters import to_camel_case

from resolvers.context import Context
from resolvers.inputs import milliseconds
from schema.errors import masked
from schema.transport import ContextFactory
from services.access import Right
from services.analytics import AggregatedAnalytics, Question
from services.answers import SeriesPoint, Slice
from services.catalogue import METRICS
from services.community import CommunityMetrics
from services.distribution import BadgeDistribution
from services.errors import AnalyticsError
from services.issuance import IssuanceMetrics
from services.overview import Overview
from services.paging import Page
from services.snapshots import Snapshot, SnapshotPeriod
from services.users import UserMetrics
from services.view import Answer, View, collect
from services.window import Between, Granularity, Last, RangeSpec

E = TypeVar("E", bound=Enum)
FAMILIES: Mapping[str, type[Answer]] = {
    "issuance": IssuanceMetrics,
    "community": CommunityMetrics,
    "users": UserMetrics,
    "distribution": BadgeDistribution,
}
_UNITS = {
    "h": Granularity.HOUR,
    "d": Granularity.DAY,
    "w": Granularity.WEEK,
    "m": Granularity.MONTH,
    "y": Granularity.YEAR,
}
_STATUS = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "UNAVAILABLE": 503,
    "TIME_LIMIT_EXCEEDED": 503,
}
_MAX_BODY = 10_000
_kinds = cache(get_type_hints)
"""Kept, for the hints are worked out anew each time, and each entry of a list asks for them."""

Answered = Callable[[Context, Request], Awaitable[object]]


def rest_routes(context: ContextFactory, *, seconds: float) -> list[BaseRoute]:
    """Return the routes of the REST surface; `context` is that of a GraphQL request.

    No answer takes longer than `seconds`.
    """

    def route(path: str, answer: Answered, right: Right, method: str) -> Route:
        async def respond(request: Request) -> Response:
            try:
                found = await context(request, {})
                assert isinstance(found, Context)  # noqa: S101  # the factory is wired in app.py
                found.require(right)
                async with asyncio.timeout(seconds):
                    data = plain(await answer(found, request))
                return JSONResponse({"success": True, "data": data})
            except TimeoutError:
                message = f"This took longer than {seconds:g} seconds; ask for less, or later."
                return _refused(AnalyticsError("TIME_LIMIT_EXCEEDED", message, maximum=seconds))
            except AnalyticsError as error:
                return _refused(error)
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception as error:  # noqa: BLE001  # it is logged
                message, details = masked(error, request.url.path)
                return JSONResponse(
                    {"success": False, "error": {"message": message, **details}}, 500
                )

        return Route(f"/api/analytics/{path}", respond, methods=[method])

    return [
        route("aggregated", _aggregated, Right.READ, "GET"),
        *(route(name, _family(name), Right.READ, "GET") for name in FAMILIES),
        route("snapshots", _snapshots, Right.READ, "GET"),
        route("trends/{metric}", _trend, Right.READ, "GET"),
        route("snapshot", _snapshot, Right.INGEST, "POST"),
        route("{other:path}", _nothing, Right.READ, "GET"),
    ]


def _refused(error: AnalyticsError) -> Response:
    body = {"code": error.code, "message": error.message, **error.details}
    return JSONResponse({"success": False, "error": body}, _STATUS.get(error.code, 400))


def plain(value: object, kind: object = None) -> object:
    """Return an answer as JSON, in the shapes of the original; `kind` is its type, if known."""
    if isinstance(value, SeriesPoint):
        value = {"date": value.start, "count": value.value}
    elif is_dataclass(value):
        of: Any = type(value)
        kinds = _kinds(of)
        names = [each.name for each in fields(value)]
        return {to_camel_case(name): plain(getattr(value, name), kinds[name]) for name in names}
    if isinstance(value, Mapping):
        return {to_camel_case(name): plain(each) for name, each in value.items()}
    if isinstance(value, list):
        if kind == list[Slice]:
            return {each.key: each.count for each in value}
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.name if isinstance(value, Enum) else value


async def _aggregated(context: Context, request: Request) -> object:
    view = await _view(context, request)
    return {
        "timestamp": AggregatedAnalytics(view=view).timestamp(),
        "position": view.reading.head.position,
        **{name: await _figures(family(view=view)) for name, family in FAMILIES.items()},
        "metrics": await _figures(Overview(view=view)),
    }


def _family(name: str) -> Answered:
    async def answer(context: Context, request: Request) -> object:
        return await _figures(FAMILIES[name](view=await _view(context, request)))

    return answer


async def _figures(answer: Answer) -> dict[str, object]:
    # A series that is too long for the range is left out, as its refusal is no series.
    return {
        name: plain(figure, _kinds(getattr(type(answer), name))["return"])
        for name, figure in (await collect(answer)).items()
        if figure != "TOO_MANY_BUCKETS"
    }


async def _trend(context: Context, request: Request) -> object:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", request.path_params["metric"])
    name = name.replace("-", "_").upper()
    if name not in METRICS:
        known = ", ".join(METRICS)
        raise AnalyticsError("NOT_FOUND", f"There is no metric {name}; there are {known}.")
    granularity = _chosen(request, "granularity", Granularity, Granularity.DAY)
    found = await context.analytics.trend(_question(request), name, granularity)
    return found.points


async def _nothing(_: Context, request: Request) -> object:
    known = ", ".join(["aggregated", *FAMILIES, "snapshots", "trends/METRIC"])
    raise AnalyticsError(
        "NOT_FOUND",
        f"There is nothing to GET at {request.url.path}; under /api/analytics/ are {known}.",
    )


async def _snapshots(context: Context, request: Request) -> object:
    period = _chosen(request, "period", SnapshotPeriod, SnapshotPeriod.DAILY)
    limit = request.query_params.get("limit", "20")
    page = Page.of(int(limit) if re.fullmatch("[0-9]{1,3}", limit) else 0, None, None, None)
    found = await context.snapshots.page(period, _question(request), page)
    return [_recorded(edge.node) for edge in found.edges]


async def _snapshot(context: Context, request: Request) -> object:
    body = await request.body()
    if len(body) > _MAX_BODY:
        raise AnalyticsError("LIMIT_EXCEEDED", f"The body has at most {_MAX_BODY} bytes.")
    try:
        given = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise AnalyticsError("BAD_USER_INPUT", "The body is no JSON object.") from error
    if not isinstance(given, dict):
        raise AnalyticsError("BAD_USER_INPUT", "The body is no JSON object.")
    name = str(given.get("period", SnapshotPeriod.DAILY.value))
    recorded = await context.snapshots.record(_member(SnapshotPeriod, "period", name), None)
    if recorded.snapshot is None:
        raise AnalyticsError(str(recorded.problem), "Nothing was counted before that time.")
    return _recorded(recorded.snapshot)


def _recorded(snapshot: Snapshot) -> dict[str, object]:
    figures = {to_camel_case(each.metric.name.lower()): each.value for each in snapshot.figures}
    return {
        "id": snapshot.id,
        "period": snapshot.period,
        "timestamp": snapshot.end,
        "start": snapshot.start,
        "end": snapshot.end,
        "revision": snapshot.revision,
        "metrics": figures,
    }


async def _view(context: Context, request: Request) -> View:
    return await context.analytics.view(_question(request))


def _question(request: Request) -> Question:
    return Question(range=_range(request), zone=request.query_params.get("timezone", "UTC"))


def _range(request: Request) -> RangeSpec | None:
    given = request.query_params
    start, end, last = given.get("startDate"), given.get("endDate"), given.get("timeRange")
    if last and (start or end):
        raise AnalyticsError("BAD_USER_INPUT", "Give `timeRange`, or `startDate` and `endDate`.")
    if last and last != "all":
        found = re.fullmatch(r"([1-9][0-9]{0,3})([hdwmy])", last)
        if found is None:
            raise AnalyticsError("BAD_USER_INPUT", "`timeRange` is all, or like 24h, 7d, 12m, 1y.")
        return Last(int(found[1]), _UNITS[found[2]])
    if not start and not end:
        return None
    return Between(_bound("startDate", start), _bound("endDate", end, timedelta(days=1)))


def _bound(name: str, text: str | None, later: timedelta = timedelta()) -> int | date | None:
    """Return a bound as the range takes it, a date that much later."""
    if not text:
        return None
    try:
        if len(text) == len("2026-01-31"):
            return date.fromisoformat(text) + later
        # A space in the place of the plus sign that a query string makes of it.
        return milliseconds(datetime.fromisoformat(text.replace(" ", "+")))
    except (ValueError, OverflowError) as error:
        message = f"`{name}` is a date like 2026-01-31, or an instant like 2026-01-31T12:00:00Z."
        raise AnalyticsError("BAD_USER_INPUT", message) from error


def _chosen(request: Request, name: str, enum: type[E], default: E) -> E:
    given = request.query_params.get(name)
    return default if given is None else _member(enum, name, given)


def _member(enum: type[E], name: str, given: str) -> E:
    try:
        return enum[given.upper()]
    except KeyError:
        members: Any = enum.__members__
        message = f"`{name}` is one of {', '.join(members)}."
        raise AnalyticsError("BAD_USER_INPUT", message) from None
