"""Rows that failed: in which stage, by which code, and the sentence that a person reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

Stage = Literal["normalize", "validate", "map", "identity"]

SENTENCES: Final = {
    "NOT_A_NUMBER": "{field} should be a number and is none, or none that can be kept exactly.",
    "NOT_A_DATE": "{field} is declared a date and holds none in the order that its field has.",
    "ZONE_UNKNOWN": "{field} has no offset, and its source system has no zone to read it in.",
    "NO_SUCH_LOCAL_TIME": "{field} names a time that the clocks of its zone skipped.",
    "NOT_A_BOOLEAN": "{field} is declared a boolean and holds neither yes nor no.",
    "NOT_A_TEXT": "{field} holds a text that is not valid Unicode.",
    "NOT_STORABLE": "{field} holds a value of a kind that cannot be delivered.",
    "REQUIRED": "{field} is required and has no value.",
    "EMPTY": "{field} must not be empty.",
    "PATTERN": "{field} does not match its pattern.",
    "BELOW_MINIMUM": "{field} is below its minimum, or is no number.",
    "ABOVE_MAXIMUM": "{field} is above its maximum, or is no number.",
    "NOT_ALLOWED": "{field} has a value that is not in its list.",
    "LENGTH": "{field} is too short or too long.",
    "REPEATED": "{field} has a value that an earlier row of the batch has.",
    "DEFAULT_UNUSABLE": "The default of {field} is not of the field's type.",
    "KEY_MISSING": "{field} is part of the key and has no value.",
    "ROWVERSION_UNREADABLE": "{field} is the rowversion and is not of its declared kind.",
}


@dataclass(frozen=True, slots=True)
class RowFailure:
    """The first thing that is wrong with a row; `row` is its position in the page."""

    row: int
    stage: Stage
    code: str
    field: str

    @property
    def sentence(self) -> str:
        """What a person reads; it never shows the value."""
        return SENTENCES[self.code].format(field=f'"{self.field}"')


def noted(mask: pl.Series, stage: Stage, code: str, field: str) -> list[RowFailure]:
    """One failure for each row that a boolean column marks."""
    return [RowFailure(row, stage, code, field) for row in mask.arg_true()] if mask.any() else []


def first_of_each_row(failures: Iterable[RowFailure]) -> tuple[RowFailure, ...]:
    """In the order of the rows; of several failures of one row the first that was met stands."""
    by_row: dict[int, RowFailure] = {}
    for failure in failures:
        by_row.setdefault(failure.row, failure)
    return tuple(by_row[row] for row in sorted(by_row))
