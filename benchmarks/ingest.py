"""Ingest, end to end: deliveries of 50 events accepted by the webhook and committed."""

import time
from typing import Any

import orjson
from motor.motor_asyncio import AsyncIOMotorClient

from benchmarks.report import Report
from benchmarks.service import service
from ingest.chainhook import parse
from ingest.synthetic import DEVNET, Scale, bulk

EVENTS = 200_000
A_DELIVERY = 50
LEAST = 5_000
"""Events a second."""
SCALE = Scale(users=20_000, templates=200, communities=100, issuers=50, days=365)


async def measure(report: Report) -> None:
    """Measure ingest, and what the database alone does with the same bodies."""
    bodies = list(bulk(EVENTS, A_DELIVERY, now=time.time_ns() // 1_000_000, scale=SCALE))
    async with service() as running:
        begun = time.perf_counter()
        await running.deliver(bodies)
        accepted = time.perf_counter()
        events = (await running.committed())["eventsProcessed"]
        seconds = time.perf_counter() - begun
        rate = events / seconds
        client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(
            running.mongodb_url, w="majority", journal=True
        )
        collection = client["reference"]["events"]
        spent, inserted = 0.0, 0
        for body in bodies[:1_000]:
            delivery = parse(orjson.loads(body), DEVNET)
            documents = [{**event} for block in delivery.apply for event in block.events]
            start = time.perf_counter()
            await collection.insert_many(documents)
            spent += time.perf_counter() - start
            inserted += len(documents)
        client.close()
    plain = inserted / spent
    report.title(f"Ingest: {events:,} events in deliveries of {A_DELIVERY}, webhook to commit")
    report.figure("accepted and committed", f"{rate:,.0f} events/s", holds=rate >= LEAST)
    report.figure("accepted, durable", f"{events / (accepted - begun):,.0f} events/s")
    report.figure(
        "share of a plain insert_many", f"{rate / plain:.0%}", f"of {plain:,.0f} events/s"
    )
