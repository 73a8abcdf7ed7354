"""Clarity values and addresses: what is well-formed is read exactly, the rest is refused."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.clarity import (
    MAX_DEPTH,
    MAX_SIZE,
    ClarityError,
    Err,
    Ok,
    Principal,
    Some,
    Value,
    c32_address,
    c32_decode,
    decode,
    decode_hex,
    encode,
    encode_hex,
    principal,
)

ZERO_HASH = bytes(20)
DEPLOYER = "ST1PQHQKV0RJXZFY1DGX8MNSNYVE3VGZJSRTPGZGM"
DEPLOYER_HASH = bytes.fromhex("6d78de7b0625dfbfc16c3a8a5735f6dc3dc3f2ce")

accounts = st.builds(c32_address, st.integers(0, 31), st.binary(min_size=20, max_size=20))
names = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
contracts = st.builds(lambda account, name: Principal(f"{account}.{name}"), accounts, names)
scalars: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**127), 2**128 - 1),
    st.binary(max_size=40),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    accounts,
    contracts,
)


def compounds(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    """Return what Clarity makes of other values."""
    return st.one_of(
        st.builds(Some, inner),
        st.builds(Ok, inner),
        st.builds(Err, inner),
        st.lists(inner, max_size=4),
        st.dictionaries(names, inner, max_size=4),
    )


values = st.recursive(scalars, compounds, max_leaves=12)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x0100000000000000000000000000000005", 5),
        ("0x01ffffffffffffffffffffffffffffffff", 2**128 - 1),
        ("0x00ffffffffffffffffffffffffffffffff", -1),
        ("0x0200000002beef", b"\xbe\xef"),
        ("0x03", True),
        ("0x04", False),
        ("0x051a6d78de7b0625dfbfc16c3a8a5735f6dc3dc3f2ce", DEPLOYER),
        ("0x061a" + "00" * 20 + "03626e73", "ST000000000000000000002AMW42H.bns"),
        ("0x0703", Ok(True)),
        ("0x080100000000000000000000000000000258", Err(600)),
        ("0x09", None),
        ("0x0a04", Some(False)),
        ("0x0b000000020304", [True, False]),
        ("0x0c00000001016103", {"a": True}),
        ("0x0d00000003616263", "abc"),
        ("0x0e00000002c3a9", "é"),
    ],
)
def test_every_type_is_read(text: str, value: Value) -> None:
    """The bytes are those of SIP-005."""
    assert decode_hex(text) == value


@pytest.mark.parametrize(
    ("version", "hash160", "address"),
    [
        (26, ZERO_HASH, "ST000000000000000000002AMW42H"),
        (22, ZERO_HASH, "SP000000000000000000002Q6VF78"),
        (26, DEPLOYER_HASH, DEPLOYER),
    ],
)
def test_addresses_that_are_known(version: int, hash160: bytes, address: str) -> None:
    """The boot addresses of both networks, and the deployer of the captures."""
    assert c32_address(version, hash160) == address
    assert c32_decode(address) == (version, hash160)


@given(values)
def test_what_is_encoded_is_decoded(value: Value) -> None:
    """Principals stay principals, and are not mistaken for strings."""
    again = decode_hex(encode_hex(value))
    assert again == value
    assert type(again) is type(value)


@given(st.binary(max_size=200))
@example(b"\x0b\xff\xff\xff\xff")
@example(b"\x0c\xff\xff\xff\xff\x00\x03")
@example(b"\x02\xff\xff\xff\xff")
@example(b"")
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but `ClarityError` comes out."""
    try:
        decode(data)
    except ClarityError:
        return


@given(values, st.integers(0, 10**6), st.integers(0, 255))
def test_damaged_values_are_read_or_refused(value: Value, at: int, byte: int) -> None:
    """The same, one byte away from a good value, where the decoder gets further."""
    data = bytearray(encode(value))
    data[at % len(data)] = byte
    try:
        decode(bytes(data))
    except ClarityError:
        return


@given(values)
def test_a_value_must_be_whole_and_alone(value: Value) -> None:
    """Neither a prefix nor a value with bytes behind it is a value."""
    data = encode(value)
    for other in (data[:-1], data + b"\x00"):
        with pytest.raises(ClarityError):
            decode(other)


def test_nesting_is_bounded() -> None:
    """As deep as Clarity goes, and no deeper, however long the input."""
    assert decode(b"\x0a" * MAX_DEPTH + b"\x09")
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ClarityError, match="nested"):
            decode(b"\x0a" * depth + b"\x09")


def test_size_is_bounded() -> None:
    """A value larger than the chain allows is not even looked at."""
    with pytest.raises(ClarityError, match="large"):
        decode(bytes(MAX_SIZE + 1))
    with pytest.raises(ClarityError, match="large"):
        decode_hex("0x" + "00" * (MAX_SIZE + 2))


@pytest.mark.parametrize(
    "text",
    [
        "0xzz",
        "0x010",
        "0x0é",
        "0x0f",
        "0x0d00000001ff",
        "0x0e00000001ff",
        "0x0c00000002" + "016103" * 2,
        "0x0520" + "00" * 20,
        "0x061a" + "00" * 20 + "00",
        "0x061a" + "00" * 20 + "022d61",
    ],
)
def test_ill_formed_values_are_refused(text: str) -> None:
    """Bad hexadecimal, types, strings, a field named twice, bad principals."""
    with pytest.raises(ClarityError):
        decode_hex(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ST",
        DEPLOYER.lower(),
        DEPLOYER[:-1] + "N",
        DEPLOYER.replace("0", "O"),
        DEPLOYER + "0",
        "SP" + DEPLOYER[2:],
        "ST0" + DEPLOYER[2:],
        "S" + "Z" * 41,
        DEPLOYER + ".",
        DEPLOYER + ".9lives",
        DEPLOYER + ".a.b",
        "''" + DEPLOYER,
    ],
)
def test_ill_formed_principals_are_refused(text: str) -> None:
    """Only the canonical spelling is one, so that an account has one name."""
    with pytest.raises(ClarityError):
        principal(text)


def test_principals_lose_their_quote() -> None:
    """Chainhook 2.0 writes one in front, 1.x does not."""
    assert principal(f"'{DEPLOYER}.badge-issuer") == f"{DEPLOYER}.badge-issuer"
    assert type(principal(Principal(DEPLOYER))) is str


@pytest.mark.parametrize(
    "value", [2**128, -(2**127) - 1, "\ud800", Principal("ST"), {"": 1}, {"é": 1}, {"a" * 129: 1}]
)
def test_what_clarity_cannot_hold_is_not_encoded(value: Any) -> None:
    """The encoder refuses as the decoder does."""
    with pytest.raises(ClarityError):
        encode(value)
