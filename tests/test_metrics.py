"""`GET /metrics`, read as Prometheus reads it."""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import httpx
import orjson
import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from documents.connection import Database, connect
from documents.embedded import EmbeddedMongo
from ingest.chainhook import Refusal
from tests.chainhook_payloads import Transaction, minted, v1
from tests.running import TOKEN, Running, running

README = Path(__file__).parents[1] / "README.md"
SYNTHETIC = Path(__file__).parent / "fixtures" / "synthetic-passportx"
STORY = [orjson.loads(path.read_bytes()) for path in sorted(SYNTHETIC.glob("v1-raw-*.json"))]

Samples = dict[tuple[str, str], float]


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Running]:
    """A service of its own for the test."""
    async with running(database) as started:
        yield started


def parsed(answer: httpx.Response) -> list[Metric]:
    """Return what Prometheus reads in an answer."""
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return list(text_string_to_metric_families(answer.text))


async def scrape(service: Running) -> Samples:
    """Return the samples by their name and the value of their label, if they have one."""
    found = {}
    for family in parsed(await service.client.get("/metrics")):
        for sample in family.samples:
            found[sample.name, " ".join(sample.labels.values())] = sample.value
    return found


async def test_every_name_is_ours_or_that_of_the_process_and_says_its_unit(
    service: Running,
) -> None:
    """By the conventions of Prometheus."""
    await service.deliver(STORY[0])
    await service.settled()
    families = parsed(await service.client.get("/metrics"))
    assert {family.name.split("_")[0] for family in families} == {"passportx", "process"}
    for family in families:
        assert family.documentation
        names = {sample.name for sample in family.samples}
        if family.type == "counter":
            assert names <= {f"{family.name}_total", f"{family.name}_created"}
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
    assert len({family.name for family in families}) == len(families)


async def test_the_state_is_told_as_status_tells_it(service: Running) -> None:
    for delivery in STORY:
        await service.deliver(delivery)
        await service.settled()
    await service.deliver(v1(Transaction([minted(5)])))
    await service.settled()
    samples = await scrape(service)
    status = (
        await service.ask("{status{position eventsProcessed lastBlock{height} gaps{kind missing}}}")
    )["status"]
    assert status["gaps"] == [{"kind": "BADGE", "missing": 2}]
    assert samples["passportx_position", ""] == status["position"] == 7
    assert samples["passportx_events_processed_total", ""] == status["eventsProcessed"] == 9
    assert samples["passportx_last_block_height", ""] == status["lastBlock"]["height"]
    assert samples["passportx_events_waiting", ""] == samples["passportx_lag_seconds", ""] == 0
    assert samples["passportx_gaps", "badge"] == 2
    assert samples["passportx_gaps", "community"] == 0
    assert samples["passportx_refused_total", "failed_transaction"] == 1
    refused = {reason for name, reason in samples if name == "passportx_refused_total"}
    assert refused == set(Refusal), "each is there from the start, so that its increase is seen"
    assert samples["passportx_database_up", ""] == 1
    assert samples["process_resident_memory_bytes", ""] > 0


async def test_what_waits_is_told_with_its_lag(database: Database) -> None:
    never = {"batch_size": 10_000, "backlog_batch_size": 10_000, "batch_timeout_ms": 3_600_000}
    async with running(database, **never) as service:
        await service.deliver(STORY[0])
        samples = await scrape(service)
    assert samples["passportx_events_waiting", ""] == 3
    assert samples["passportx_lag_seconds", ""] > 0
    assert samples["passportx_position", ""] == 0
    assert ("passportx_last_block_height", "") not in samples


async def test_commits_are_counted_by_reason_and_measured(service: Running) -> None:
    for delivery in STORY[:3]:
        await service.deliver(delivery)
        await service.settled()
    samples = await scrape(service)
    assert samples["passportx_commit_duration_seconds_count", "BATCH"] == 2
    assert samples["passportx_commit_duration_seconds_count", "REORG"] == 1
    assert samples["passportx_commit_duration_seconds_sum", "REORG"] > 0


async def test_requests_are_counted_by_path_and_status(service: Running) -> None:
    """Paths that are none of ours are one series, however many a stranger tries."""
    await service.deliver(STORY[0])
    await service.post(b"no json", authorization="Bearer wrong")
    for path in ("/wp-admin", "/metrics/", "/graphql/graphql"):
        await service.client.get(path)
    samples = await scrape(service)
    name = "passportx_request_duration_seconds_count"
    assert samples[name, "/webhooks/chainhook 200"] == 1
    assert samples[name, "/webhooks/chainhook 401"] == 1
    others = {label: count for (each, label), count in samples.items() if each == name}
    assert sum(count for label, count in others.items() if label.startswith("other ")) == 3
    assert (await scrape(service))[name, "/metrics 200"] == 1


async def test_hits_and_misses_of_the_cache_are_told(service: Running) -> None:
    before = await scrape(service)
    for _ in range(3):
        await service.ask("{issuance{totalBadgesIssued}}")
    after = await scrape(service)
    hits, misses = ("passportx_cache_hits_total", ""), ("passportx_cache_misses_total", "")
    assert after[misses] > before[misses] == 0
    assert after[hits] > before[hits] == 0


async def test_open_connections_are_told(service: Running) -> None:
    transport = WebsocketsTransport(service.websocket)
    assert (await scrape(service))["passportx_graphql_connections", ""] == 0
    async with (
        Client(transport=transport) as session,
        aclosing(session.subscribe(gql("subscription{analyticsUpdated{position}}"))) as frames,
    ):
        await anext(frames)
        assert (await scrape(service))["passportx_graphql_connections", ""] == 1


async def test_the_readme_names_every_metric(service: Running) -> None:
    await service.deliver(STORY[0])
    await service.settled()
    names = {name for name, _ in await scrape(service) if name.startswith("passportx")}
    families = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in names}
    told = set(re.findall(r"`(passportx_[a-z_]+)[`{]", README.read_text()))
    assert told == families


async def test_two_services_in_one_process_share_nothing(service: Running, mongo_url: str) -> None:
    """And nothing is in the registry that is global."""
    other = await connect(mongo_url, f"{service.database.name}_other")
    async with running(other) as second:
        await service.deliver(STORY[0])
        await service.settled()
        name = ("passportx_commit_duration_seconds_count", "BATCH")
        assert ((await scrape(service))[name], (await scrape(second))[name]) == (1, 0)
    await other.client.drop_database(other.name)
    other.client.close()
    assert not [each for each in REGISTRY.collect() if each.name.startswith("passportx")]


async def test_without_its_database_the_process_still_tells_of_itself(tmp_path: Path) -> None:
    mongo = EmbeddedMongo(tmp_path)
    database = await connect(await mongo.start(), "away")
    try:
        async with running(database) as service:
            await mongo.stop()
            samples = await scrape(service)
            await mongo.start()
    finally:
        database.client.close()
        await mongo.stop()
    assert samples["passportx_database_up", ""] == 0
    assert ("passportx_position", "") not in samples
    assert ("passportx_commit_duration_seconds_count", "BATCH") in samples


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        (f"Bearer {TOKEN}", 401),
        ("Bearer other", 401),
        ("Bearer reader", 200),
        ("Bearer admin", 200),
    ],
)
async def test_who_may_read_may_scrape(database: Database, authorization: str, status: int) -> None:
    """A token that only ingests is not enough."""
    async with running(database, read_tokens=("reader",), admin_tokens=("admin",)) as service:
        answer = await service.client.get("/metrics", headers={"authorization": authorization})
    assert answer.status_code == status
    assert ("passportx" in answer.text) == (status == 200)
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_where_reads_are_open_anybody_may_scrape(service: Running) -> None:
    answer = await service.client.get("/metrics", headers={"authorization": ""})
    assert answer.status_code == 200
