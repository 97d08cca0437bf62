"""Layer 2, strings: blank ends, control characters, line ends and runs of white space, as the predecessor had it."""

from __future__ import annotations

from typing import Final

import polars as pl

_UNTIDY: Final = r"^\s|\s$|[\x00-\x1f\x7f]|\s\s|[^\S ]"
_CONTROLS: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_LINE_END: Final = r"\r\n?"
_WHITE_WITHIN_LINE: Final = r"[^\S\n]+"
_WHITE_ROUND_LINE_END: Final = r" *\n[ \n]*"


def cleaned(text: pl.Series) -> pl.Series:
    """The same texts, tidy; a blank one is empty afterwards."""
    if not text.str.contains(_UNTIDY).any():
        return text
    tidy = text.str.replace_all(_CONTROLS, "").str.replace_all(_LINE_END, "\n")
    tidy = tidy.str.replace_all(_WHITE_WITHIN_LINE, " ").str.replace_all(_WHITE_ROUND_LINE_END, "\n")
    return tidy.str.strip_chars(" \n")
