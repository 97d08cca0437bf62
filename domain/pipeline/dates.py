"""Layer 4, date-times: declared dates become ISO 8601, in the one order of their field and the zone of their source.

A part that is not there is not made up: "10:30" is no date, a date without a time stays a date. Only missing seconds
are read as zero.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from domain.pipeline.columns import TEXT, Column, Kind, filled
from domain.pipeline.config import DateOrder, Zones

_ISO_DATE: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_ISO_DATE_TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]$"
_SPACE: Final = r"^(.{10}) "
_AS_WRITTEN: Final = Zones()
_DATE: Final = "%Y-%m-%d"
_DATE_TIME: Final = "%Y-%m-%dT%H:%M:%S"
_TIME: Final = (
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-5][0-9])(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r" ?(?P<offset>[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?$"
)
_YEAR_FIRST: Final = (
    r"^(?P<year>[0-9]{4})(?:-(?P<a1>[0-9]{1,2})-(?P<b1>[0-9]{1,2})|/(?P<a2>[0-9]{1,2})/(?P<b2>[0-9]{1,2})"
    r"|\.(?P<a3>[0-9]{1,2})\.(?P<b3>[0-9]{1,2})|(?P<a4>[0-9]{2})(?P<b4>[0-9]{2}))"
)
_YEAR_LAST: Final = (
    r"^(?:(?P<a1>[0-9]{1,2})-(?P<b1>[0-9]{1,2})-|(?P<a2>[0-9]{1,2})/(?P<b2>[0-9]{1,2})/"
    r"|(?P<a3>[0-9]{1,2})\.(?P<b3>[0-9]{1,2})\.)(?P<year>[0-9]{4})"
)
_FIRST_DAY: Final = "0001-01-01"


def parsed(text: pl.Series, order: DateOrder, zones: Zones) -> Column:
    """A column of dates, date-times and broken cells; null texts stay null. Year-first texts are read in any order."""
    if _written_alike(text, _ISO_DATE, _DATE):
        return filled(text, Kind.DATE)
    if zones == _AS_WRITTEN:
        # With a space, as Oracle's clients write them, too: to take a column apart costs ten times as much.
        joined = text.str.replace(_SPACE, "${1}T")
        if _written_alike(joined, _ISO_DATE_TIME, _DATE_TIME):
            return filled(joined, Kind.DATETIME)
    parts = _parts(text, order)
    return _zoned(_written(parts), zones)


def _written_alike(text: pl.Series, pattern: str, form: str) -> bool:
    """Whether all are as they are to be: then nothing is left to do."""
    if not text.str.contains(pattern).all() or not (text >= _FIRST_DAY).all():
        return False
    return text.str.to_datetime(form, strict=False, time_unit="us").null_count() == text.null_count()


def _parts(text: pl.Series, order: DateOrder) -> pl.DataFrame:
    """Columns text, date, time, fraction, offset; all null but the text where there is no date."""
    frame = text.alias("text").to_frame()
    year_first = _groups(frame, _YEAR_FIRST, "a", "b")
    if order == "ymd":
        return year_first
    year_last = _groups(frame, _YEAR_LAST, *("ba" if order == "dmy" else "ab"))
    first = year_first["date"].is_not_null()
    return pl.DataFrame([year_first[name].zip_with(first, year_last[name]) for name in year_first.columns])


def _groups(frame: pl.DataFrame, pattern: str, month: str, day: str) -> pl.DataFrame:
    found = frame.select(TEXT, found=TEXT.str.extract_groups(pattern + _TIME)).unnest("found")
    alternatives = [name[1] for name in found.columns if name[0] == "a" and len(name) == 2]
    two_digits = [pl.coalesce(f"{part}{i}" for i in alternatives).str.zfill(2) for part in (month, day)]
    time = pl.concat_str(pl.col("hour").str.zfill(2), "minute", pl.col("second").fill_null("00"), separator=":")
    return found.select(
        "text",
        pl.concat_str("year", *two_digits, separator="-").alias("date"),
        time.alias("time"),
        "fraction",
        "offset",
    )


def _written(parts: pl.DataFrame) -> pl.DataFrame:
    """Columns text, moment (a local Datetime, null where there is none), dated (no time is given), tail, offset."""
    dated = pl.col("time").is_null()
    at = pl.concat_str("date", pl.col("time").fill_null("00:00:00"), separator="T")
    fraction = pl.col("fraction").str.strip_chars_end("0")
    tail = pl.when(fraction.str.len_bytes() > 0).then(pl.lit(".") + fraction.str.pad_end(6, "0")).otherwise(pl.lit(""))
    offset = pl.col("offset").str.to_uppercase().str.replace("Z", "+00:00", literal=True)
    offset = offset.str.replace(r"^([+-]..):?$", "$1:00").str.replace(r"^([+-]..)(..)$", "$1:$2")
    moment = pl.when(pl.col("date") >= _FIRST_DAY).then(at).str.to_datetime(_DATE_TIME, strict=False, time_unit="us")
    return parts.select("text", moment.alias("moment"), dated.alias("dated"), tail.fill_null("").alias("tail"), offset)


def _zoned(written: pl.DataFrame, zones: Zones) -> Column:
    if zones.local is not None:
        written = written.with_columns(offset=pl.coalesce("offset", _local_offset(zones.local)))
    if zones.to_utc:
        written = written.with_columns(_moment_in_utc(), offset=pl.col("offset").str.replace(".+", "+00:00"))
    fault, dated = _fault(zones), pl.col("dated")
    moment = pl.col("moment").dt.strftime(_DATE_TIME) + pl.col("tail") + pl.col("offset").fill_null("")
    return written.select(
        pl.coalesce(fault, pl.when(dated).then(pl.col("moment").dt.strftime(_DATE)).otherwise(moment)).alias("text"),
        pl.when(fault.is_not_null())
        .then(pl.lit(int(Kind.BROKEN)))
        .otherwise(pl.when(dated).then(pl.lit(int(Kind.DATE))).otherwise(pl.lit(int(Kind.DATETIME))))
        .cast(pl.UInt8)
        .alias("kind"),
    )


def _local_offset(zone: str) -> pl.Expr:
    """Of two readings of a repeated hour the later is taken, as Oracle does; a skipped hour has none."""
    local = pl.col("moment").dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    return pl.when(~pl.col("dated")).then(local.dt.strftime("%:z"))


def _moment_in_utc() -> pl.Expr:
    offset = pl.col("offset")
    minutes = offset.str.slice(1, 2).cast(pl.Int64) * 60 + offset.str.slice(4, 2).cast(pl.Int64)
    east = pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes).fill_null(0)
    return (pl.col("moment") - pl.duration(minutes=east)).alias("moment")


def _fault(zones: Zones) -> pl.Expr:
    """The code of what is wrong; null where nothing is."""
    readable = pl.col("moment").is_between(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59))
    fault = pl.when(readable.fill_null(value=False).not_()).then(pl.lit("NOT_A_DATE"))
    if zones.local is None and not zones.to_utc:
        return fault
    unknown = "ZONE_UNKNOWN" if zones.local is None else "NO_SUCH_LOCAL_TIME"
    return pl.coalesce(fault, pl.when(pl.col("offset").is_null() & ~pl.col("dated")).then(pl.lit(unknown)))
