"""Pages of long lists: Relay's arguments and cursors, over what is sorted in memory.

A place in a list is a pair of integers by which it ascends. A cursor tells such a pair and the
list, so it stays where it is when entries come and go, and is refused by any other list.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.errors import AnalyticsError

MAX_PAGE = 100
DEFAULT_PAGE = 20
_PLACE = struct.Struct(">Iqq")


@dataclass(frozen=True, kw_only=True)
class PageInfo:
    """Where a page lies in its connection."""

    has_next_page: bool
    """Whether entries follow the last one of this page."""
    has_previous_page: bool
    """Whether entries precede the first one of this page."""
    start_cursor: str | None
    """The cursor of the first entry; null on an empty page."""
    end_cursor: str | None
    """The cursor of the last entry; null on an empty page."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Which part of a connection is asked for: the first n after, or the last n before, a place."""

    size: int
    backward: bool
    cursor: str | None
    """The cursor beside which the page lies."""

    @classmethod
    def of(
        cls, first: int | None, after: str | None, last: int | None, before: str | None
    ) -> "Page":
        """Check the arguments of a connection. Raises `AnalyticsError` with code BAD_PAGE."""
        if first is not None and last is not None:
            raise bad_page("Ask for the first or the last entries, not both.")
        if (first is not None and before) or (last is not None and after) or (after and before):
            raise bad_page("Ask for `first` with `after`, or for `last` with `before`.")
        backward = last is not None or (first is None and before is not None)
        size = last if last is not None else DEFAULT_PAGE if first is None else first
        if not 1 <= size <= MAX_PAGE:
            raise bad_page(
                f"A page has 1 to {MAX_PAGE} entries.",
                limit="first" if last is None else "last",
                minimum=1,
                maximum=MAX_PAGE,
            )
        return cls(size=size, backward=backward, cursor=(before if backward else after) or None)


def bad_page(message: str, **details: object) -> AnalyticsError:
    """Return the refusal of a page."""
    return AnalyticsError("BAD_PAGE", message, **details)


@dataclass(frozen=True)
class Cut:
    """A page that was cut out of a list: the places of its entries, with their cursors."""

    places: list[int]
    cursors: list[str]
    info: PageInfo


def cut(page: Page, of: Enum, keys: NDArray[np.int64], numbers: NDArray[np.int64]) -> Cut:
    """Return a page of the list that ascends by `keys`, ties by `numbers`; all of equal length.

    The places are indexes of the two; `of` is the order, which tells the list from others. Raises
    `AnalyticsError` with code BAD_PAGE.
    """
    tag = zlib.crc32(repr(of).encode())
    order = np.lexsort((numbers, keys))
    low, high = 0, len(order)
    if page.cursor is not None:
        key, number = _place(page.cursor, tag)
        ordered = keys[order]
        same = slice(np.searchsorted(ordered, key), np.searchsorted(ordered, key, side="right"))
        ties = numbers[order][same]
        if page.backward:
            high = int(same.start + np.searchsorted(ties, number))
        else:
            low = int(same.start + np.searchsorted(ties, number, side="right"))
    start = max(low, high - page.size) if page.backward else low
    end = high if page.backward else min(high, low + page.size)
    places = order[start:end].tolist()
    cursors = [_cursor(tag, int(keys[place]), int(numbers[place])) for place in places]
    info = PageInfo(
        has_next_page=end < len(order),
        has_previous_page=start > 0,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )
    return Cut(places, cursors, info)


def _cursor(tag: int, key: int, number: int) -> str:
    return base64.urlsafe_b64encode(_PLACE.pack(tag, key, number)).decode().rstrip("=")


def _place(cursor: str, tag: int) -> tuple[int, int]:
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        of, key, number = _PLACE.unpack(data)
    except (ValueError, binascii.Error, struct.error) as error:
        raise bad_page(_NO_CURSOR) from error
    if of != tag:
        raise bad_page(_NO_CURSOR)
    return key, number


_NO_CURSOR = "This is no cursor of this connection in this order."


def found(
    page: Page, rows: list[dict[str, Any]], cursor_of: Callable[[dict[str, Any]], str]
) -> tuple[list[tuple[str, dict[str, Any]]], PageInfo]:
    """Return a page that was read from the database, each row with its cursor.

    The rows were read from the place of the page on, in its direction, one more than its size.
    """
    more, rows = len(rows) > page.size, rows[: page.size]
    if page.backward:
        rows = rows[::-1]
    edges = [(cursor_of(row), row) for row in rows]
    began = page.cursor is not None
    info = PageInfo(
        has_next_page=began if page.backward else more,
        has_previous_page=more if page.backward else began,
        start_cursor=edges[0][0] if edges else None,
        end_cursor=edges[-1][0] if edges else None,
    )
    return edges, info
