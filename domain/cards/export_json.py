"""Cuts a JSON array that arrives in pieces into its raw items, in constant memory.

A cut is only believed when everything before it parses as a whole array: JSON is read left to right, so a
prefix that parses is exactly the items up to there, whatever braces and commas stand inside strings.
"""

from __future__ import annotations

import msgspec

WHITESPACE = b" \t\r\n"
MOST_ITEM_BYTES = 8 * 2**20
_CANDIDATES = 24

_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class ExportRejected(Exception):
    """The export is not a complete, well-formed list of products; nothing of it is used."""


class ArraySplitter:
    """`feed` the bytes of one JSON array as they come, then `close`; both return the items completed so far.

    Raises `ExportRejected` when the bytes are not one complete JSON array.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._opened = False
        self._items = 0

    def feed(self, data: bytes) -> list[msgspec.Raw]:
        """Items completed by `data`; the remainder waits for more."""
        self._rest = self._rest + data if self._rest else data
        if not self._open():
            return []
        return self._take_complete()

    def close(self) -> list[msgspec.Raw]:
        """The last items. Raises when the array is not closed, or anything follows it."""
        if not self._open():
            raise ExportRejected("the export is not a JSON array")
        try:
            items = _decode_items(b"[" + self._after_comma())
        except msgspec.DecodeError as error:
            raise ExportRejected("the export ends before its list of products does") from error
        self._items += len(items)
        self._rest = b""
        return items

    def _open(self) -> bool:
        if self._opened:
            return True
        start = self._rest.lstrip(WHITESPACE)
        if not start:
            return False
        if start[:1] != b"[":
            raise ExportRejected("the export is not a JSON array")
        self._rest, self._opened = start[1:], True
        return True

    def _after_comma(self) -> bytes:
        """What follows the comma that must separate the items taken so far from the next one."""
        rest = self._rest.lstrip(WHITESPACE)
        if not self._items or rest[:1] == b"]":
            return rest
        if rest[:1] != b"," or rest[1:].lstrip(WHITESPACE)[:1] == b"]":
            raise ExportRejected("the export's products are not separated by single commas")
        return rest[1:]

    def _take_complete(self) -> list[msgspec.Raw]:
        if not self._rest.lstrip(WHITESPACE):
            return []
        body = self._after_comma()
        end = len(body)
        for attempt in range(_CANDIDATES):
            # "},{" is nearly always the end of an item; later attempts accept any closing brace.
            end = body.rfind(b"},{" if attempt < 4 else b"}", 0, end)
            if end < 0:
                break
            try:
                items = _decode_items(b"[" + body[: end + 1] + b"]")
            except msgspec.DecodeError:
                continue
            self._items += len(items)
            self._rest = body[end + 1 :]
            return items
        if len(self._rest) > MOST_ITEM_BYTES:
            raise ExportRejected("the export is malformed, or one product of it is larger than 8 MiB")
        return []
