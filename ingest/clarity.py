"""Clarity values on the wire: consensus serialisation (SIP-005) and c32check addresses.

Written here because no kept Python library reads them: the one that was found, pyclarity-values,
has a single release, 0.1.0, and fails on any tuple that holds a principal.

What comes from outside is bounded: a value is at most `MAX_SIZE` bytes and `MAX_DEPTH` deep, and
decoding takes time and memory linear in its bytes.

| Clarity              | Python                                            |
|----------------------|---------------------------------------------------|
| int, uint            | int (encoded as uint, or as int when negative)    |
| bool                 | bool                                              |
| buff                 | bytes                                             |
| string-ascii, -utf8  | str (encoded as ascii where that is possible)     |
| principal            | Principal                                         |
| none, (some x)       | None, Some(x)                                     |
| (ok x), (err x)      | Ok(x), Err(x)                                     |
| list, tuple          | list, dict                                        |
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import takewhile
from typing import TypeAlias

MAX_DEPTH = 32
"""Clarity's own limit of nesting."""
MAX_SIZE = 2 * 1024 * 1024
"""Bytes; the bound that stacks-core sets on a serialised value."""

_HASH_SIZE = 20
_CHECKSUM_SIZE = 4
_ACCOUNT_SIZE = 1 + _HASH_SIZE
_VERSIONS = 32
_NAME_SIZE = 128

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_PYTHON = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_ADDRESS = re.compile(f"S([{_ALPHABET}])([{_ALPHABET}]{{5,40}})")
_CONTRACT_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,127}")


class ClarityError(ValueError):
    """A value, an address or a name that is not well-formed Clarity."""


class Principal(str):
    """An account `S…`, or a contract `S….name`, in c32check."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Some:
    """A present optional."""

    value: "Value"


@dataclass(frozen=True, slots=True)
class Ok:
    """A successful response."""

    value: "Value"


@dataclass(frozen=True, slots=True)
class Err:
    """A failed response."""

    value: "Value"


Value: TypeAlias = (
    "int | bool | bytes | str | Principal | Some | Ok | Err | list[Value] | dict[str, Value] | None"
)

(
    _INT, _UINT, _BUFFER, _TRUE, _FALSE, _STANDARD, _CONTRACT, _OK, _ERR, _NONE, _SOME, _LIST,
    _TUPLE, _ASCII, _UTF8,
) = range(15)  # fmt: skip

_WRAPPERS: dict[int, type[Some] | type[Ok] | type[Err]] = {_SOME: Some, _OK: Ok, _ERR: Err}


def decode_hex(text: str) -> Value:
    """Return the value written in hexadecimal, with or without `0x`; raise `ClarityError`."""
    if len(text) > 2 * MAX_SIZE + 2:
        raise ClarityError("the value is too large")
    try:
        data = bytes.fromhex(text[2:] if text.startswith(("0x", "0X")) else text)
    except ValueError as error:
        raise ClarityError("not hexadecimal") from error
    return decode(data)


def decode(data: bytes) -> Value:
    """Return the one value that `data` holds; raise `ClarityError`."""
    if len(data) > MAX_SIZE:
        raise ClarityError("the value is too large")
    try:
        value, end = _decode(data, 0, MAX_DEPTH)
    except IndexError as error:
        raise ClarityError("the value is cut short") from error
    except UnicodeDecodeError as error:
        raise ClarityError("a string or a name is not in its encoding") from error
    # The readers slice without looking: whoever ran over the end stands behind it now.
    if end != len(data):
        raise ClarityError("the value is cut short" if end > len(data) else "bytes are left over")
    return value


def _decode(data: bytes, at: int, depth: int) -> tuple[Value, int]:  # noqa: PLR0911 one a type
    """Return the value that starts at `at` and where it ends, which may be behind the data."""
    tag = data[at]
    at += 1
    if tag in (_UINT, _INT):
        return int.from_bytes(data[at : at + 16], "big", signed=tag == _INT), at + 16
    if tag in (_ASCII, _UTF8, _BUFFER):
        start, end = _span(data, at)
        if tag == _BUFFER:
            return data[start:end], end
        return data[start:end].decode("ascii" if tag == _ASCII else "utf-8"), end
    if tag == _STANDARD:
        return _account(data[at : at + _ACCOUNT_SIZE]), at + _ACCOUNT_SIZE
    if tag == _CONTRACT:
        name, end = _name(data, at + _ACCOUNT_SIZE)
        return _contract(_account(data[at : at + _ACCOUNT_SIZE]), name), end
    if tag in (_TRUE, _FALSE):
        return tag == _TRUE, at
    if tag == _NONE:
        return None, at
    if not depth:
        raise ClarityError("the value is nested too deeply")
    return _decode_compound(data, at, depth - 1, tag)


def _decode_compound(data: bytes, at: int, depth: int, tag: int) -> tuple[Value, int]:
    if tag == _TUPLE:
        return _decode_tuple(data, at, depth)
    if tag == _LIST:
        items: list[Value] = []
        count, at = int.from_bytes(data[at : at + 4], "big"), at + 4
        for _ in range(count):
            item, at = _decode(data, at, depth)
            items.append(item)
        return items, at
    wrapper = _WRAPPERS.get(tag)
    if wrapper is None:
        raise ClarityError(f"there is no type {tag}")
    inner, at = _decode(data, at, depth)
    return wrapper(inner), at


def _decode_tuple(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    fields: dict[str, Value] = {}
    count, at = int.from_bytes(data[at : at + 4], "big"), at + 4
    for _ in range(count):
        name, at = _name(data, at)
        fields[name], at = _decode(data, at, depth)
    if len(fields) != count:
        raise ClarityError("a tuple names a field twice")
    return fields, at


def _span(data: bytes, at: int) -> tuple[int, int]:
    start = at + 4
    return start, start + int.from_bytes(data[at:start], "big")


def _name(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    return data[at + 1 : end].decode("ascii"), end


@lru_cache(maxsize=16384)
def _account(serialised: bytes) -> Principal:
    """Return the account of a version byte and a hash160."""
    return c32_address(serialised[0], serialised[1:])


def _contract(account: Principal, name: str) -> Principal:
    if not _CONTRACT_NAME.fullmatch(name):
        raise ClarityError("not a contract name")
    return Principal(f"{account}.{name}")


def encode(value: Value) -> bytes:  # noqa: PLR0911 one a type
    """Return the serialisation of `value`; raise `ClarityError` for what Clarity cannot hold."""
    match value:
        case None:
            return bytes([_NONE])
        case bool():
            return bytes([_TRUE if value else _FALSE])
        case int():
            return _encode_integer(value)
        case bytes():
            return bytes([_BUFFER]) + _prefixed(value)
        case Principal():
            return _encode_principal(value)
        case str():
            return bytes([_ASCII if value.isascii() else _UTF8]) + _prefixed(_utf8(value))
        case list():
            return bytes([_LIST]) + _count(len(value)) + b"".join(map(encode, value))
        case dict():
            fields = (_short(name) + encode(value[name]) for name in sorted(value))
            return bytes([_TUPLE]) + _count(len(value)) + b"".join(fields)
        case Some(inner) | Ok(inner) | Err(inner):
            tag = next(tag for tag, wrapper in _WRAPPERS.items() if isinstance(value, wrapper))
            return bytes([tag]) + encode(inner)


def encode_hex(value: Value) -> str:
    """Return the serialisation of `value` in hexadecimal, with `0x`."""
    return "0x" + encode(value).hex()


def _encode_integer(value: int) -> bytes:
    try:
        return bytes([_INT if value < 0 else _UINT]) + value.to_bytes(16, "big", signed=value < 0)
    except OverflowError as error:
        raise ClarityError("the number does not fit into 128 bits") from error


def _encode_principal(principal: Principal) -> bytes:
    account, dot, name = principal.partition(".")
    version, hash160 = c32_decode(account)
    if not dot:
        return bytes([_STANDARD, version]) + hash160
    _contract(Principal(account), name)
    return bytes([_CONTRACT, version]) + hash160 + _short(name)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ClarityError("the string is not Unicode text") from error


def _count(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _prefixed(data: bytes) -> bytes:
    return _count(len(data)) + data


def _short(name: str) -> bytes:
    if not name.isascii() or not 0 < len(name) <= _NAME_SIZE:
        raise ClarityError("not a name")
    return bytes([len(name)]) + name.encode()


def c32_address(version: int, hash160: bytes) -> Principal:
    """Return the c32check address of a version below 32 and a hash of 20 bytes."""
    if not 0 <= version < _VERSIONS or len(hash160) != _HASH_SIZE:
        raise ClarityError("not a version and a hash160")
    checksum = sha256(sha256(bytes([version]) + hash160).digest()).digest()[:_CHECKSUM_SIZE]
    payload = hash160 + checksum
    number = int.from_bytes(payload, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _ALPHABET[digit] + digits
    zeros = sum(1 for _ in takewhile(lambda byte: byte == 0, payload))
    return Principal(f"S{_ALPHABET[version]}{'0' * zeros}{digits}")


def c32_decode(address: str) -> tuple[int, bytes]:
    """Return version and hash160 of a c32check address; raise `ClarityError`.

    Only the canonical spelling counts, so that one account has one name.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ClarityError("not a c32check address")
    number = int(found[2].translate(_TO_PYTHON), 32)
    if number >> 8 * (_HASH_SIZE + _CHECKSUM_SIZE):
        raise ClarityError("not a c32check address")
    version = _ALPHABET.index(found[1])
    hash160 = (number >> 8 * _CHECKSUM_SIZE).to_bytes(_HASH_SIZE, "big")
    if c32_address(version, hash160) != address:
        raise ClarityError("the checksum of the address is wrong")
    return version, hash160


@lru_cache(maxsize=16384)
def principal(text: str) -> str:
    """Return the principal as a plain string, without a leading quote; raise `ClarityError`."""
    account, dot, name = text.removeprefix("'").partition(".")
    c32_decode(account)
    return str(_contract(Principal(account), name)) if dot else account
