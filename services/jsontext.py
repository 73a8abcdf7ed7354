"""Reading JSON that comes from outside: fast, strict, and without changing a number."""

import json
import re

import orjson

_BOM = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(rb"(?:\A|[:,\[\s])-?[0-9]{19}")
"""What may be an integer that orjson would turn into a floating-point number, or refuse."""
MAX_DIGITS = 1000
"""Digits of a number; what Clarity can hold has 39."""


def loads(data: bytes | str) -> object:
    """Return the value of a JSON text in UTF-8, with or without a byte order mark.

    Integers keep all their digits. Raises `ValueError` for what is not JSON, NaN and Infinity
    among it, for nesting that is absurd and for numbers of more than `MAX_DIGITS` digits.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    raw = raw.removeprefix(_BOM)
    if _LONG_NUMBER.search(raw) is None:
        return orjson.loads(raw)
    try:
        return json.loads(raw.decode(), parse_int=_integer, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
