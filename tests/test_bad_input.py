"""Bad input gets a typed refusal that names the limit: never a 500, never a slow query."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from documents.connection import connect
from tests.running import Running, running

EVENTS = [
    {"badgeIssued": {"badge": str(n), "recipient": f"user-{n % 3}", "template": "1", "category": 5}}
    for n in range(5)
]
EVENTS.append({"communityCreated": {"community": "c", "owner": "founder"}})
EVENTS.append({"memberAdded": {"community": "c", "member": "user-0"}})
INGEST = "mutation($events: [EventInput!]!) {ingestEvents(input: {events: $events}) {accepted}}"
LISTS = ("badges", "people", "communities", "templates", "events", "activity")


@pytest.fixture(scope="module")
async def service(mongo_url: str) -> AsyncIterator[Running]:
    """One service for all: nothing that is refused changes it."""
    database = await connect(mongo_url, f"test_{uuid4().hex}")
    async with running(database) as service:
        await service.ask(INGEST, events=EVENTS)
        await service.settled()
        yield service
    await database.client.drop_database(database.name)
    database.client.close()


async def refusal(service: Running, query: str, **variables: object) -> dict[str, Any]:
    """Return the extensions of the only error of a query."""
    answer = await service.client.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code < 500
    (error,) = answer.json()["errors"]
    extensions: dict[str, Any] = error["extensions"]
    return extensions


WINDOW = "query($range: RangeInput, $zone: TimeZone! = UTC) {%s(range: $range, timezone: $zone) %s}"
FAMILIES = {
    "issuance": "{badgesIssued}",
    "community": "{totalCommunities}",
    "users": "{totalUsers}",
    "distribution": "{effectiveIssuers}",
    "aggregated": "{metrics {totalUsers}}",
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("variables", "code", "detail"),
    [
        (
            {"range": {"dates": {"from": "2026-02-01", "to": "2026-01-01"}}},
            "RANGE_REVERSED",
            None,
        ),
        ({"zone": "Mars/Olympus"}, "UNKNOWN_TIME_ZONE", "zone"),
        ({"range": {"last": {"n": 0, "unit": "DAY"}}}, "COUNT_OUT_OF_RANGE", "maximum"),
        ({"range": {"last": {"n": 10_000, "unit": "DAY"}}}, "COUNT_OUT_OF_RANGE", "maximum"),
        ({"range": {"dates": {"from": "0001-01-01"}}}, "RANGE_OUT_OF_REACH", "earliest"),
        ({"range": {"dates": {"to": "9999-01-01"}}}, "RANGE_OUT_OF_REACH", "latest"),
        ({"range": {"between": {}}}, "BAD_USER_INPUT", None),
    ],
)
async def test_a_range_that_makes_no_sense_is_refused(
    service: Running, family: str, variables: dict[str, object], code: str, detail: str | None
) -> None:
    query = WINDOW.replace(" = UTC", ' = "UTC"') % (family, FAMILIES[family])
    extensions = await refusal(service, query, **variables)
    assert extensions["code"] == code
    assert detail is None or detail in extensions


@pytest.mark.parametrize(
    "range_",
    ["{preset: TODAY, last: {n: 1, unit: DAY}}", "{}", '{last: {n: "x", unit: DAY}}'],
)
async def test_a_range_is_exactly_one_of_its_fields(service: Running, range_: str) -> None:
    extensions = await refusal(service, f"{{users(range: {range_}) {{totalUsers}}}}")
    assert extensions["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_series_that_is_too_long_says_what_would_fit(service: Running) -> None:
    query = (
        "{trends(metric: NEW_USERS, granularity: HOUR, "
        'range: {dates: {from: "2020-01-01", to: "2026-01-01"}}) {points {value}}}'
    )
    extensions = await refusal(service, query)
    assert extensions["code"] == "TOO_MANY_BUCKETS"
    assert extensions["finestGranularity"] == "WEEK"
    assert extensions["maxBuckets"] == 2_000


@pytest.mark.parametrize("field", LISTS)
@pytest.mark.parametrize(
    "arguments",
    [
        *("first: 0", "first: 10000", "last: 0", "first: 1, last: 1", 'first: 1, before: "x"'),
        *('after: "forged"', 'last: 1, before: "Zm9yZ2Vk"'),
    ],
)
async def test_a_page_that_makes_no_sense_is_refused(
    service: Running, field: str, arguments: str
) -> None:
    extensions = await refusal(service, f"{{{field}({arguments}) {{totalCount}}}}")
    assert extensions["code"] == "BAD_PAGE"
    if "first: 0" in arguments or "last: 0" in arguments:
        assert extensions["limit"] in arguments
        assert (extensions["minimum"], extensions["maximum"]) == (1, 100)


async def test_a_cursor_is_of_one_list_in_one_order(service: Running) -> None:
    lists = {
        "badges": ("NEWEST", "OLDEST"),
        "people": ("NEWEST", "MOST_HELD"),
        "templates": ("NEWEST", "MOST_ISSUED"),
    }
    for name, orders in lists.items():
        found = await service.ask(f"{{{name}(first: 1) {{pageInfo {{endCursor}}}}}}")
        cursor = found[name]["pageInfo"]["endCursor"]
        for other in lists:
            for order in orders if other == name else ():
                query = f'{{{name}(orderBy: {order}, after: "{cursor}") {{totalCount}}}}'
                answer = await service.respond(query)
                assert ("errors" in answer) == (order != DEFAULTS[name]), query
            if other != name:
                query = f'{{{other}(after: "{cursor}") {{totalCount}}}}'
                assert (await refusal(service, query))["code"] == "BAD_PAGE"


DEFAULTS = {"badges": "NEWEST", "people": "NEWEST", "templates": "MOST_ISSUED"}


@pytest.mark.parametrize(
    "arguments",
    [
        *("first: 0", "first: 10000", 'after: "x"', 'before: "²"', 'after: "DAILY|²"'),
        *('after: "HOURLY|1767225600000"', 'after: "DAILY|9999999999999999"'),
    ],
)
async def test_a_page_of_snapshots_is_held_to_the_same(service: Running, arguments: str) -> None:
    query = f"{{snapshots(period: DAILY, {arguments}) {{totalCount}}}}"
    assert (await refusal(service, query))["code"] == "BAD_PAGE"


@pytest.mark.parametrize("family", [*FAMILIES, "badges", "people", "communities", "templates"])
async def test_a_filter_names_so_many_keys_at_most(service: Running, family: str) -> None:
    selection = FAMILIES.get(family, "{totalCount}")
    query = f"query($ids: [ID!]) {{{family}(where: {{badges: $ids}}) {selection}}}"
    extensions = await refusal(service, query, ids=[str(n) for n in range(10_000)])
    assert (extensions["code"], extensions["maximum"]) == ("LIMIT_EXCEEDED", 100)


@pytest.mark.parametrize(
    ("where", "dimension", "key"),
    [
        ('{communities: ["99"]}', "community", "99"),
        ('{issuers: ["nobody"]}', "issuer", "nobody"),
        ('{categories: ["cooking"]}', "category", "cooking"),
        ('{levels: ["77"]}', "level", "77"),
        ('{badges: ["404"]}', "badge", "404"),
    ],
)
async def test_a_key_that_never_occurred_is_a_clear_error(
    service: Running, where: str, dimension: str, key: str
) -> None:
    extensions = await refusal(service, f"{{issuance(where: {where}) {{badgesIssued}}}}")
    assert extensions == {"code": "UNKNOWN_KEY", "dimension": dimension, "keys": [key]}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{distribution {topBadges(first: 0) {rank}}}", "LIMIT_EXCEEDED"),
        ("{distribution {topBadges(first: 101) {rank}}}", "LIMIT_EXCEEDED"),
        ("{distribution {badgesByIssuer(first: -1) {rank}}}", "LIMIT_EXCEEDED"),
        ("{users {retentionCohorts(by: HOUR) {mean {rate}}}}", "OK"),
        (
            "{users(range: {last: {n: 400, unit: DAY}}) {retentionCohorts(by: DAY) {mean {rate}}}}",
            "TOO_MANY_BUCKETS",
        ),
        (
            '{people(group: {cohort: {by: DAY, start: "2026-01-01T00:00:00Z", offset: 1000000}}) '
            "{totalCount}}",
            "LIMIT_EXCEEDED",
        ),
        ("{people(group: {joined: false}) {totalCount}}", "BAD_USER_INPUT"),
        ("{people(group: {}) {totalCount}}", "GRAPHQL_VALIDATION_FAILED"),
        ("{people(group: {holding: {least: 3, most: 2}}) {totalCount}}", "BAD_USER_INPUT"),
        ("{people(group: {holding: {least: -1}}) {totalCount}}", "BAD_USER_INPUT"),
        ('{people(group: {memberOf: "nowhere"}) {totalCount}}', "UNKNOWN_KEY"),
        ('{users(range: {dates: {from: "2199-12-31"}}) {totalUsers}}', "OK"),
        ('{users(range: {dates: {to: "1970-01-02"}}) {totalUsers}}', "OK"),
        ('{users(range: {dates: {from: "31st"}}) {totalUsers}}', "GRAPHQL_VALIDATION_FAILED"),
        ("{users(timezone: [1]) {totalUsers}}", "GRAPHQL_VALIDATION_FAILED"),
        ("{badges(hourOfWeek: {hour: 99}) {totalCount}}", "LIMIT_EXCEEDED"),
        ("{users(compareTo: {period: PREVIOUS_PERIOD}) {dailyNewUsers {value}}}", "OK"),
        (
            "{aggregated(compareTo: {period: PREVIOUS_PERIOD}) {figures {value}}}",
            "NOTHING_TO_COMPARE",
        ),
    ],
)
async def test_arguments_are_held_to_what_makes_sense(
    service: Running, query: str, code: str
) -> None:
    if code == "OK":
        await service.ask(query)
    else:
        assert (await refusal(service, query))["code"] == code


STATES = ("lifecycle: {by: YEAR, state: NEW", "lifecycle: {by: HOUR, state: DORMANT")
PEOPLE = 'people(group: {%s, start: "%s"}}) {totalCount}'
RECORD = 'recordSnapshot(input: {period: MONTHLY, at: "%s"}) {problem}'


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("9999-12-31T00:00:00Z", "RANGE_OUT_OF_REACH"),
        ("0001-01-01T00:00:00+14:00", "RANGE_OUT_OF_REACH"),
        ("1969-12-31T23:00:00Z", "RANGE_OUT_OF_REACH"),
        ("1970-01-01T00:00:00Z", "OK"),
        ("2200-01-01T00:00:00Z", "OK"),
    ],
)
async def test_an_instant_lies_within_reach(service: Running, at: str, code: str) -> None:
    queries = [
        f"{{{PEOPLE % (group, at)}}}"
        for group in ("cohort: {by: MONTH", "cohort: {by: YEAR, offset: 100", *STATES)
    ]
    for query in queries:
        if code == "OK":
            await service.ask(query)
        else:
            assert (await refusal(service, query))["code"] == code
    found = await service.ask(f"mutation {{{RECORD % at}}}")
    is_past = at < "2000"
    problem = "BEFORE_THE_FIRST_EVENT" if is_past else "BUCKET_NOT_ENDED"
    assert found["recordSnapshot"]["problem"] == problem


async def test_every_group_of_people_can_be_asked_for(service: Running) -> None:
    instant = '"2026-01-01T00:00:00Z"'
    for group in (
        "{joined: true}",
        "{active: true}",
        "{waiting: true}",
        "{holding: {least: 1, most: 2}}",
        '{memberOf: "c"}',
        f"{{cohort: {{by: MONTH, start: {instant}, offset: 2, mode: STREAK}}}}",
        f"{{lifecycle: {{by: WEEK, start: {instant}, state: DORMANT}}}}",
    ):
        data = await service.ask(f"{{people(group: {group}) {{totalCount edges {{cursor}}}}}}")
        assert len(data["people"]["edges"]) == data["people"]["totalCount"]


async def test_a_badge_and_a_user_can_be_followed_through_their_events(service: Running) -> None:
    data = await service.ask('{events(badge: "3") {totalCount edges {node {badge user}}}}')
    assert data["events"] == {
        "totalCount": 1,
        "edges": [{"node": {"badge": "3", "user": "user-0"}}],
    }
    data = await service.ask(
        '{events(user: "user-0", first: 1) {totalCount pageInfo {hasNextPage}}}'
    )
    assert data["events"] == {"totalCount": 3, "pageInfo": {"hasNextPage": True}}


async def test_the_filter_on_a_category_or_level_without_badges_leaves_nothing(
    service: Running,
) -> None:
    where = '{categories: ["leadership"], levels: ["3"]}'
    data = await service.ask(
        f"{{issuance(where: {where}) {{badgesIssued byCategory {{key count}}}}"
        f"users(where: {where}) {{totalUsers}} badges(where: {where}) {{totalCount}}"
        f"people(where: {where}) {{totalCount}} communities(where: {where}) {{totalCount}}}}"
    )
    assert data == {
        "issuance": {"badgesIssued": 0, "byCategory": []},
        "users": {"totalUsers": 0},
        **{name: {"totalCount": 0} for name in ("badges", "people", "communities")},
    }
