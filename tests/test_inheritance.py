"""A template that changes: its badges follow at once, in bounded memory, with a small cache.

`PASSPORTX_TEST_HEIRS=300000 pytest -s tests/test_inheritance.py` prints what it takes at that size.
"""

import os
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import psutil

from documents.connection import connect
from documents.embedded import EmbeddedMongo
from services.events import Block, Delivery, Event
from services.verify import verify
from tests.services import Services
from tests.test_batch import categories

NOW = 1_790_000_000_000
HOUR_MS = 3_600_000
HEIRS = int(os.environ.get("PASSPORTX_TEST_HEIRS", "15000"))
BLOCK = 1000


def block(height: int, *events: dict[str, Any]) -> Delivery:
    """Return the delivery of a block an hour after the one before."""
    placed = cast("list[Event]", [{"tx": "0x", **event} for event in events])
    at = NOW - 400 * 24 * HOUR_MS + height * HOUR_MS
    return Delivery(apply=[Block(height, f"b{height}", f"b{height - 1}", at, placed)])


def template(category: int, index: int = 0) -> dict[str, Any]:
    return {
        "id": f"template {category}",
        "type": "template_registered",
        "template": "1",
        "category": category,
        "level": category,
        "index": index,
    }


def badge(number: int) -> dict[str, Any]:
    """Return an issue; every tenth badge has a category of its own."""
    own = {"category": 5} if number % 10 == 0 else {}
    return {
        "id": f"badge {number}",
        "type": "badge_issued",
        "badge": str(number),
        "user": f"user {number % 5000}",
        "issuer": "i",
        "template": "1",
        "index": number,
        **own,
    }


async def test_all_badges_of_a_template_follow_it_with_a_small_cache(tmp_path: Path) -> None:
    async with EmbeddedMongo(tmp_path) as url:
        database = await connect(url, "test")
        services = await Services.on(database, NOW)
        await services.log.accept(block(1, template(1)), "chainhook")
        for start in range(0, HEIRS, BLOCK):
            events = map(badge, range(start + 1, start + BLOCK + 1))
            await services.log.accept(block(2 + start // BLOCK, *events), "chainhook")
        await services.commit(4000)
        own, heirs = HEIRS // 10, HEIRS - HEIRS // 10
        assert await categories(services) == {"achievement": heirs, "skill": own}
        cache = "cache_size=400M" if HEIRS > 100_000 else "cache_size=16M"
        await database.client.admin.command(
            {"setParameter": 1, "wiredTigerEngineRuntimeConfig": cache}
        )
        memory, began = psutil.Process().memory_info().rss, perf_counter()
        last = 2 + HEIRS // BLOCK
        await services.log.accept(block(last, template(2), badge(HEIRS + 1)), "chainhook")
        await services.commit()
        took = perf_counter() - began
        grown = (psutil.Process().memory_info().rss - memory) / 2**20
        print(f"{HEIRS:,} badges followed in {took:.1f} s, {grown:.0f} MB more")
        moved = {"participation": heirs + 1, "skill": own}
        assert await categories(services) == moved
        assert await verify(database, services.analytics, lambda *_: None) == []
        # Taken back with its block, and what was there is there again.
        await services.log.accept(
            Delivery(rollback=[], apply=[Block(last, "other", f"b{last - 1}", NOW, [])]),
            "chainhook",
        )
        await services.commit()
        assert await categories(services) == {"achievement": heirs, "skill": own}
        if HEIRS <= 100_000:
            assert await verify(database, services.analytics, lambda *_: None) == []
        await services.reader.close()
        database.client.close()
