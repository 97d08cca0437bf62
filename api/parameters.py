"""Bounds and kinds of values that come from outside, for the routes of every context."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator

MAX_INT: Final = 2**31 - 1
MAX_BIGINT: Final = 2**63 - 1
_EARLIEST_YEAR: Final = 1970
_LAST_YEAR: Final = 9000


def _instant(value: datetime) -> datetime:
    if not _EARLIEST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError("must lie between the years 1970 and 9000")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def printable(value: str) -> str:
    """The text. Raises `ValueError` when it holds what PostgreSQL or UTF-8 cannot."""
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must not contain half of a surrogate pair")
    return value


Instant = Annotated[datetime, AfterValidator(_instant)]
Text = Annotated[str, AfterValidator(printable)]
