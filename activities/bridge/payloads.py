"""Rows as they came, between the source, the staging table and the stages: one JSON array, compressed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec
import zstandard

from clients.apismith import SourceUnusable
from clients.lenient_json import objects, text_of
from domain.pipeline.columns import Table, from_columns, from_rows

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


def table(rows: Sequence[msgspec.Raw]) -> Table:
    """Rows as columns. Where all have the fields of the first, which is the rule, no dictionary is made of any.

    Raises:
        SourceUnusable: one of them is no JSON object.
    """
    if not rows:
        return from_rows([])
    whole = join(rows)
    try:
        names = tuple(_row.decode(rows[0]))
        found = _decoder_of(names).decode(whole)
    except (*_UNREADABLE, ValueError):
        return from_rows(decode(whole))
    return from_columns(len(found), {name: list(map(attrgetter(f"f{at}"), found)) for at, name in enumerate(names)})


@lru_cache(maxsize=256)
def _decoder_of(names: tuple[str, ...]) -> msgspec.json.Decoder[list[Any]]:
    """Of rows with these fields, of any type; what a row lacks is `msgspec.UNSET`, what it has besides an error."""
    fields = [(f"f{at}", Any, msgspec.field(default=msgspec.UNSET, name=name)) for at, name in enumerate(names)]
    row = msgspec.defstruct("Row", fields, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(list[row], float_hook=Decimal)  # type: ignore[valid-type]


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
    return b"[%b]" % b",".join(rows)


def value(row: msgspec.Raw, field: str) -> Any:
    """One field of one row; None where it is not there. Raises `SourceUnusable`."""
    try:
        return _row.decode(row).get(field)
    except _UNREADABLE:
        return decode(join([row]))[0].get(field)
