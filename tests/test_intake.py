"""`mutation ingestEvents` over HTTP: what is taken, what is not, and when it is seen."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from documents.connection import Database, connect
from schema.schema import build
from services.events import EventType
from services.intake import MAX_EVENTS, MAX_NUMBER, RejectionCode
from tests.running import TOKEN, Running, running

INGEST = """
    mutation($events: [EventInput!]!) {
      ingestEvents(input: {events: $events}) {
        accepted duplicates position rejected { index code message }
      }
    }
"""
AT = "2026-03-01T12:00:00Z"
IDENTIFIER = "has 1 to 128 characters out of A-Z a-z 0-9 . _ : @ -, not a hyphen alone."


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Running]:
    """A service of its own for the test."""
    async with running(database) as started:
        yield started


@pytest.fixture(scope="module")
async def guarded(mongo_url: str) -> AsyncIterator[Running]:
    """A service with tokens of every kind, for tests that need no fresh one."""
    database = await connect(mongo_url, "guarded_intake")
    async with running(database, read_tokens=("reader",), admin_tokens=("admin",)) as started:
        yield started
    await database.client.drop_database(database.name)
    database.client.close()


async def ingest(service: Running, *events: object) -> dict[str, Any]:
    """Ingest events and return what became of them."""
    payload: dict[str, Any] = (await service.ask(INGEST, events=list(events)))["ingestEvents"]
    return payload


async def refusal(service: Running, events: object, **headers: str) -> dict[str, Any]:
    """Return the extensions of the error that the call ends with; nothing is stored."""
    stored = await service.database["log"].count_documents({})
    body = {"query": INGEST, "variables": {"events": events}}
    response = (await service.client.post("/graphql", json=body, headers=headers)).json()
    assert response.get("data") is None
    [error] = response["errors"]
    assert await service.database["log"].count_documents({}) == stored
    extensions: dict[str, Any] = error["extensions"]
    return extensions


def joined(user: str, **others: object) -> dict[str, Any]:
    """Return the event of a user who joined."""
    return {"userJoined": {"user": user, **others}}


# What is taken

EVERY_TYPE: list[dict[str, dict[str, object]]] = [
    {"templateRegistered": {"template": "t1", "name": "Mentor", "category": 4, "level": 3}},
    {"communityCreated": {"community": "c1", "owner": "owner", "name": "Builders"}},
    {"memberAdded": {"community": "c1", "member": "member"}},
    {"userJoined": {"user": "guest"}},
    {"badgeIssued": {"badge": "b1", "recipient": "alice", "template": "t1", "issuer": "owner"}},
    {"badgeIssued": {"badge": "b2", "recipient": "bob", "category": 1, "level": 5}},
    {"badgeIssued": {"badge": "b3", "recipient": "bob", "community": "c1"}},
    {"badgeUpdated": {"badge": "b2", "category": 2, "level": 1}},
    {"badgeRevoked": {"badge": "b2", "by": "owner"}},
    {"badgeRevoked": {"badge": "b3", "hard": True}},
    {"communityDeactivated": {"community": "c1"}},
]
ON_CHAIN_ONLY = {EventType.COMMUNITY_TRANSFERRED}


async def test_an_event_of_every_type_is_counted(service: Running) -> None:
    events = [
        {kind: {**event, "occurredAt": AT}} for each in EVERY_TYPE for kind, event in each.items()
    ]
    payload = await ingest(service, *events)
    assert payload == {"accepted": 11, "duplicates": 0, "position": 0, "rejected": []}
    await service.settled()
    data = await service.ask(
        "{aggregated{issuance{totalBadgesIssued badgesHeld badgesRevokedSoftly badgesRevokedHard"
        " byCategory{key count} byLevel{key count}}"
        " metrics{totalUsers totalCommunities}} activity{totalCount edges{node{type occurredAt}}}}"
    )
    issuance = data["aggregated"]["issuance"]
    assert (issuance["totalBadgesIssued"], issuance["badgesHeld"]) == (3, 1)
    assert (issuance["badgesRevokedSoftly"], issuance["badgesRevokedHard"]) == (1, 1)
    categories = {each["key"]: each["count"] for each in issuance["byCategory"]}
    levels = {each["key"]: each["count"] for each in issuance["byLevel"]}
    assert (categories["leadership"], categories["participation"]) == (1, 1)
    assert (levels["3"], levels["1"]) == (1, 1)
    # Owner, member, guest, alice and bob.
    assert data["aggregated"]["metrics"] == {"totalUsers": 5, "totalCommunities": 1}
    told = [edge["node"]["type"] for edge in data["activity"]["edges"]]
    assert len(told) == data["activity"]["totalCount"] == 11
    assert set(told) == {each.name for each in EventType if each not in ON_CHAIN_ONLY}
    assert {edge["node"]["occurredAt"] for edge in data["activity"]["edges"]} == {
        "2026-03-01T12:00:00+00:00"
    }


def test_every_type_of_the_input_is_tried() -> None:
    named = {kind for each in EVERY_TYPE for kind in each}
    assert named == set(build()._schema.type_map["EventInput"].fields)  # type: ignore[attr-defined]  # noqa: SLF001  # has no public name


async def test_without_a_time_it_happens_now(service: Running) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    await ingest(service, joined("guest"))
    await service.settled()
    data = await service.ask("{activity{edges{node{occurredAt}}}}")
    at = datetime.fromisoformat(data["activity"]["edges"][0]["node"]["occurredAt"])
    assert before <= at <= datetime.now(UTC)


async def test_a_time_with_an_offset_is_an_instant(service: Running) -> None:
    await ingest(service, joined("guest", occurredAt="2026-03-01T01:30:00+02:00"))
    await service.settled()
    data = await service.ask("{activity{edges{node{occurredAt}}}}")
    assert data["activity"]["edges"][0]["node"]["occurredAt"] == "2026-02-28T23:30:00+00:00"


async def test_events_become_visible_at_a_later_position(service: Running) -> None:
    """And the answer of the call tells the one before."""
    for number in range(3):
        payload = await ingest(service, joined(f"user{number}"))
        position = await service.settled()
        assert payload["position"] < position
        data = await service.ask("{aggregated{position metrics{totalUsers}}}")
        assert data["aggregated"] == {"position": position, "metrics": {"totalUsers": number + 1}}


async def test_what_is_answered_is_durable_before_it_is_committed(database: Database) -> None:
    never = {"batch_size": 10_000, "backlog_batch_size": 10_000, "batch_timeout_ms": 3_600_000}
    async with running(database, **never) as service:
        assert (await ingest(service, joined("guest")))["accepted"] == 1
        [entry] = await database["log"].find().to_list(None)
        assert (entry["source"], entry["events"][0]["user"]) == ("api", "guest")
        data = await service.ask("{status{position eventsWaiting} aggregated{metrics{totalUsers}}}")
        assert data["status"] == {"position": 0, "eventsWaiting": 1}
        assert data["aggregated"]["metrics"]["totalUsers"] == 0


async def test_no_event_is_no_error(service: Running) -> None:
    payload = await ingest(service)
    assert payload == {"accepted": 0, "duplicates": 0, "position": 0, "rejected": []}
    assert await service.database["log"].count_documents({}) == 0


# Once


async def test_an_id_counts_once_in_a_call_in_later_calls_and_after_a_restart(
    database: Database,
) -> None:
    """Though it is not committed yet; of an event that says something else it is refused."""
    once, other = joined("a", id="one"), joined("b", id="two")
    async with running(database) as service:
        assert (await ingest(service, once, other, once))["duplicates"] == 1
        payload = await ingest(service, joined("c", id="one"), joined("c", id="three"))
        assert (payload["accepted"], payload["duplicates"]) == (1, 0)
        assert [(e["index"], e["code"]) for e in payload["rejected"]] == [(0, "ID_CONFLICT")]
    async with running(database) as service:
        payload = await ingest(service, once, other, joined("d", id="four"))
        assert (payload["accepted"], payload["duplicates"]) == (1, 2)
        payload = await ingest(service, once, other)
        assert (payload["accepted"], payload["duplicates"]) == (0, 2)
        await service.settled()
        data = await service.ask("{aggregated{metrics{totalUsers}} status{eventsProcessed}}")
    assert data["aggregated"]["metrics"]["totalUsers"] == 4
    assert data["status"]["eventsProcessed"] == 4


async def test_without_an_id_equal_events_are_two(service: Running) -> None:
    payload = await ingest(service, joined("a", occurredAt=AT), joined("a", occurredAt=AT))
    assert (payload["accepted"], payload["duplicates"]) == (2, 0)


async def test_a_badge_is_issued_once_though_two_events_say_so(service: Running) -> None:
    """The second is taken and has no effect: another id says another thing of the same badge."""
    issued = {"badge": "b1", "recipient": "a", "occurredAt": AT}
    payload = await ingest(service, {"badgeIssued": issued}, {"badgeIssued": issued})
    assert payload["accepted"] == 2
    await service.settled()
    data = await service.ask("{issuance{totalBadgesIssued}}")
    assert data["issuance"]["totalBadgesIssued"] == 1


# What is not taken

LATE = (datetime.now(UTC) + timedelta(days=1, hours=1)).isoformat()
BADGE = {"badge": "b", "recipient": "a"}


@pytest.mark.parametrize(
    ("event", "code", "message"),
    [
        (joined(""), RejectionCode.BAD_ID, f"`user` {IDENTIFIER}"),
        (joined("a b"), RejectionCode.BAD_ID, f"`user` {IDENTIFIER}"),
        (joined("a" * 129), RejectionCode.BAD_ID, f"`user` {IDENTIFIER}"),
        (joined("a", id=""), RejectionCode.BAD_ID, f"`id` {IDENTIFIER}"),
        (joined("a", id="é"), RejectionCode.BAD_ID, f"`id` {IDENTIFIER}"),
        ({"badgeIssued": {**BADGE, "badge": "b\n"}}, RejectionCode.BAD_ID, f"`badge` {IDENTIFIER}"),
        ({"badgeIssued": {**BADGE, "template": "$"}}, RejectionCode.BAD_ID,
         f"`template` {IDENTIFIER}"),
        ({"badgeIssued": {**BADGE, "category": -1}}, RejectionCode.BAD_NUMBER,
         f"`category` is 0 to {MAX_NUMBER}."),
        ({"badgeUpdated": {"badge": "b", "level": -1}}, RejectionCode.BAD_NUMBER,
         f"`level` is 0 to {MAX_NUMBER}."),
        ({"templateRegistered": {"template": "t", "name": ""}}, RejectionCode.BAD_NAME,
         "A name has 1 to 256 characters."),
        ({"communityCreated": {"community": "c", "owner": "a", "name": "n" * 257}},
         RejectionCode.BAD_NAME, "A name has 1 to 256 characters."),
        (joined("a", occurredAt="2020-12-31T23:59:59.999Z"), RejectionCode.TIME_OUT_OF_REACH,
         "`occurredAt` lies between 2021-01-01 and a day from now."),
        (joined("a", occurredAt=LATE), RejectionCode.TIME_OUT_OF_REACH,
         "`occurredAt` lies between 2021-01-01 and a day from now."),
    ],
)  # fmt: skip
async def test_an_event_that_will_not_do_is_rejected_with_its_place_and_the_others_taken(
    guarded: Running, event: object, code: RejectionCode, message: str
) -> None:
    payload = await ingest(guarded, joined("first"), event, joined("last"))
    assert payload["accepted"] == 2
    assert payload["rejected"] == [{"index": 1, "code": code.name, "message": message}]


NOBODY = {"id": "x", "occurredAt": AT}


async def test_an_id_of_another_event_is_a_conflict_and_no_duplicate(service: Running) -> None:
    """In an earlier call or in the same one; the others of the call are taken."""
    assert (await ingest(service, joined("first", **NOBODY)))["accepted"] == 1
    payload = await ingest(
        service,
        joined("other", **NOBODY),
        joined("first", **NOBODY),
        joined("first", id="x"),
        joined("first", id="x", occurredAt="2026-03-02T12:00:00Z"),
        joined("new", id="y"),
        joined("newer", id="y"),
        joined("new", id="y"),
    )
    rejected = [(each["index"], each["code"]) for each in payload["rejected"]]
    # Each is compared with what the log has, or else with the first of the call.
    assert rejected == [(place, "ID_CONFLICT") for place in (0, 3, 5)]
    assert (payload["accepted"], payload["duplicates"]) == (1, 3)
    stored = await service.database["log"].find({}, {"events": 1}).to_list(None)
    assert [event["user"] for entry in stored for event in entry["events"]] == ["first", "new"]


async def test_an_id_sent_again_without_a_time_is_a_duplicate(service: Running) -> None:
    await ingest(service, joined("first", id="x"))
    payload = await ingest(service, joined("first", id="x"), joined("first", id="x"))
    assert (payload["accepted"], payload["duplicates"], payload["rejected"]) == (0, 2, [])


async def test_a_repeat_without_a_time_hides_no_conflict(service: Running) -> None:
    """And a wrong event before the right one takes nothing from that."""
    await ingest(service, joined("first", **NOBODY))
    later = joined("first", id="x", occurredAt="2026-03-02T12:00:00Z")
    payload = await ingest(service, later, joined("first", id="x"))
    assert [each["index"] for each in payload["rejected"]] == [0]
    assert (payload["accepted"], payload["duplicates"]) == (0, 1)


async def test_of_two_calls_at_once_one_is_in_conflict(service: Running) -> None:
    calls = [ingest(service, joined(name, **NOBODY)) for name in ("one", "other")]
    payloads = await asyncio.gather(*calls)
    assert sorted(each["accepted"] for each in payloads) == [0, 1]
    codes = [rejection["code"] for each in payloads for rejection in each["rejected"]]
    assert codes == ["ID_CONFLICT"]


async def test_a_time_without_an_offset_is_rejected(service: Running) -> None:
    payload = await ingest(service, joined("a", occurredAt="2026-03-01T12:00:00"))
    [rejection] = payload["rejected"]
    assert rejection["code"] == "TIME_WITHOUT_OFFSET"
    assert "2026-03-01T12:00:00Z" in rejection["message"]


@pytest.mark.parametrize(
    "name", [" ", "\u200b", "\u200d\ufeff", "\x00", "a\x00", "a\nb", "\u2028x", "\t"]
)
async def test_a_name_that_cannot_be_shown_is_rejected(guarded: Running, name: str) -> None:
    event = {"communityCreated": {"community": "c", "owner": "a", "name": name}}
    assert [each["code"] for each in (await ingest(guarded, event))["rejected"]] == ["BAD_NAME"]


async def test_an_id_that_is_a_large_number_keeps_its_digits(service: Running) -> None:
    """GraphQL takes an id that is a number."""
    body = (
        f'{{"query": {orjson.dumps(INGEST).decode()}, "variables": {{"events": '
        f'[{{"badgeIssued": {{"badge": {2**64 + 1}, "recipient": "a"}}}}]}}}}'
    )
    answer = await service.client.post(
        "/graphql", content=body, headers={"content-type": "application/json"}
    )
    assert answer.json()["data"]["ingestEvents"]["accepted"] == 1
    entry = await service.database["log"].find_one({})
    assert entry
    assert entry["events"][0]["badge"] == str(2**64 + 1)


async def test_what_is_just_within_bounds_is_taken(service: Running) -> None:
    in_time = (datetime.now(UTC) + timedelta(hours=23)).isoformat()
    payload = await ingest(
        service,
        joined("a" * 128, id="A-Z.a_z:0@9", occurredAt="2021-01-01T00:00:00Z"),
        joined("a", occurredAt=in_time),
        {"badgeIssued": {**BADGE, "category": 0, "level": MAX_NUMBER}},
        {"communityCreated": {"community": "c", "owner": "a", "name": "n" * 256}},
    )
    assert (payload["accepted"], payload["rejected"]) == (4, [])


async def test_nothing_is_stored_of_a_call_whose_events_are_all_rejected(service: Running) -> None:
    payload = await ingest(service, joined(""), joined("a b"))
    assert [each["index"] for each in payload["rejected"]] == [0, 1]
    assert await service.database["log"].count_documents({}) == 0


async def test_a_call_takes_so_many_events_and_no_more(service: Running) -> None:
    events = [joined(f"user{number}") for number in range(MAX_EVENTS + 1)]
    assert await refusal(service, events) == {"code": "TOO_MANY_EVENTS", "maximum": MAX_EVENTS}
    assert (await ingest(service, *events[1:]))["accepted"] == MAX_EVENTS


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"userJoined": None},
        {"userJoined": {}},
        {"userJoined": {"user": 5}},
        {"userJoined": {"user": "a", "badge": "b"}},
        {"userJoined": {"user": "a"}, "badgeRevoked": {"badge": "b"}},
        {"userLeft": {"user": "a"}},
        {"badgeIssued": {**BADGE, "level": 2**31}},
        {"userJoined": {"user": "a", "occurredAt": "yesterday"}},
        None,
    ],
)
async def test_an_event_that_is_none_by_its_type_refuses_the_call(
    guarded: Running, event: object, caplog: pytest.LogCaptureFixture
) -> None:
    """The others of the call are not taken either, and the log is not filled by it."""
    assert (await refusal(guarded, [joined("a"), event]))["code"] == "BAD_USER_INPUT"
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


# Who may


@pytest.mark.parametrize(
    ("authorization", "code"),
    [("", "FORBIDDEN"), ("Bearer reader", "FORBIDDEN"), ("Bearer other", "UNAUTHENTICATED")],
)
async def test_without_the_right_to_ingest_nothing_is_taken(
    guarded: Running, authorization: str, code: str
) -> None:
    extensions = await refusal(guarded, [joined("a")], authorization=authorization)
    assert extensions["code"] == code


async def test_open_reads_do_not_ingest(service: Running) -> None:
    """Where anybody may read, a token is needed all the same."""
    assert (await refusal(service, [joined("a")], authorization=""))["code"] == "FORBIDDEN"


@pytest.mark.parametrize("token", [TOKEN, "admin"])
async def test_the_ingest_token_and_that_of_an_administrator_may_ingest(
    guarded: Running, token: str
) -> None:
    body = {"query": INGEST, "variables": {"events": [joined("a")]}}
    headers = {"authorization": f"Bearer {token}"}
    response = (await guarded.client.post("/graphql", json=body, headers=headers)).json()
    assert response["data"]["ingestEvents"]["accepted"] == 1


async def test_an_ingest_token_alone_does_not_read_what_reading_is_guarded_for(
    guarded: Running,
) -> None:
    response = await guarded.respond("{status{position}}")
    assert response["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_mutation_does_not_go_by_get(service: Running) -> None:
    query = 'mutation{ingestEvents(input:{events:[{userJoined:{user:"a"}}]}){accepted}}'
    answer = await service.client.get("/graphql", params={"query": query})
    assert answer.status_code == 405
    assert await service.database["log"].count_documents({}) == 0


async def test_a_service_that_takes_no_events_says_so_and_answers(database: Database) -> None:
    """With ANALYTICS_ENABLED=false."""
    async with running(database, enabled=False) as service:
        assert (await refusal(service, [joined("a")]))["code"] == "DISABLED"
        assert (await service.ask("{aggregated{metrics{totalUsers}}}"))["aggregated"] == {
            "metrics": {"totalUsers": 0}
        }
