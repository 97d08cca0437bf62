"""Where a fetch goes on: by key, never by page number, so rows that come or go between two calls move no other row.

A key of one field: what is greater than the last one met. A key of several fields is walked like a tree: groups that
are whole are taken, the last group of a page is begun again, and one that fills a page by itself is walked by its next
field. A source needs `=`, `>`, `>=` and the order by one field for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from domain.pipeline.config import Value

Operator = Literal["=", ">", ">="]


class Cursor(Value, frozen=True):
    """Rows whose first key fields are `equal` to these, and whose next one is past `at`; if `inclusive`, also at it."""

    equal: tuple[Any, ...] = ()
    at: Any = None
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition, all of which must hold."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Turn:
    """Of the rows that came, how many are taken now, and where to go on; None when there is nothing more."""

    taken: int
    next: Cursor | None


class KeyMissing(ValueError):
    """A page ends with a row without key: what comes after it cannot be asked for."""


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_decode: Final = msgspec.json.Decoder(Cursor, float_hook=Decimal).decode


def as_json(cursor: Cursor) -> str:
    """To keep it; numbers keep every digit."""
    return _encode(cursor).decode()


def of_json(text: str | None) -> Cursor:
    """From the beginning, where there is none."""
    return Cursor() if text is None else _decode(text)


def sorted_by(cursor: Cursor, key: tuple[str, ...]) -> str:
    """The one field that the rows are to come in the order of."""
    return key[len(cursor.equal)]


def filters(cursor: Cursor, key: tuple[str, ...]) -> list[Filter]:
    """What to ask for; `key` are the source's fields."""
    told = [Filter(field, "=", value) for field, value in zip(key, cursor.equal, strict=False)]
    if cursor.at is not None:
        told.append(Filter(sorted_by(cursor, key), ">=" if cursor.inclusive else ">", cursor.at))
    return told


def turn(cursor: Cursor, key: tuple[str, ...], rows: int, value: Callable[[int], Any], *, more: bool) -> Turn:
    """What to do with the `rows` that came; `value` is that of the field they are sorted by, by row.

    Raises:
        KeyMissing: more are to come after a row that has no value.
    """
    if not rows or not more:
        return Turn(rows, Cursor(cursor.equal[:-1], cursor.equal[-1]) if cursor.equal else None)
    last = value(rows - 1)
    if last is None:
        raise KeyMissing
    if len(cursor.equal) == len(key) - 1:
        return Turn(rows, Cursor(cursor.equal, last))
    whole = rows - 1
    while whole and value(whole - 1) == last:
        whole -= 1
    # Inclusive: whether "a" and "A" are one group is for the source to say.
    return Turn(whole, Cursor(cursor.equal, last, inclusive=True) if whole else Cursor((*cursor.equal, last)))
