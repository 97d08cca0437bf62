"""Where the next incremental fetch starts: at the watermark inclusive, and the watermark is never past a failed row.

Rows that are fetched again for that are dropped by their hash, as unchanged. The mark of each page is noted with the
page's outcome; the watermark moves once, when all pages of the batch are through.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from domain.pipeline import rowversions
from domain.pipeline.config import Rowversion, Zones

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """Of some rows: the highest rowversion of those that did not fail, the lowest of those that did.

    `lost`: a row failed whose rowversion cannot be read; it could be anywhere.
    """

    highest: str | None = None
    lowest_failed: str | None = None
    lost: bool = False


def mark(rowversion: pl.Series, failed: pl.Series, config: Rowversion, zones: Zones) -> Mark:
    """The mark of one page: rowversions as text, and which rows failed."""
    order = rowversions.order(rowversion, config.kind, zones)
    rows = pl.DataFrame([rowversion.alias("text"), order.alias("order"), failed.alias("failed")])
    aged = rows.drop_nulls("order").sort("order", maintain_order=True)
    well, ill = aged.filter(~aged["failed"])["text"], aged.filter("failed")["text"]
    lost = bool((failed & order.is_null()).any())
    return Mark(well[-1] if len(well) else None, ill[0] if len(ill) else None, lost)


def watermark(previous: str | None, marks: Iterable[Mark], config: Rowversion, zones: Zones) -> str | None:
    """Where a batch with these marks leaves it; it goes back to a row that failed, and stays for one that is lost."""
    marks = tuple(marks)
    failed = _by_age([mark.lowest_failed for mark in marks], config, zones)
    reached = failed[:1] or _by_age([previous, *(mark.highest for mark in marks)], config, zones)[-1:]
    if not any(mark.lost for mark in marks):
        return reached[0] if reached else None
    return previous and _by_age([previous, *reached], config, zones)[0]


def together(marks: Iterable[Mark], config: Rowversion, zones: Zones) -> Mark:
    """Of all the rows of several marks."""
    marks = tuple(marks)
    highest = _by_age([mark.highest for mark in marks], config, zones)
    lowest_failed = _by_age([mark.lowest_failed for mark in marks], config, zones)
    lost = any(mark.lost for mark in marks)
    return Mark(highest[-1] if highest else None, lowest_failed[0] if lowest_failed else None, lost)


def capped(
    previous: str | None, reached: str | None, ceiling: str | None, config: Rowversion, zones: Zones
) -> str | None:
    """Not past what was the source's highest when the batch began: a row that changed behind the fetch is met again.

    Where that is not known it stays where it was.
    """
    if ceiling is None or reached is None:
        return previous
    return _by_age([reached, ceiling], config, zones)[0]


def start(watermark: str, config: Rowversion, zones: Zones) -> str:
    """The rowversion from which, inclusive, the next fetch reads: the watermark less the overlap."""
    if not config.overlap or config.kind == "text":
        return watermark
    at = rowversions.order(pl.Series([watermark], dtype=pl.String), config.kind, zones)[0]
    if config.kind == "timestamp":
        moment = _EPOCH + timedelta(microseconds=at // 1000) - timedelta(seconds=config.overlap)
        return moment.isoformat()
    earlier = at - config.overlap
    if config.kind == "integer":
        return str(earlier)
    prefix, digits = ("0x", watermark[2:]) if watermark[:2] in ("0x", "0X") else ("", watermark)
    return f"{prefix}{max(earlier, 0):0{len(digits)}X}"


def _by_age(texts: Sequence[str | None], config: Rowversion, zones: Zones) -> list[str]:
    series = pl.Series("text", [text for text in texts if text is not None], dtype=pl.String)
    order = rowversions.order(series, config.kind, zones).alias("order")
    return pl.DataFrame([series, order]).drop_nulls("order").sort("order", maintain_order=True)["text"].to_list()
