"""The real service on a real database and a real socket, as clients meet it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_required_argument,
)

from app import Service, access, application
from documents.connection import Database
from documents.projection import prepare
from schema.schema import build
from settings import Settings, load_settings
from tests.serving import serve

TOKEN = "a-token-of-the-tests"  # noqa: S105  # nothing is behind it
PATIENCE = 20.0
"""Seconds after which a test gives up."""


@dataclass
class Running:
    """A service that runs."""

    base: str
    service: Service
    settings: Settings
    database: Database
    client: httpx.AsyncClient
    """Sends the ingest token, and no other header of its own."""

    @property
    def websocket(self) -> str:
        """The URL of GraphQL over websockets."""
        return f"{self.base}/graphql".replace("http", "ws", 1)

    async def post(self, body: bytes, **headers: str) -> httpx.Response:
        """Post a body to the webhook."""
        return await self.client.post("/webhooks/chainhook", content=body, headers=headers)

    async def deliver(self, payload: object) -> dict[str, Any]:
        """Post a delivery to the webhook, and return its receipt."""
        # Not orjson, which writes no integer above 64 bits.
        answer = await self.post(json.dumps(payload).encode())
        assert answer.status_code == 200, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def respond(self, query: str, **variables: object) -> dict[str, Any]:
        """Return the whole GraphQL response."""
        body = {"query": query, "variables": variables}
        response: dict[str, Any] = (await self.client.post("/graphql", json=body)).json()
        return response

    async def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Return the data of a GraphQL operation that has no error."""
        response = await self.respond(query, **variables)
        assert "errors" not in response, response["errors"]
        data: dict[str, Any] = response["data"]
        return data

    async def ask_all(self, field: str) -> dict[str, Any]:
        """Return all that a query field without arguments tells, as of the latest position."""
        answered: dict[str, Any] = {}
        for document in everything(field):
            answered |= (await self.ask(document))[field]
        return answered

    async def settled(self) -> int:
        """Wait until everything in the log is committed and told of; return the position."""
        async with asyncio.timeout(PATIENCE):
            while True:
                head = await self.database["head"].find_one({"_id": "head"})
                newest = await self.database["log"].find_one({}, {"_id": 1}, sort=[("_id", -1)])
                assert head is not None
                if newest is None or newest["_id"] <= head["sequence"]:
                    position: int = head["position"]
                    return await self.service.updates.beyond(position - 1)
                await self.service.updates.beyond(head["position"])


@asynccontextmanager
async def running(database: Database, **settings: object) -> AsyncIterator[Running]:
    """Run the service on `database`; it commits at once what arrives, unless told otherwise."""
    chosen: dict[str, Any] = {"ingest_tokens": (TOKEN,), "batch_timeout_ms": 1, **settings}
    loaded = load_settings(**chosen)
    await prepare(database)
    service = Service(loaded, database, access(loaded, None))
    async with (
        serve(application(loaded, service)) as base,
        httpx.AsyncClient(
            base_url=base,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=httpx.Timeout(PATIENCE, pool=None),
            trust_env=False,
        ) as client,
    ):
        yield Running(base, service, loaded, database, client)


def everything(field: str) -> list[str]:
    """Return documents that together ask for all of a query field, none of them a large one."""
    schema = build()._schema  # noqa: SLF001  # has no public name
    query = schema.query_type
    assert query is not None
    of = get_named_type(query.fields[field].type)
    assert isinstance(of, GraphQLObjectType)
    return [f"{{{field}{{{part}}}}}" for part in _selections(of)]


def _selections(of: GraphQLObjectType, *outer: GraphQLObjectType) -> list[str]:
    found = []
    for name, field in of.fields.items():
        inner = get_named_type(field.type)
        if any(map(is_required_argument, field.args.values())) or inner in outer:
            continue
        is_object = isinstance(inner, GraphQLObjectType)
        selected = _selections(inner, of, *outer) if is_object else []
        found.append(f"{name}{{{' '.join(selected)}}}" if selected else name)
    return found
