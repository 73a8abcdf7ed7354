"""Real deliveries, and anything at all: the parser never fails, and invents nothing."""

import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import bson
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.chainhook import UNSUPPORTED, Contracts, Refusal, parse
from services.events import Delivery
from tests.chainhook_payloads import ALICE, CONTRACTS, DEPLOYER

STRANGERS = Contracts.of("testnet", ALICE)
CAPTURES = Path(__file__).parents[1].parent / "shared" / "fixtures"
SYNTHETIC = Path(__file__).parent / "fixtures" / "synthetic-passportx"
NAKAMOTO = "signer-metrics-api/dump-chainhook-payloads-2024-11-02.ndjson.gz"
CALLS = "hirosystems-chainhook/contract-call-file-result.json.gz"


def capture(name: str) -> list[Any]:
    """Return the deliveries of a capture, which belongs to its project and may be absent."""
    path = CAPTURES / name
    if not path.exists():
        pytest.skip(f"the real captures are not beside this repository: {path}")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if ".gz" in name:
        return [orjson.loads(line) for line in content.splitlines()]
    return [orjson.loads(content)]


def totals(payloads: list[Any], contracts: Contracts) -> tuple[int, Counter[str], Counter[str]]:
    """Return how many blocks, events by type, and refusals by reason the payloads hold."""
    deliveries = [parse(payload, contracts) for payload in payloads]
    blocks = [block for delivery in deliveries for block in delivery.apply]
    refused: Counter[str] = Counter()
    for delivery in deliveries:
        refused.update(delivery.refused)
    return len(blocks), Counter(event["type"] for each in blocks for event in each.events), refused


@pytest.mark.parametrize(
    ("name", "blocks", "refused"),
    [
        (NAKAMOTO, 100, {Refusal.FAILED_TRANSACTION: 42}),
        (CALLS, 464, {Refusal.FAILED_TRANSACTION: 71}),
        ("hirosystems-docs/full-payload-example.json", 1, {}),
        ("hirosystems-docs/nft-event.json", 0, {Refusal.UNKNOWN_SHAPE: 1}),
        ("hirosystems-docs/print-event.json", 0, {Refusal.UNKNOWN_SHAPE: 1}),
        ("hirosystems-docs/ft-event.json", 0, {Refusal.UNKNOWN_SHAPE: 1}),
        ("hirosystems-docs/stx-event.json", 0, {Refusal.UNKNOWN_SHAPE: 1}),
        ("hirosystems-chainhook/occurrence.json", 0, {Refusal.UNKNOWN_SHAPE: 14}),
    ],
)
def test_captures_hold_no_badges(name: str, blocks: int, refused: dict[str, int]) -> None:
    """Every block is told, every failed transaction ignored.

    The fragments are no deliveries, and the hashes of the vendor's test helper are empty.
    """
    assert totals(capture(name), CONTRACTS) == (blocks, Counter(), Counter(refused))


def test_nakamoto_blocks_form_a_chain_with_their_own_times() -> None:
    """A hundred of them, contiguous, between two Bitcoin blocks apart in seconds."""
    blocks = [block for each in capture(NAKAMOTO) for block in parse(each, CONTRACTS).apply]
    blocks.sort(key=lambda block: block.height)
    assert [block.height for block in blocks] == list(range(112192, 112292))
    pairs = list(pairwise(blocks))
    assert all(after.parent == before.hash for before, after in pairs)
    assert all(before.at <= after.at for before, after in pairs)
    assert blocks[0].at == 1_730_551_022_000


def test_a_capture_s_own_contracts_are_found_when_trusted() -> None:
    """The prints of a name service, which are none of PassportX's."""
    bns = "ST000000000000000000002AMW42H.bns"
    _, events, refused = totals(capture(CALLS), replace(CONTRACTS, badge_issuer=bns))
    assert events == Counter()
    assert refused == {Refusal.FAILED_TRANSACTION: 71, Refusal.UNKNOWN_EVENT: 525}


def test_a_capture_s_own_mints_are_found_when_trusted() -> None:
    """Two tokens of a game, with their class renamed to that of badges, fall back to mints."""
    payloads = orjson.loads(
        orjson.dumps(capture(NAKAMOTO)).replace(b"::nft-monsters", b"::passport-badge")
    )
    game = "ST3FFRX7C911PZP5RHE148YDVDD9JWVS6FZRA60VS.monsters"
    contracts = replace(CONTRACTS, passport_nft=game, community_manager=game)
    minted = [
        (event["type"], event["badge"], event["user"])
        for each in payloads
        for block in parse(each, contracts).apply
        for event in block.events
    ]
    player = "ST16GEW6P7GBGZG0PXRXFJEMR3TJHJEY2HHFN76M2"
    assert sorted(minted) == [("badge_issued", "33", player), ("badge_issued", "34", player)]
    assert totals(payloads, contracts)[2][Refusal.UNKNOWN_EVENT] == 4


KEYS = """
    apply rollback event network chain block_identifier parent_block_identifier index hash
    timestamp transactions transaction_identifier metadata success status position kind data
    receipt events type topic value raw_value hex operations contract_identifier
"""
keys = st.sampled_from(KEYS.split())
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["0x", "0x05", "u1", "SmartContractEvent", "print", "\ud800", "success"]),
    st.sampled_from([CONTRACTS.badge_issuer, CONTRACTS.badge_asset, DEPLOYER, "0x" + "ab" * 32]),
)
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)
deliveries = [orjson.loads(path.read_bytes()) for path in sorted(SYNTHETIC.glob("*.json"))]


def check(delivery: Delivery) -> None:
    """Assert what holds of whatever is parsed: it can be stored, and its events are in order."""
    assert bson.encode(asdict(delivery))
    assert {name for name in delivery.refused if not name.startswith(UNSUPPORTED)} <= set(Refusal)
    for block in delivery.apply:
        places = [event["index"] for event in block.events]
        assert places == sorted(places)


@given(documents)
def test_any_json_is_parsed(document: Any) -> None:
    """Nothing raises."""
    check(parse(document, CONTRACTS))


def paths(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside `document`."""
    inner: Any = ()
    if isinstance(document, dict):
        inner = document.items()
    elif isinstance(document, list):
        inner = enumerate(document)
    for key, value in inner:
        yield (*path, key)
        yield from paths(value, (*path, key))


STEPS = ("0-setup", "1-mint-two")
WHOLE = [path.name for step in STEPS for path in sorted(SYNTHETIC.glob(f"*-{step}.json"))]
JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**64,
    "",
    "0x",
    "u1",
    "\ud800",
    [],
    [[]],
    [5],
    {},
    {"a": [1]},
]


@pytest.mark.no_cover  # it would be most of the time, for lines that the tests beside it reach
@pytest.mark.parametrize("name", WHOLE)
def test_any_value_may_be_anything(name: str) -> None:
    """Each in turn is dropped, and replaced by every kind of JSON."""
    delivery = orjson.loads((SYNTHETIC / name).read_bytes())
    for *way, last in list(paths(delivery)):
        parent = delivery
        for key in way:
            parent = parent[key]
        value = parent[last]
        for junk in JUNK:
            parent[last] = junk
            check(parse(delivery, CONTRACTS))
            check(parse(delivery, STRANGERS))
        if isinstance(parent, dict):
            del parent[last]
            check(parse(delivery, CONTRACTS))
        parent[last] = value


@given(
    st.sampled_from(deliveries),
    st.lists(st.tuples(st.integers(0, 10**6), st.none() | documents), min_size=1, max_size=4),
)
def test_damaged_deliveries_are_parsed(delivery: Any, damages: list[tuple[int, Any]]) -> None:
    """With several values dropped, or replaced by something else."""
    damaged = orjson.loads(orjson.dumps(delivery))
    for choice, replacement in damages:
        ways = list(paths(damaged))
        if not ways:
            break
        *way, last = ways[choice % len(ways)]
        parent = damaged
        for key in way:
            parent = parent[key]
        if replacement is None:
            del parent[last]
        else:
            parent[last] = replacement
    check(parse(damaged, CONTRACTS))
