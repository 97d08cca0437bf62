"""Layer 3, numbers: texts become the one canonical text of a decimal number, of any size and never through a float.

Canonical: no exponent, no plus, no leading zero before a digit, no zero at the end of a fraction, no "-0".
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import polars as pl

LONGEST: Final = 400
"""Digits before and behind the point: what a double can reach, and far more than Oracle's NUMBER."""
_CANONICAL: Final = r"^(?:0|-?[1-9][0-9]{0,399}|-?(?:0|[1-9][0-9]{0,199})\.[0-9]{0,199}[1-9])$"
_PARTS: Final = r"^(?P<sign>[+-]?)0*(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*?)0*)?(?P<power>[eE][+-]?[0-9]{1,3})?$"
_HAS_DIGIT: Final = r"^[+-]?\.?[0-9]"
_GROUPED: Final = r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?$"
_DIGITS: Final = r"^[0-9,.\-]*[0-9][0-9,.\-]*$"


def parsed(text: pl.Series) -> pl.Series:
    """Canonical texts; null where there is no number, or none of up to `LONGEST` digits."""
    return _replaced(text, _unusual(text), _rewritten)


def amounts(text: pl.Series, *, decimal_comma: bool) -> pl.Series:
    """The same for texts of a declared number: without currency sign, (5) as -5, commas only between thousands."""
    spelled = text.is_not_null() if decimal_comma else _unusual(text)
    return _replaced(text, spelled, lambda some: parsed(_bare(some, decimal_comma=decimal_comma)))


def inferred(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The predecessor's guess: which texts are nothing but digits, commas, points and dashes, and their numbers."""
    guessed = text.str.contains(_DIGITS).fill_null(value=False)
    return guessed, parsed(_ungrouped(text, guessed))


def _unusual(text: pl.Series) -> pl.Series:
    return ~text.str.contains(_CANONICAL).fill_null(value=True)


def _replaced(text: pl.Series, which: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    text = text.alias("text")
    return text.scatter(which.arg_true(), read(text.filter(which))) if which.any() else text


def _bare(text: pl.Series, *, decimal_comma: bool) -> pl.Series:
    text = text.str.replace_all("[$€£]", "").str.strip_chars()
    text = text.str.replace(r"^\(([^()+-]*)\)$", "-$1").str.replace(r"^([+-])\s+", "$1")
    if decimal_comma:
        text = text.str.replace_many([",", "."], [".", ","])
    return _ungrouped(text, text.str.contains(_GROUPED))


def _ungrouped(text: pl.Series, grouped: pl.Series) -> pl.Series:
    return text.str.replace_all(",", "", literal=True).zip_with(grouped.fill_null(value=False), text)


def _rewritten(text: pl.Series) -> pl.Series:
    parts = text.to_frame().select(pl.col("text"), parts=pl.col("text").str.extract_groups(_PARTS)).unnest("parts")
    frame = parts.select("text", "power", plain=_plain())
    powers = frame["power"].is_not_null() & frame["plain"].is_not_null()
    if powers.any():
        expanded = frame["text"].filter(powers).map_elements(_expanded, return_dtype=pl.String, skip_nulls=True)
        frame = frame.with_columns(plain=frame["plain"].scatter(powers.arg_true(), expanded))
    return frame["plain"]


def _plain() -> pl.Expr:
    """The canonical text of the parts where no power of ten is given."""
    whole, part = pl.col("whole"), pl.col("part").fill_null("")
    number = pl.when(whole == "").then(pl.lit("0")).otherwise(whole)
    fraction = pl.when(part == "").then(pl.lit("")).otherwise(pl.lit(".") + part)
    negative = (pl.col("sign") == "-") & ((whole != "") | (part != ""))
    usable = pl.col("text").str.contains(_HAS_DIGIT) & (whole.str.len_bytes() + part.str.len_bytes() <= LONGEST)
    sign = pl.when(negative).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.when(usable).then(pl.concat_str(sign, number, fraction))


def _expanded(text: str) -> str | None:
    """Only texts with a power of ten come here, one by one: they are rare."""
    number = Decimal(text)
    if abs(number.adjusted()) >= LONGEST or len(number.as_tuple().digits) > LONGEST:
        return None
    plain = format(number, "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if number == 0 else plain
