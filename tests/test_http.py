"""GraphQL over HTTP: the clauses of the specification, and what it does not ask for."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schema.http import JSON, MAX_BODY, RESPONSE
from schema.limits import Limits
from tests.node import needs_node, node
from tests.sample_schema import SECRET, Sample, Watched, sample


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Sample]:
    async with sample() as running:
        yield running


@pytest.fixture(scope="module")
async def client(server: Sample) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.base) as client:
        yield client


async def ask(
    client: httpx.AsyncClient, query: str, accept: str = RESPONSE, **parameters: object
) -> httpx.Response:
    body = {"query": query, **parameters}
    return await client.post("/graphql", json=body, headers={"accept": accept})


def code(response: httpx.Response) -> object:
    """Return the code of the only error."""
    [error] = response.json()["errors"]
    return error["extensions"]["code"]


@needs_node
async def test_graphql_http_audits_all_pass(server: Sample) -> None:
    results: Any = await node("audit.mjs", server.url)
    assert len(results) >= 61
    assert [result for result in results if result["status"] != "ok"] == []


@needs_node
async def test_the_graphql_sse_client_is_served(server: Sample) -> None:
    results: Any = await node("sse.mjs", server.url)
    assert results["query"] == [{"data": {"hello": "Hello, world"}}]
    assert results["subscription"] == [{"data": {"count": n}} for n in (1, 2, 3)]
    [invalid] = results["validation"]
    assert invalid["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    [refused] = results["refused"]
    assert refused["errors"][0]["extensions"]["code"] == "FAMILY_UNKNOWN"


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (RESPONSE, RESPONSE),
        (JSON, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (f"{RESPONSE}, {JSON}", RESPONSE),
        (f"{RESPONSE};q=0.5, {JSON};q=0.9", JSON),
        (f"{JSON};q=0.5, {RESPONSE};q=0.9", RESPONSE),
        (f"{RESPONSE}, {JSON};q=0.9, text/event-stream, multipart/mixed", RESPONSE),
        ("text/html, */*;q=0.1", JSON),
        (f"{JSON};q=nonsense, {RESPONSE}", RESPONSE),
    ],
)
async def test_the_answer_is_of_the_type_that_the_client_likes_best(
    client: httpx.AsyncClient, accept: str, answered: str
) -> None:
    response = await ask(client, "{hello}", accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{answered}; charset=utf-8"
    assert response.headers["vary"] == "accept"


@pytest.mark.parametrize("accept", ["image/png", f"{JSON};q=0", "text/html"])
async def test_406_when_nothing_is_acceptable(client: httpx.AsyncClient, accept: str) -> None:
    response = await ask(client, "{hello}", accept)
    assert response.status_code == 406
    assert code(response) == "NOT_ACCEPTABLE"


async def test_405_with_allow_for_a_mutation_by_get(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "mutation{double(number: 2)}"})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_405_with_allow_for_other_methods(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "text/plain",
        "application/jsonx",
        "xapplication/json",
        "application/json; charset=latin-1",
    ],
)
async def test_415_for_another_content_type(client: httpx.AsyncClient, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    response = await client.post("/graphql", content=b'{"query": "{hello}"}', headers=headers)
    assert response.status_code == 415


async def test_413_for_a_body_too_large_whether_or_not_it_says_so(
    client: httpx.AsyncClient,
) -> None:
    large = b'{"query": "{hello}", "x": "' + b"x" * MAX_BODY + b'"}'

    async def in_chunks() -> AsyncIterator[bytes]:
        yield large[:100]
        yield large[100:]

    headers = {"content-type": JSON}
    for content in (large, in_chunks()):
        response = await client.post("/graphql", content=content, headers=headers)
        assert response.status_code == 413
        assert response.json()["errors"][0]["extensions"] == {
            "code": "LIMIT_EXCEEDED",
            "limit": "body",
            "maximum": MAX_BODY,
        }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe{",
        b'{"query": "\xff"}',
        b"5",
        b"null",
        b'"abc"',
        b"[" * 100_000,
        b'[{"query": "{hello}"}]',
        b"NaN",
        b'{"query": "{hello}", "variables": [1]}',
        b'{"query": "{hello}", "operationName": 5}',
        b'{"query": ""}',
        b'{"query": "\\ud800"}',
    ],
)
async def test_400_for_a_body_that_is_no_graphql_request(
    client: httpx.AsyncClient, body: bytes
) -> None:
    response = await client.post("/graphql", content=body, headers={"content-type": JSON})
    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"


async def test_queries_go_by_get_with_variables(client: httpx.AsyncClient) -> None:
    parameters = {"query": "query($n: String!){hello(name: $n)}", "variables": '{"n": "you"}'}
    response = await client.get("/graphql", params=parameters)
    assert response.json() == {"data": {"hello": "Hello, you"}}
    assert (
        await client.get("/graphql", params={**parameters, "variables": "{"})
    ).status_code == 400
    assert (await client.get("/graphql")).status_code == 400


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("{nothing}", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query($n: String!){hello(name: $n)}", {"n": 5}, "BAD_USER_INPUT"),
        ("query($n: String!){hello(name: $n)}", None, "BAD_USER_INPUT"),
        ("{" + "hello " * 1000 + "}", None, "LIMIT_EXCEEDED"),
    ],
)
async def test_a_request_error_has_no_data_and_its_code(
    client: httpx.AsyncClient, query: str, variables: object, expected: str
) -> None:
    for accept, status in ((RESPONSE, 400), (JSON, 200)):
        response = await ask(client, query, accept, variables=variables)
        assert response.status_code == status
        assert code(response) == expected
        assert "data" not in response.json()


async def test_an_unknown_operation_name_is_told(client: httpx.AsyncClient) -> None:
    response = await ask(client, "query A{hello}", operationName="B")
    assert (response.status_code, code(response)) == (400, "OPERATION_RESOLUTION_FAILURE")


async def test_a_subscription_needs_a_stream(client: httpx.AsyncClient) -> None:
    response = await ask(client, "subscription{count(to: 1)}")
    assert (response.status_code, code(response)) == (400, "OPERATION_NOT_ALLOWED")
    streamed = await ask(client, "subscription{count(to: 1)}", f"{JSON}, text/event-stream")
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.text == 'event: next\ndata: {"data":{"count":1}}\n\nevent: complete\ndata: \n\n'


async def test_a_service_error_keeps_its_code_and_its_details(client: httpx.AsyncClient) -> None:
    response = await ask(client, "{refuse hello}")
    assert response.status_code == 200
    assert response.json() == {
        "data": {"refuse": None, "hello": "Hello, world"},
        "errors": [
            {
                "message": "At most 400 days.",
                "locations": [{"line": 1, "column": 2}],
                "path": ["refuse"],
                "extensions": {"code": "RANGE_TOO_LONG", "limit": "days", "maximum": 400},
            }
        ],
    }


@pytest.mark.parametrize("field", ["crash", "tooBig"])
async def test_an_unexpected_error_is_masked_under_the_id_that_the_log_has(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    with caplog.at_level(logging.ERROR, logger="schema.errors"):
        response = await ask(client, f"{{{field}}}")
    [error] = response.json()["errors"]
    [record] = [record for record in caplog.records if record.name == "schema.errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["id"] in record.getMessage()
    assert record.exc_info
    assert SECRET not in response.text
    assert str(2**40) not in response.text


async def test_no_secret_leaks_among_concurrent_failures(client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*[ask(client, "{crash}") for _ in range(20)])
    ids = {response.json()["errors"][0]["extensions"]["id"] for response in responses}
    assert len(ids) == 20
    assert not [response for response in responses if SECRET in response.text]


async def test_what_users_do_wrong_is_not_logged_as_an_error(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await ask(client, "{")
        await ask(client, "{nothing}")
        await ask(client, "{refuse}")
    assert [record.getMessage() for record in caplog.records] == []


async def test_who_is_turned_away_gets_401(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql", json={"query": "{hello}"}, headers={"x-name": "stranger"}
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert code(response) == "UNAUTHENTICATED"


async def test_503_when_the_time_is_over() -> None:
    async with (
        sample(Limits(seconds=0.01)) as hasty,
        httpx.AsyncClient(base_url=hasty.base) as client,
    ):
        response = await ask(client, "{forever}")
    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"]["limit"] == "seconds"


async def test_a_stream_ends_with_its_client_and_gives_its_place_back() -> None:
    connections = Watched(per_client=1)
    async with (
        sample(connections=connections, heartbeat_seconds=0.01) as server,
        httpx.AsyncClient(base_url=server.base) as client,
    ):
        body = {"query": "subscription{silence}"}
        headers = {"accept": "text/event-stream"}
        async with client.stream("POST", "/graphql", json=body, headers=headers) as response:
            assert response.status_code == 200
            async for line in response.aiter_lines():
                assert line == ":"
                break
            refused = await client.post("/graphql", json=body, headers=headers)
            assert refused.status_code == 429
            assert code(refused) == "TOO_MANY_CONNECTIONS"
        await asyncio.wait_for(server.context.ended.get(), 10)
        await asyncio.wait_for(connections.given_back.get(), 10)
        assert not connections.open


async def test_a_stalled_stream_is_closed() -> None:
    connections = Watched()
    async with sample(connections=connections, stall_seconds=0.3) as server:
        host, port = server.url.removeprefix("http://").removesuffix("/graphql").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        body = b'{"query": "subscription{flood}"}'
        writer.write(
            b"POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        assert await asyncio.wait_for(server.context.ended.get(), 20) == "flood"
        await asyncio.wait_for(connections.given_back.get(), 10)
        assert not connections.open
        writer.close()


async def test_people_are_told_how_to_build_graphiql(
    server: Sample, client: httpx.AsyncClient
) -> None:
    response = await client.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in response.headers["content-security-policy"]
    assert "make dashboard" in response.text
    assert "<script" not in response.text
    assert f"curl {server.url} " in response.text
    assets = await client.get("/assets/none.js")
    assert assets.status_code == 404


async def test_people_get_graphiql_when_it_is_built(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a.js").write_text("built")
    (tmp_path / "graphiql.html").write_text("<!doctype html>the page")
    async with sample(dist=tmp_path) as server, httpx.AsyncClient() as client:
        page = await client.get(server.url, headers={"accept": "text/html"})
        script = await client.get(server.url.replace("/graphql", "/assets/a.js"))
        query = await client.get(
            f"{server.url}?query={{hello}}", headers={"accept": "text/html,*/*"}
        )
    assert page.text == "<!doctype html>the page"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert (script.text, "immutable" in script.headers["cache-control"]) == ("built", True)
    assert orjson.loads(query.content) == {"data": {"hello": "Hello, world"}}
