"""Cuts a JSON array that arrives in pieces into its raw items, in constant memory and without copying them.

A cut is only believed when everything before it parses as a whole array: JSON is read left to right, so a
prefix that parses is exactly the items up to there, whatever braces and commas stand inside strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from domain.cards.chunks import Ints

MOST_ITEM_BYTES = 8 * 2**20
# Where an item may end: "},{" nearly always is such a place, any closing brace may be one.
_LIKELY_ENDS = ((b"},{", 4), (b"}", 20))
_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[][{},]', re.DOTALL)
_BLANKS = re.compile(rb"[ \t\r\n]*")
_OPEN, _CLOSE, _COMMA = b"[],"

_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class ExportRejected(Exception):
    """The export is not a complete, well-formed list of products; nothing of it is used."""


@dataclass(frozen=True)
class Items:
    """Consecutive items: raw, together as one JSON array, and where each begins in the whole text, in bytes."""

    raws: list[msgspec.Raw]
    array: memoryview | bytes
    offsets: Ints
    lengths: Ints


class ArraySplitter:
    """`feed` the bytes of one JSON array as they come, then `close`; both return the items completed so far.

    `position` is where the array's bracket stands in the whole text, for the offsets of its items.
    Raises `ExportRejected` when the bytes are not one complete JSON array.
    """

    def __init__(self, position: int = 0) -> None:
        # Begins with what must stand before the next item: "[" at first, then ","; or with the closing "]".
        self._rest = bytearray()
        self._position = position
        self._started = False

    def feed(self, data: bytes) -> Items:
        """Items completed by `data`; the remainder waits for more."""
        self._rest = self._rest + data
        start = self._start()
        if start is None or self._rest[start] == _CLOSE:
            return _items([], b"[]", 0)
        self._rest[start] = _OPEN
        for end in self._ends(start):
            if (items := self._cut(start, end)) is not None:
                return items
        if len(self._rest) > MOST_ITEM_BYTES:
            raise ExportRejected("the export is malformed, or one product of it is larger than 8 MiB")
        self._rest[start] = _COMMA if self._started else _OPEN
        return _items([], b"[]", 0)

    def close(self) -> Items:
        """The last items. Raises when the array is not closed, or anything follows it."""
        start = self._start()
        if start is None:
            raise ExportRejected("the export is not a JSON array")
        first = self._rest[start]
        if first == _CLOSE and not _BLANKS.fullmatch(self._rest, start + 1):
            raise ExportRejected("something follows the export's list of products")
        if first == _CLOSE:
            return _items([], b"[]", 0)
        self._rest[start] = _OPEN
        array = memoryview(self._rest)[start:]
        try:
            raws = _decode_items(array)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ExportRejected("the export is malformed, or ends before its list of products does") from error
        if self._started and not raws:
            raise ExportRejected("the export's list of products ends with a comma")
        return _items(raws, array, self._position + start)

    def _start(self) -> int | None:
        """Index of the bracket or comma that the rest begins with, None while there is only white space."""
        blanks = _BLANKS.match(self._rest)
        start = blanks.end() if blanks else 0
        if start == len(self._rest):
            return None
        expected = (_COMMA, _CLOSE) if self._started else (_OPEN,)
        if self._rest[start] not in expected:
            where = "products are not separated by commas" if self._started else "is not a JSON array"
            raise ExportRejected(f"the export {where}")
        return start

    def _ends(self, start: int) -> Iterator[int]:
        """Positions after what may be an item, likely ones first; the last resort reads every token."""
        for pattern, tries in _LIKELY_ENDS:
            end = len(self._rest) - 1
            for _ in range(tries):
                end = self._rest.rfind(pattern, start, end)
                if end < 0:
                    break
                yield end + 1
        if len(self._rest) > MOST_ITEM_BYTES and (end := _last_comma(self._rest, start)) > 0:
            yield end

    def _cut(self, start: int, end: int) -> Items | None:
        """Take the items of `rest[start:end]` if they are whole; the byte after them becomes the next start."""
        following = self._rest[end]
        self._rest[end] = _CLOSE
        array = memoryview(self._rest)[start : end + 1]
        try:
            raws = _decode_items(array)
        except (msgspec.DecodeError, RecursionError):
            self._rest[end] = following
            return None
        items = _items(raws, array, self._position + start)
        # The items keep the old buffer; only what is left is copied.
        self._rest = bytearray((following,)) + self._rest[end + 1 :]
        self._position += end
        self._started = True
        return items


def _last_comma(text: bytearray, start: int) -> int:
    """Where the last comma between two items of the array at `start` stands, -1 without one."""
    depth, last = 0, -1
    for token in _TOKENS.finditer(text, start):
        kind = text[token.start()]
        depth += (kind in b"[{") - (kind in b"]}")
        if kind == _COMMA and depth == 1:
            last = token.start()
    return last


def _items(raws: list[msgspec.Raw], array: memoryview | bytes, base: int) -> Items:
    lengths = np.fromiter(map(len, raws), dtype=np.int64, count=len(raws))
    starts = 1 + np.cumsum(lengths + 1) - (lengths + 1)
    if int(lengths.sum()) + len(raws) + 1 != len(array) and raws:
        starts = _search(raws, bytes(array))
    return Items(raws, array, base + starts, lengths)


def _search(raws: list[msgspec.Raw], array: bytes) -> Ints:
    """Where items stand that white space separates: only blanks and a comma lie between two of them."""
    starts, position = [], 1
    for raw in raws:
        item = bytes(raw)
        position = array.index(item, position)
        starts.append(position)
        position += len(item)
    return np.array(starts, dtype=np.int64)
