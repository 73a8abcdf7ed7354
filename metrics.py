"""`GET /metrics` for Prometheus: where the service is, and how long its work takes.

Every metric is in a registry that is made for the one answer, so that nothing is global and several
services may be in one process, as in tests.
"""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import TypeVar

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from documents.projection import Collection, Database
from ingest.chainhook import Refusal
from ingest.webhook import REASONS
from services.cache import AnswerCache
from services.cells import Operation
from services.facts import WAITING
from services.ledger import Committed, Ledger
from services.status import GapKind, ServiceStatus

Done = TypeVar("Done", bound=Committed | None)

OTHER = "other"
"""The path of a request for anything that is not listed, so that strangers make no new series."""


class Metrics:
    """What one process has measured since it began."""

    def __init__(self) -> None:
        self.requests = Histogram(
            "passportx_request_duration_seconds",
            "Time from a request to the beginning of its response, by path and HTTP status.",
            ("path", "status"),
            registry=None,
        )
        self.commits = Histogram(
            "passportx_commit_duration_seconds",
            "Time to commit, by the reason: BATCH, REORG if something was undone, or SNAPSHOT.",
            ("reason",),
            registry=None,
        )
        for reason in ("BATCH", "REORG", "SNAPSHOT"):
            self.commits.labels(reason)

    def text(
        self,
        status: ServiceStatus | None,
        cache: AnswerCache,
        connections: int,
        refusals: Mapping[str, int],
    ) -> bytes:
        """Return all metrics in Prometheus' text format; `status` is None without a database."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(self.requests)
        registry.register(self.commits)
        registry.register(_State(status, cache, connections, refusals))
        return generate_latest(registry)


class MeasuredLedger(Ledger):
    """A ledger whose commits are measured."""

    def __init__(self, database: Database, commits: Histogram) -> None:
        super().__init__(database)
        self._durations = commits

    async def commit(self, limit: int) -> Committed | None:
        """Commit as the ledger does, and note how long it took."""
        return await self._timed(super().commit(limit))

    async def record(
        self, reason: str, writes: Sequence[tuple[Collection, list[Operation]]]
    ) -> Committed:
        """Write as the ledger does, and note how long it took."""
        return await self._timed(super().record(reason, writes))

    async def _timed(self, work: Awaitable[Done]) -> Done:
        began = perf_counter()
        committed = await work
        if committed is not None:
            self._durations.labels(committed.reason).observe(perf_counter() - began)
        return committed


class RequestTimer:
    """ASGI middleware that measures requests."""

    def __init__(self, app: ASGIApp, requests: Histogram, paths: Sequence[str]) -> None:
        self._app = app
        self._requests = requests
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its time ends where its response begins, for a stream may be long."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        path = scope["path"] if scope["path"] in self._paths else OTHER

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = perf_counter() - began
                self._requests.labels(path, str(message["status"])).observe(took)
            await send(message)

        await self._app(scope, receive, timed)


class _State(Collector):
    """Where the service is, as of now."""

    def __init__(
        self,
        status: ServiceStatus | None,
        cache: AnswerCache,
        connections: int,
        refusals: Mapping[str, int],
    ) -> None:
        self._refusals = refusals
        self._status = status
        self._cache = cache
        self._connections = connections

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics."""
        yield _gauge("database_up", "1 if the database answers.", self._status is not None)
        yield _gauge("graphql_connections", "Open websockets and event streams.", self._connections)
        hits, misses = self._cache.hits, self._cache.misses
        yield _counter("cache_hits", "Answers that were not computed for the asker.", hits)
        yield _counter("cache_misses", "Answers that were computed.", misses)
        refusals = CounterMetricFamily(
            "passportx_webhook_refusals",
            "Requests to the webhook that were refused whole, by reason.",
            None,
            ["reason"],
        )
        for reason, count in sorted({**dict.fromkeys(REASONS, 0), **self._refusals}.items()):
            refusals.add_metric([reason], count)
        yield refusals
        if self._status is not None:
            yield from _position(self._status)
            yield from _chain(self._status)


def _position(status: ServiceStatus) -> Iterable[Metric]:
    yield _gauge("position", "Number of the last committed batch.", status.position)
    yield _counter(
        "events_processed",
        "Events committed since ever, redelivered ones contained.",
        status.events_processed,
    )
    yield _gauge(
        "log_entries_quarantined",
        "Log entries that could not be committed and were set aside.",
        status.quarantined,
    )
    yield _gauge("events_waiting", "Events stored and not yet committed.", status.events_waiting)
    yield _gauge(
        "lag_seconds", "For how long the oldest waiting delivery waits.", status.lag_seconds
    )


def _chain(status: ServiceStatus) -> Iterable[Metric]:
    if status.last_block is not None:
        height = status.last_block.height
        yield _gauge("last_block_height", "Height of the highest block that stands.", height)
    missing = GaugeMetricFamily(
        "passportx_gaps",
        "Ids that the chain has given out and no delivery told of.",
        None,
        ["kind"],
    )
    found = {gap.kind: gap.missing for gap in status.gaps}
    for kind in GapKind:
        missing.add_metric([kind.value], found.get(kind, 0))
    yield missing
    refused = CounterMetricFamily(
        "passportx_refused", "Parts of deliveries that were not taken.", None, ["reason"]
    )
    counts = {each.reason: each.count for each in status.refused}
    for reason in sorted({*Refusal, *counts}):
        refused.add_metric([str(reason)], counts.get(reason, 0))
    yield refused
    idle = GaugeMetricFamily(
        "passportx_events_without_effect_yet",
        "Events that wait for a badge to be issued or a community to be created.",
        None,
        ["reason"],
    )
    waiting = {each.reason: each.count for each in status.waiting}
    for reason in sorted(WAITING):
        idle.add_metric([str(reason)], waiting.get(reason, 0))
    yield idle


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"passportx_{name}", meaning, value)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"passportx_{name}", meaning, value)
