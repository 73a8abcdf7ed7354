"""Reading JSON that comes from outside: fast, strict, and without changing a number."""

import json
import math
import re

import orjson

_BOM = b"\xef\xbb\xbf"
_LONG_DIGITS = 19
"""2^63 has so many; orjson turns integers of more than 64 bits into floats, or refuses them."""
_ALIKE = bytes.maketrans(b"123456789,[- \t\n\r", b"000000000:::::::")
"""Makes any digit a 0, and whatever may stand before a number a colon."""
_LONG_NUMBER = b":" + b"0" * _LONG_DIGITS
_PART = 1024 * 1024
"""Bytes that are searched at once, so that other threads get their turn."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
MAX_DIGITS = 1000
"""Digits of a number; what Clarity can hold has 39."""


def loads(data: bytes | bytearray | str, *, gently: bool = False) -> object:
    """Return the value of a JSON text in UTF-8, with or without a byte order mark.

    Integers keep all their digits. Raises `ValueError` for what is not JSON, NaN and Infinity
    among it, for nesting that is absurd, for numbers of more than `MAX_DIGITS` digits or beyond
    any float, and for half a surrogate pair.

    `gently` is for a large text that is read in a thread: it takes half as long again, and other
    threads run meanwhile. orjson does not let go of the interpreter until it is done.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    # Not `removeprefix`, which copies a bytearray that has no such prefix.
    if raw[: len(_BOM)] == _BOM:
        raw = raw[len(_BOM) :]
    if not gently and not _may_hold_long_number(raw):
        return orjson.loads(raw)
    text = raw.decode()
    try:
        # Other threads run whenever a function of Python is called, and not within the reader.
        value: object = json.loads(
            text,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse,
            object_hook=_same if gently else None,
        )
        if "\\u" in text and _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    return value


def _may_hold_long_number(raw: bytes | bytearray) -> bool:
    """Say whether there is something like an integer above 64 bits.

    A regular expression takes twenty times as long, and lets no other thread run meanwhile.
    """
    if b":" + raw[:_LONG_DIGITS].translate(_ALIKE) == _LONG_NUMBER:
        return True
    return any(
        _LONG_NUMBER in raw[start : start + _PART + _LONG_DIGITS].translate(_ALIKE)
        for start in range(0, len(raw), _PART)
    )


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number beyond any float")
    return value


def _same(value: dict[str, object]) -> dict[str, object]:
    return value


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
