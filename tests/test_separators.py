"""Ids that hold every separator which ids may hold are told apart, everywhere."""

from itertools import product
from typing import Any, cast

from documents.connection import Database
from services.events import Delivery, Event
from services.facts import entity_of
from services.verify import verify
from tests.services import Services

NOW = 1_790_000_000_000
SEPARATORS = "._:@-"
IDS = [
    *(f"a{one}b" for one in SEPARATORS),
    *(f"a{one}b{other}c" for one, other in product(SEPARATORS, repeat=2)),
    *("a", "b", "a:", ":a", "::", "a" * 128, "001:a", "1:a", "999"),
]


def history() -> list[dict[str, Any]]:
    """Return communities, members, templates and badges of all pairs of some ids."""
    events: list[dict[str, Any]] = []
    for each in IDS:
        events.append({"type": "community_created", "community": each, "user": f"owner{each}"})
        events.append({"type": "template_registered", "template": each, "category": 1})
        events.append({"type": "user_joined", "user": each})
    for number, (one, other) in enumerate(product(IDS[:12], IDS[-12:])):
        events.append({"type": "member_added", "community": one, "user": other})
        badge = {"badge": f"{one}/{number}", "user": other, "template": one, "issuer": other}
        events.append({"type": "badge_issued", "community": other, **badge})
    return [{**each, "id": str(n), "at": NOW - n * 1000} for n, each in enumerate(events)]


def test_different_things_are_different_entities() -> None:
    events = history()
    keys = [
        (event["type"][:6], event.get("community"), event.get("user"), event.get("template"))
        for event in events
        if event["type"] != "badge_issued"
    ]
    entities = {entity_of(cast("Event", e)) for e in events if e["type"] != "badge_issued"}
    assert len(entities) == len(set(keys))


async def test_every_figure_of_such_a_history_is_right(database: Database) -> None:
    services = await Services.on(database, NOW)
    await services.log.accept(Delivery(events=cast("list[Event]", history())), "api")
    await services.commit()
    assert await verify(database, services.analytics, lambda *_: None) == []
    status = await services.analytics.status()
    assert status.waiting == []
    members = await database["events_1"].count_documents({"type": "member_added", "live": True})
    assert members == 12 * 12
    await services.reader.close()
