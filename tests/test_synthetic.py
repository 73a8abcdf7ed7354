"""The synthetic chain: it tells one story in four encodings, and behaves as a chain does."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chainhook import parse
from ingest.clarity import decode_hex, encode_hex
from ingest.contracts import Contracts, Network
from ingest.synthetic import (
    DAY_MS,
    DEVNET,
    Block,
    Chain,
    Encoding,
    Scale,
    Step,
    Transaction,
    bulk,
    deliver,
    history,
    live,
    split,
    told_block,
    truth,
)
from ingest.synthetic.encoding import BURN_BLOCK_MS
from ingest.synthetic.names import community_name, template_name
from services.events import Block as ToldBlock
from services.events import BlockRef, Delivery, Event, EventType

FIXTURES = Path(__file__).parent / "fixtures" / "synthetic-passportx"
NOW = 1_767_085_200_000
SMALL = Scale(users=60, templates=8, communities=6, issuers=3, days=30)


def small_chain(seed: int = 1) -> Chain:
    return Chain(seed, start=NOW - SMALL.days * DAY_MS, scale=SMALL)


@cache
def told_year() -> tuple[Chain, tuple[Step, ...]]:
    """A year of 3,000 badge events, told once for all the tests that only look at it."""
    scale = Scale(users=800, templates=30, communities=24, issuers=8, days=364)
    chain = Chain(7, start=NOW - scale.days * DAY_MS, scale=scale)
    return chain, tuple(history(chain, 3_000, NOW))


def told_events() -> Iterator[Event]:
    for block in truth(told_year()[0]):
        yield from block.events


@pytest.mark.parametrize("encoding", Encoding)
def test_every_step_parses_to_what_really_happened(encoding: Encoding) -> None:
    chain, steps = told_year()
    for step in steps:
        delivery = parse(deliver(step, chain.contracts, encoding), chain.contracts)
        assert blocks(delivery) == [told_block(chain, block) for block in step.apply]
        assert list(delivery.rollback) == [
            BlockRef(b.height, b.hash, b.parent) for b in step.rollback
        ]
        # Only 1.x names the block of Bitcoin without being asked.
        burned = [b.at // BURN_BLOCK_MS for b in step.apply]
        is_named = encoding in (Encoding.V1_RAW, Encoding.V1_DECODED)
        assert [b.burn for b in delivery.apply] == (burned if is_named else [None] * len(burned))


def blocks(delivery: Delivery) -> list[ToldBlock]:
    """Return the applied blocks without what only one generation tells of them."""
    return [replace(block, burn=None) for block in delivery.apply]


def test_the_four_encodings_parse_to_equal_deliveries() -> None:
    chain, steps = told_year()
    for step in steps:
        told = [parse(deliver(step, chain.contracts, each), chain.contracts) for each in Encoding]
        assert all(blocks(each) == blocks(told[0]) for each in told)
        assert all(replace(each, apply=()) == replace(told[0], apply=()) for each in told)


@pytest.mark.parametrize("encoding", Encoding)
def test_deliveries_have_the_shape_of_the_fixtures(encoding: Encoding) -> None:
    version, kind = encoding.name.lower().split("_")
    files = sorted(FIXTURES.glob(f"{version}-{kind}-*.json"))
    wanted = set().union(*(paths(json.loads(file.read_text())) for file in files))
    chain, steps = told_year()
    bodies = [orjson.dumps(deliver(step, chain.contracts, encoding)) for step in steps]
    found = set().union(*(paths(orjson.loads(body)) for body in bodies))
    assert wanted <= found
    # The fixtures burn no token, so that they never name the one who had it.
    assert {path for path, _ in found - wanted if ".value." not in path} <= {
        ".blocks[].transactions[].metadata.receipt.events[].data.sender"
    }


def paths(value: object, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield where there is something in a JSON value, and its type."""
    if isinstance(value, dict):
        for key, item in value.items():
            name = "blocks" if key in ("apply", "rollback") else key
            yield from paths(item, f"{at}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, f"{at}[]")
    else:
        yield at, type(value).__name__


def test_raw_values_are_what_the_encoder_would_write() -> None:
    chain, steps = told_year()
    for step in steps[:200]:
        for text in raw_values(deliver(step, chain.contracts, Encoding.V1_RAW)):
            assert encode_hex(decode_hex(text)) == text


def raw_values(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "raw_value" in value:
            yield value["raw_value"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from raw_values(item)


@pytest.mark.parametrize("network", ["mainnet", "testnet"])
def test_a_chain_of_another_network_is_told_in_its_addresses(network: Network) -> None:
    deployers = {
        "mainnet": "SP000000000000000000002Q6VF78",
        "testnet": DEVNET.badge_issuer.partition(".")[0],
    }
    contracts = Contracts.of(network, deployers[network])
    chain = Chain(1, start=NOW - DAY_MS, scale=SMALL, contracts=contracts)
    for step in history(chain, 30, NOW):
        for encoding in Encoding:
            delivery = parse(deliver(step, contracts, encoding), contracts)
            assert blocks(delivery) == [told_block(chain, block) for block in step.apply]


# The chain


class Listener:
    """Keeps the canonical chain from nothing but steps."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def hear(self, step: Step) -> None:
        for block in step.rollback:
            assert self.blocks.pop() == block
        for block in step.apply:
            if self.blocks:
                tip = self.blocks[-1]
                assert block.height > tip.height
                assert block.at >= tip.at
                assert (block.parent == tip.hash) == (block.height == tip.height + 1)
            self.blocks.append(block)


moves = st.lists(
    st.one_of(
        st.tuples(st.just("mine"), st.integers(0, 12)),
        st.tuples(st.just("fork"), st.integers(1, 4)),
        st.tuples(st.just("flip"), st.just(0)),
    ),
    max_size=25,
)


def perform(chain: Chain, wanted: Iterable[tuple[str, int]]) -> Iterator[Step]:
    last, at = None, chain.start
    for move, number in wanted:
        at += DAY_MS
        if move == "flip":
            if last is None:
                continue
            last = chain.flip(last)
        else:
            last = chain.mine(at, number) if move == "mine" else chain.fork(number, at)
        yield last


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), wanted=moves)
def test_steps_add_up_to_the_canonical_chain(seed: int, wanted: list[tuple[str, int]]) -> None:
    chain, listener = small_chain(seed), Listener()
    for step in perform(chain, wanted):
        listener.hear(step)
        delivery = parse(deliver(step, DEVNET), DEVNET)
        assert blocks(delivery) == [told_block(chain, block) for block in step.apply]
    assert listener.blocks == list(chain.blocks)
    txids = [each.call.txid for block in chain.blocks for each in block.transactions]
    assert len(txids) == len(set(txids))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), wanted=moves)
def test_identifiers_are_consecutive_whatever_is_taken_back(
    seed: int, wanted: list[tuple[str, int]]
) -> None:
    chain = small_chain(seed)
    for _ in perform(chain, wanted):
        for kind, key in (
            (EventType.BADGE_ISSUED, "badge"),
            (EventType.TEMPLATE_REGISTERED, "template"),
            (EventType.COMMUNITY_CREATED, "community"),
        ):
            events: list[dict[str, Any]] = [
                {**event} for block in truth(chain) for event in block.events
            ]
            given_out = [int(event[key]) for event in events if event["type"] == kind]
            assert given_out == list(range(1, len(given_out) + 1))


def test_a_fork_mines_most_transactions_again_and_some_not() -> None:
    chain = small_chain()
    for day in range(20):
        chain.mine(chain.start + day * DAY_MS, 12)
    step = chain.fork(4, chain.start + 20 * DAY_MS)
    before, after = txids_by_block(step.rollback), txids_by_block(step.apply)
    survivors = before.keys() & after.keys()
    assert len(before) / 2 < len(survivors) < len(before)
    assert after.keys() - before.keys()
    assert any(before[txid] != after[txid] for txid in survivors)
    assert not {block.hash for block in step.rollback} & {block.hash for block in step.apply}
    assert [block.height for block in step.apply][:-1] == [
        block.height for block in reversed(step.rollback)
    ]


def txids_by_block(blocks: Iterable[Block]) -> dict[str, int]:
    return {each.call.txid: block.height for block in blocks for each in block.transactions}


def test_a_flip_brings_back_the_very_same_blocks() -> None:
    chain = small_chain()
    list(history(chain, 100, NOW))
    before = truth(chain)
    fork = chain.fork(2, NOW)
    other = truth(chain)
    back = chain.flip(fork)
    assert truth(chain) == before
    assert chain.flip(back) == fork
    assert truth(chain) == other != before


def test_only_the_last_step_can_be_flipped() -> None:
    chain = small_chain()
    step = chain.mine(chain.start, 3)
    chain.mine(chain.start, 3)
    with pytest.raises(ValueError, match="only the last step"):
        chain.flip(step)


def test_the_same_seed_tells_the_same_story() -> None:
    def story(seed: int) -> list[Step]:
        chain = small_chain(seed)
        return [*history(chain, 100, NOW), *islice(live(chain, lambda: NOW), 12)]

    assert story(3) == story(3)
    assert story(3) != story(4)


# The story


def test_a_history_lies_between_its_start_and_now_and_grows_denser() -> None:
    chain, steps = told_year()
    times = [block.at for block in chain.blocks]
    assert chain.start <= times[0]
    assert times[-1] <= NOW
    assert all(earlier < later for earlier, later in pairwise(times))
    assert any(step.rollback for step in steps)
    middle = (chain.start + NOW) // 2
    assert sum(at >= middle for at in times) > 1.3 * sum(at < middle for at in times)


def test_people_are_awake_by_day_and_busy_on_working_days() -> None:
    moments = [datetime.fromtimestamp(b.at / 1000, UTC) for b in told_year()[0].blocks]
    by_weekday = Counter(moment.weekday() for moment in moments)
    assert max(by_weekday[5], by_weekday[6]) < min(by_weekday[day] for day in range(5))
    by_hour = Counter(moment.hour for moment in moments)
    assert sum(by_hour[hour] for hour in range(6)) < sum(by_hour[hour] for hour in range(14, 17))


def test_a_history_holds_everything_that_can_happen() -> None:
    chain, steps = told_year()
    kinds = Counter(event["type"] for event in told_events())
    assert set(kinds) == set(EventType) - {EventType.USER_JOINED}
    issued = [event for event in told_events() if event["type"] == EventType.BADGE_ISSUED]
    assert {event["category"] for event in issued if "category" in event} == set(range(1, 7))
    assert {event["level"] for event in issued if "level" in event} <= set(range(1, 6))
    assert any("community" in event for event in issued)
    assert any("community" not in event for event in issued)
    revoked = [event for event in told_events() if event["type"] == EventType.BADGE_REVOKED]
    assert {event["hard"] for event in revoked} == {True, False}
    told = (parse(deliver(step, chain.contracts), chain.contracts) for step in steps)
    assert {reason for delivery in told for reason in delivery.refused} == {
        "failed_transaction",
        "untrusted_contract",
    }
    statuses = {each.status for block in chain.blocks for each in block.transactions}
    assert statuses == {"success", "abort_by_response", "abort_by_post_condition"}


def test_users_arrive_over_time_and_some_come_back() -> None:
    chain, _ = told_year()
    months: dict[str, set[int]] = {}
    for block in truth(chain):
        month = (block.at - chain.start) // (28 * DAY_MS)
        for event in block.events:
            if event["type"] == EventType.BADGE_ISSUED:
                months.setdefault(event["user"], set()).add(month)
    arrivals = Counter(min(active) for active in months.values())
    assert sum(arrivals[month] for month in range(6)) < sum(arrivals[m] for m in range(7, 13))
    returning = sum(len(active) > 1 for active in months.values())
    assert 0.15 < returning / len(months) < 0.85


def test_communities_differ_in_size_by_far() -> None:
    members = Counter(e["community"] for e in told_events() if e["type"] == EventType.MEMBER_ADDED)
    sizes = sorted(members.values())
    assert sizes[-1] > 5 * sizes[len(sizes) // 2]


def test_the_population_is_as_large_as_asked_for() -> None:
    events = list(told_events())
    kinds = Counter(event["type"] for event in events)
    assert kinds[EventType.TEMPLATE_REGISTERED] == 30
    assert kinds[EventType.COMMUNITY_CREATED] == 24
    issuers = {event["issuer"] for event in events if "issuer" in event}
    assert len(issuers) == 8
    users = {event["user"] for event in events if "user" in event}
    assert 700 < len(users) <= 801


def test_names_are_all_different() -> None:
    assert len({template_name(n, n % 6 + 1) for n in range(2_000)}) == 2_000
    assert len({community_name(n) for n in range(500)}) == 500


def test_bulk_deliveries_hold_exactly_as_many_badge_events_as_asked_for() -> None:
    bodies = list(bulk(1_020, 50, now=NOW, scale=SMALL))
    counts = [badge_events(parse(orjson.loads(body), DEVNET)) for body in bodies]
    assert counts == [50] * 20 + [20]


def badge_events(delivery: Delivery) -> int:
    wanted = {EventType.BADGE_ISSUED, EventType.BADGE_REVOKED, EventType.BADGE_UPDATED}
    return sum(event["type"] in wanted for block in delivery.apply for event in block.events)


def test_live_steps_are_blocks_with_a_reorganisation_among_them() -> None:
    chain, listener = small_chain(), Listener()
    for step in history(chain, 50, NOW):
        listener.hear(step)
    clock = iter(range(NOW, NOW + 3_600_000, 15_000))
    for number, step in enumerate(islice(live(chain, lambda: next(clock)), 18), 1):
        listener.hear(step)
        assert bool(step.rollback) == (number % 6 == 0)
    assert listener.blocks == list(chain.blocks)


def test_a_chain_that_keeps_little_forks_no_deeper() -> None:
    chain = Chain(1, start=NOW - DAY_MS, scale=SMALL, keep=2)
    for place in range(5):
        chain.mine(NOW - DAY_MS + place * 60_000, 3)
    assert len(chain.fork(4, NOW).rollback) == 2


def test_two_hooks_tell_all_events_of_a_step_between_them() -> None:
    chain, steps = told_year()

    def about_communities(transaction: Transaction) -> bool:
        return transaction.call.contract == chain.contracts.community_manager

    def about_badges(transaction: Transaction) -> bool:
        return not about_communities(transaction)

    for step in steps[:200]:
        whole = parse(deliver(step, DEVNET), DEVNET)
        parts = [
            parse(deliver(each, DEVNET), DEVNET)
            for each in split(step, about_badges, about_communities)
        ]
        told: list[Event] = [e for part in parts for block in part.apply for e in block.events]
        everything = [event for block in whole.apply for event in block.events]
        assert sorted(told, key=lambda e: e["id"]) == sorted(everything, key=lambda e: e["id"])
        assert {block.hash for part in parts for block in part.apply} == {
            block.hash for block in whole.apply
        }
        for part in parts:
            assert set(part.rollback) <= set(whole.rollback)


def test_a_hook_does_not_tell_of_blocks_in_which_it_finds_nothing() -> None:
    step = small_chain().mine(NOW, 5)
    nothing, everything = split(step, lambda _: False, lambda _: True)
    assert nothing == Step()
    assert everything == step
