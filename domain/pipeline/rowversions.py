"""Rowversions compare as what they are declared to be, never as floats: integers, hex, instants, or plain text."""

from __future__ import annotations

from typing import Final

import polars as pl

from domain.pipeline import dates
from domain.pipeline.columns import TEXT, Kind, is_kind
from domain.pipeline.config import RowversionKind, Zones

_HEX: Final = r"^(?:0[xX])?([0-9a-fA-F]+)$"
_INTEGER: Final = r"^\s*([+-]?[0-9]+)\s*$"
_DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_SECOND: Final = "%Y-%m-%dT%H:%M:%S"
_NANOSECONDS: Final = 1_000_000_000


def order(text: pl.Series, kind: RowversionKind, zones: Zones) -> pl.Series:
    """What rowversions sort by: Int128 (nanoseconds for instants) or String; null where none can be read.

    A timestamp without an offset is of the source's zone, and of UTC if it has none; a day is its midnight.
    """
    match kind:
        case "integer":
            return text.str.extract(_INTEGER).cast(pl.Int128, strict=False)
        case "hex":
            return text.str.extract(_HEX).str.to_integer(base=16, dtype=pl.Int128, strict=False)
        case "timestamp":
            return _nanoseconds(text, Zones(local=zones.local or "UTC", to_utc=True))
    return text


def _nanoseconds(text: pl.Series, zones: Zones) -> pl.Series:
    midnight = text.str.contains(_DAY).fill_null(value=False)
    moments = dates.parsed((text + "T00:00:00").zip_with(midnight, text), "ymd", zones)
    whole = TEXT.str.head(19).str.to_datetime(_SECOND, strict=False, time_unit="us")
    fraction = TEXT.str.extract(r"\.([0-9]+)").fill_null("").str.pad_end(9, "0").cast(pl.Int128)
    since = whole.dt.epoch("s").cast(pl.Int128) * _NANOSECONDS + fraction
    return moments.select(pl.when(is_kind(Kind.DATETIME)).then(since)).to_series()
