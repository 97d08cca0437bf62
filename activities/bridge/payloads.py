"""Rows as they came, between the source, the staging table and the stages: one JSON array, compressed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import zstandard

from clients.apismith import SourceUnusable
from clients.lenient_json import objects, text_of

_LEVEL: Final = -1
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError)
_rows: Final = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal)
_row: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_raw_rows: Final = msgspec.json.Decoder(list[msgspec.Raw])


def pack(rows: bytes) -> bytes:
    """For the staging table."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(rows)


def unpack(payload: bytes) -> bytes:
    """The JSON array again."""
    return zstandard.ZstdDecompressor().decompress(payload)


def decode(rows: bytes) -> list[dict[str, Any]]:
    """Every row as Python values, fractions exact. Raises `SourceUnusable`."""
    try:
        return _rows.decode(rows)
    except _UNREADABLE:
        return _leniently(rows)


def _leniently(rows: bytes) -> list[dict[str, Any]]:
    """A text that is no Unicode spoils its row, not the page: the stages say which."""
    try:
        found = json.loads(text_of(rows), parse_float=Decimal)
    except ValueError:
        raise SourceUnusable from None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise SourceUnusable
    return found


def split(rows: bytes) -> list[msgspec.Raw]:
    """The text of each row. Raises `SourceUnusable`."""
    try:
        return _raw_rows.decode(rows)
    except _UNREADABLE:
        try:
            return [msgspec.Raw(row) for row in objects(text_of(rows))]
        except ValueError:
            raise SourceUnusable from None


def join(rows: Sequence[msgspec.Raw | bytes]) -> bytes:
    """A JSON array of such texts."""
    return b"[" + b",".join(map(bytes, rows)) + b"]"


def value(row: msgspec.Raw, field: str) -> Any:
    """One field of one row; None where it is not there. Raises `SourceUnusable`."""
    try:
        return _row.decode(row).get(field)
    except _UNREADABLE:
        return decode(join([row]))[0].get(field)
