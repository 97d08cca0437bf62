"""Bounds and kinds of values that come from outside, for the routes of every context."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler, Strict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

MAX_INT: Final = 2**31 - 1
MAX_BIGINT: Final = 2**63 - 1
MOST_EXACT: Final = 2**53
"""The largest number that every reader of JSON keeps as it is."""
_NUMBER: Final = re.compile(r"\s*[-+]?[0-9]+(\.[0-9]*)?\s*")
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


def _not_a_number(value: object) -> object:
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise ValueError("must be a date and time, as 2026-01-31T12:00:00Z")
    return value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Pattern:
    """Documents the pattern that a check in Python stands for."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self._pattern}


Instant = Annotated[
    datetime, BeforeValidator(_not_a_number), AfterValidator(_instant), _Pattern(r"^(19[7-9][0-9]|[2-8][0-9]{3})-")
]
Text = Annotated[str, AfterValidator(printable), _Pattern(r"^[^\x00]*$")]
WHOLE: Final = BeforeValidator(_whole)
"""JSON has one kind of number, so 3.0 is 3. Goes after the bounds: before them, the schema would not tell them."""
Whole = Annotated[int, Strict(), WHOLE]
Flag = Annotated[bool, Strict()]
