"""The composition root: makes every part and hands each what it needs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from documents.abandoned import end_abandoned_transactions
from documents.projection import Database
from ingest import webhook
from ingest.chainhook import Contracts
from ingest.processor import Processor
from metrics import MeasuredLedger, Metrics, RequestTimer
from resolvers.context import Context
from schema import http, websocket
from schema.limits import Limits as OperationLimits
from schema.rest import rest_routes
from schema.schema import build, sdl
from schema.transport import Connections, Transport
from services import figures, intake, live, paging, users, view, window
from services.access import Access, Right
from services.analytics import Analytics, milliseconds
from services.answers import Names
from services.cache import AnswerCache
from services.errors import AnalyticsError
from services.intake import Intake
from services.limits import Limits
from services.log import Log
from services.reading import Reader
from services.snapshots import Snapshots
from services.updates import Updates
from settings import Settings, SettingsError

logger = logging.getLogger(__name__)

DIST = Path(__file__).parent / "dashboard" / "dist"
STALLED_SECONDS = 20.0
"""How much longer than for its batch to fill an event may wait before that is an outage."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Service:
    """The running parts of one process on one database."""

    def __init__(self, settings: Settings, database: Database, access: Access) -> None:
        self._settings = settings
        self.database = database
        self.access = access
        self.reader = Reader(database)
        self.log = Log(database)
        self.operation_limits = OperationLimits(introspection=settings.introspection)
        self.connections = Connections()
        self.limits = limits(self.operation_limits, self.connections)
        self.metrics = Metrics()
        self.ledger = MeasuredLedger(database, self.metrics.commits)
        self.updates = Updates(self.reader, settings.redis_url)
        self.cache = AnswerCache(ttl_seconds=settings.cache_ttl_ms / 1000)
        self.analytics = Analytics(
            database,
            self.reader,
            self.updates,
            self.cache,
            Names(categories=settings.categories, levels=settings.levels),
        )
        self.intake = Intake(self.log, settings.network, enabled=settings.enabled)
        self.processor = Processor(
            self.log,
            self.ledger,
            self.updates,
            size=settings.batch_size,
            timeout=settings.batch_timeout_ms / 1000,
            backlog_size=settings.backlog_batch_size,
        )

        exact = settings.webhook_authorization
        self.webhook = webhook.Webhook(
            self.log,
            access,
            contracts(settings),
            exact_header=exact.get_secret_value() if exact else None,
            enabled=settings.enabled,
        )
        self.snapshots = Snapshots(
            database, self.analytics, self.ledger, self.updates, milliseconds
        )

    async def start(self) -> None:
        """Begin to commit and to tell of it."""
        await self.updates.start()
        self._sweeping = asyncio.create_task(end_abandoned_transactions(self.database.client))
        if self._settings.enabled:
            self.processor.start()
            self.snapshots.start()

    async def stop(self) -> None:
        """Commit what waits, then end."""
        if self._settings.enabled:
            await self.snapshots.stop()
            await self.processor.stop()
        self._sweeping.cancel()
        await asyncio.gather(self._sweeping, return_exceptions=True)
        await self.updates.stop()
        await self.reader.close()

    async def context(
        self, connection: HTTPConnection, parameters: Mapping[str, object]
    ) -> Context:
        """Return what the resolvers of a request are given. Raises UNAUTHENTICATED."""
        given = parameters.get("authorization") or parameters.get("Authorization")
        header = connection.headers.get("authorization") or (
            given if isinstance(given, str) else ""
        )
        scheme, _, token = header.partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else None
        rights = self.access.rights(bearer)
        if rights is None:
            raise AnalyticsError("UNAUTHENTICATED", "This token is not valid.")
        return Context(
            analytics=self.analytics,
            intake=self.intake,
            snapshots=self.snapshots,
            limits=self.limits,
            rights=rights,
        )

    async def health(self, _: Request) -> Response:
        """Answer that the process is alive."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """Answer 200 once the database answers and the backlog is caught up, else 503."""
        if not self._settings.enabled:
            reason = "ANALYTICS_ENABLED is false: events are neither taken nor committed."
            return JSONResponse({"status": "disabled", "reason": reason}, 503)
        if self.processor.trouble or self.ledger.is_retrying:
            reason = self.processor.trouble or "The commit under way has failed and is tried again."
            return JSONResponse({"status": "failing", "reason": reason}, 503)
        try:
            status = await self.analytics.status()
        except AnalyticsError as error:
            return JSONResponse({"status": "unavailable", "reason": error.message}, 503)
        patience = self._settings.batch_timeout_ms / 1000 + STALLED_SECONDS
        since = status.last_committed_at
        idle = patience if since is None else datetime.now(UTC).timestamp() - since.timestamp()
        if min(status.lag_seconds, idle) >= patience:
            reason = f"Nothing was committed for {int(status.lag_seconds)} s, and events wait."
            return JSONResponse({"status": "stalled", "reason": reason}, 503)
        caught_up = status.events_waiting <= 2 * self._settings.backlog_batch_size
        body = {
            "status": "ready" if caught_up else "catching up",
            "waiting": status.events_waiting,
            "quarantined": status.quarantined,
        }
        return JSONResponse(body, 200 if caught_up else 503)

    async def scrape(self, request: Request) -> Response:
        """Answer Prometheus, if the client may read."""
        try:
            (await self.context(request, {})).require(Right.READ)
        except AnalyticsError as error:
            return PlainTextResponse(error.message, 401, {"www-authenticate": "Bearer"})
        try:
            status = await self.analytics.status()
        except AnalyticsError as error:
            logger.warning("The status cannot be told to Prometheus: %s", error.message)
            status = None
        body = self.metrics.text(
            status,
            self.cache,
            self.connections.open.total(),
            self.webhook.complaints.counts,
        )
        return Response(body, media_type=CONTENT_TYPE_LATEST)


def limits(operation: OperationLimits, connections: Connections) -> Limits:
    """Return what the parts of the service allow, as clients are told of it."""
    return Limits(
        introspection=operation.introspection,
        max_depth=operation.depth,
        max_fields=operation.fields,
        max_aliases=operation.aliases,
        max_directives=operation.directives,
        max_tokens=operation.tokens,
        max_seconds=operation.seconds,
        max_request_bytes=http.MAX_BODY,
        max_message_bytes=websocket.MAX_MESSAGE,
        max_delivery_bytes=webhook.MAX_BODY,
        max_events=intake.MAX_EVENTS,
        max_page_size=paging.MAX_PAGE,
        default_page_size=paging.DEFAULT_PAGE,
        max_list_size=view.MAX_FIRST,
        max_cohorts=users.MAX_COHORTS,
        max_keys=figures.MAX_KEYS,
        max_range_days=window.LIMITS.max_range_days,
        max_buckets=window.LIMITS.max_buckets,
        max_interval_ms=live.MAX_INTERVAL_MS,
        max_connections=connections.total,
        max_connections_per_client=connections.per_client,
        max_operations_per_connection=websocket.OPERATIONS_PER_CONNECTION,
    )


def contracts(settings: Settings) -> Contracts:
    """Return the contracts that the settings say to trust. Raises `SettingsError`."""
    try:
        first, *further = [
            Contracts.of(
                settings.network,
                deployer,
                badge_issuer=issuer,
                community_manager=manager,
                passport_nft=nft,
                passport_core=core,
            )
            for deployer, issuer, manager, nft, core in settings.deployments
        ]
    except ValueError as error:
        raise SettingsError(
            f"PASSPORTX_DEPLOYER is mistyped, for its checksum is wrong ({error}): copy it anew."
        ) from None
    return replace(first, further=tuple(further))


def application(settings: Settings, service: Service) -> Starlette:
    """Return the ASGI application of a service."""
    graphql = build(service.operation_limits)
    transport = Transport(
        schema=graphql,
        context=service.context,
        limits=service.operation_limits,
        connections=service.connections,
        origins=frozenset(settings.allowed_origins),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    async def schema_file(_: Request) -> Response:
        return PlainTextResponse(sdl())

    routes = [
        *http.graphql_routes(transport, dist=DIST),
        *rest_routes(service.context, seconds=service.operation_limits.seconds),
        *(Route(path, service.webhook.__call__, methods=["POST"]) for path in webhook.PATHS),
        Route("/schema.graphql", schema_file),
        Route("/healthz", service.health),
        Route("/readyz", service.ready),
        Route("/metrics", service.scrape),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(
                RequestTimer,
                requests=service.metrics.requests,
                paths=[route.path for route in routes if isinstance(route, Route)],
            ),
            Middleware(HostCheck, allowed_hosts=hosts(settings)),
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.allowed_origins),
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type"],
            ),
        ],
        lifespan=lifespan,
    )


class HostCheck(TrustedHostMiddleware):
    """Refuses names that are not allowed, but of deliveries: a page that rebinds a name to this
    address has no token to ingest, and a hook in a container calls `host.docker.internal`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 400."""
        is_delivery = scope["type"] == "http" and scope["path"] in webhook.PATHS
        await (self.app if is_delivery else super().__call__)(scope, receive, send)


def hosts(settings: Settings) -> list[str]:
    """Return the names by which the service may be addressed.

    Where reads are open, on a loopback address, a page from elsewhere must not reach the service
    under a name of its own (DNS rebinding). Elsewhere a token is needed, which such a page has not,
    and nobody can know by which names this machine is addressed.
    """
    if settings.allowed_hosts:
        return list(settings.allowed_hosts)
    return [*LOCAL_NAMES, settings.host] if settings.is_local else ["*"]


def access(settings: Settings, made: str | None) -> Access:
    """Return who may do what; `made` is the ingest token that the service made for itself."""
    ingest = [token.get_secret_value() for token in settings.ingest_tokens] + (
        [made] if made else []
    )
    reads = [token.get_secret_value() for token in settings.read_tokens]
    return Access(
        {
            Right.INGEST: ingest,
            Right.READ: reads,
            Right.ADMINISTER: [token.get_secret_value() for token in settings.admin_tokens],
        },
        open_reads=not reads and settings.is_local,
    )
