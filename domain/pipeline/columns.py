"""A page of rows as columns: every cell is a text and the kind of value that the text stands for.

A number is its decimal text and so never a float; an absent field differs from null; and all that the stages do is an
operation on texts. A broken cell's text is the code of what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from itertools import chain
from operator import itemgetter
from typing import Final

import msgspec
import numpy as np
import polars as pl

TEXT: Final = pl.col("text")
KIND: Final = pl.col("kind")
Column = pl.DataFrame
"""Columns `text` (String) and `kind` (UInt8, a `Kind`); the text is null where the kind has none."""


class Kind(IntEnum):
    """What a cell holds; the first three hold no value."""

    ABSENT = 0
    NULL = 1
    BROKEN = 2
    BOOLEAN = 3
    NUMBER = 4
    TEXT = 5
    DATE = 6
    DATETIME = 7
    JSON = 8


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one height, by field; `height` counts the rows also where no field is left."""

    height: int
    columns: Mapping[str, Column]

    def __getitem__(self, field: str) -> Column:
        """The field's column; absent from every row where there is none."""
        found = self.columns.get(field)
        return all_absent(self.height) if found is None else found

    def take(self, rows: pl.Series) -> Table:
        """The rows that a boolean series marks."""
        return Table(int(rows.sum()), {field: column.filter(rows) for field, column in self.columns.items()})


Cell = tuple[str | None, Kind]
_ABSENT: Final = msgspec.UNSET
_NOT_STORABLE: Final[Cell] = ("NOT_STORABLE", Kind.BROKEN)
_ONE_KIND: Final = {str: Kind.TEXT, int: Kind.NUMBER, Decimal: Kind.NUMBER, bool: Kind.BOOLEAN}
_WIDEST_INTEGER: Final = 1_300
_encode_json: Final = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


def from_rows(rows: Sequence[Mapping[str, object]]) -> Table:
    """The page's fields in order of appearance. Rows hold decoded JSON, its fractions as Decimal if they are to be
    exact; other Python values are taken as far as they have a meaning, and never raise."""
    names = dict.fromkeys(chain.from_iterable(rows))
    return from_columns(len(rows), {name: _values(rows, name) for name in names})


def from_columns(height: int, values: Mapping[str, Sequence[object]]) -> Table:
    """The same of values by field, `msgspec.UNSET` where a row has none."""
    return Table(height, {name: column(of_field) for name, of_field in values.items()})


def _values(rows: Sequence[Mapping[str, object]], name: str) -> list[object]:
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name, _ABSENT) for row in rows]


def column(values: Sequence[object]) -> Column:
    """Python values as a column."""
    types = set(map(type, values)) - {type(None)}
    kinds = {_ONE_KIND.get(one) for one in types}
    if len(kinds) == 1 and (kind := kinds.pop()) is not None:
        text = _of_one_kind(values, kind)
        if text is not None:
            return filled(text, kind)
    return cells([_cell(value) for value in values])


def cells(told: Sequence[Cell]) -> Column:
    """A column of single cells."""
    return pl.DataFrame(
        {"text": [text for text, _ in told], "kind": [kind for _, kind in told]},
        schema={"text": pl.String, "kind": pl.UInt8},
    )


def filled(text: pl.Series, kind: Kind) -> Column:
    """Texts of one kind; null where there is no text."""
    return text.alias("text").to_frame().with_columns(kind=of_kind(kind, where=TEXT.is_not_null(), otherwise=Kind.NULL))


def of_kind(kind: Kind, *, where: pl.Expr, otherwise: Kind | pl.Expr) -> pl.Expr:
    """The column `kind`: this one where the condition holds."""
    other = pl.lit(int(otherwise), pl.UInt8) if isinstance(otherwise, Kind) else otherwise
    return pl.when(where).then(pl.lit(int(kind), pl.UInt8)).otherwise(other).alias("kind")


def is_kind(*kinds: Kind) -> pl.Expr:
    """Cells of these kinds."""
    if len(kinds) == 1:
        return KIND.eq(int(kinds[0]))
    return KIND.is_in([int(kind) for kind in kinds])


def present(column: Column) -> frozenset[Kind]:
    """The kinds that the column's cells are of."""
    counts = np.bincount(column["kind"].to_numpy(), minlength=len(Kind))
    return frozenset(Kind(kind) for kind in np.flatnonzero(counts).tolist())


def has(column: Column, *kinds: Kind) -> bool:
    """Whether any cell is of these kinds."""
    return not present(column).isdisjoint(kinds)


def mask(column: Column, condition: pl.Expr) -> pl.Series:
    """A boolean series over the column's cells."""
    return column.select(condition).to_series()


def all_absent(height: int) -> Column:
    """A field that every row lacks."""
    text = pl.Series("text", [None], dtype=pl.String).new_from_index(0, height)
    kind = pl.Series("kind", [int(Kind.ABSENT)], dtype=pl.UInt8).new_from_index(0, height)
    return pl.DataFrame([text, kind])


def _of_one_kind(values: Sequence[object], kind: Kind) -> pl.Series | None:
    """The texts; None when a value is unusual and every cell has to be looked at."""
    try:
        if kind is Kind.TEXT:
            return pl.Series(values, dtype=pl.String)
        if kind is Kind.BOOLEAN:
            return pl.Series(values, dtype=pl.Boolean).cast(pl.String)
        texts = [None if value is None else str(value) for value in values]
    except (UnicodeEncodeError, ValueError):
        return None
    return pl.Series(texts, dtype=pl.String)


def _cell(value: object) -> Cell:
    if value is _ABSENT:
        return None, Kind.ABSENT
    if value is None:
        return None, Kind.NULL
    for type_, tell in _TELLERS.items():
        if isinstance(value, type_):
            return tell(value)
    return _NOT_STORABLE


def _boolean(value: bool) -> Cell:
    return "true" if value else "false", Kind.BOOLEAN


def _integer(value: int) -> Cell:
    return (str(value), Kind.NUMBER) if value.bit_length() <= _WIDEST_INTEGER else ("NOT_A_NUMBER", Kind.BROKEN)


def _fraction(value: float | Decimal) -> Cell:
    return str(value), Kind.NUMBER


def _text(value: str) -> Cell:
    try:
        value.encode()
    except UnicodeEncodeError:
        return "NOT_A_TEXT", Kind.BROKEN
    return value, Kind.TEXT


def _structure(value: object) -> Cell:
    try:
        encoded = _encode_json(value)
        # A Decimal that is no number is written as it is: only reading it again shows that it is no JSON.
        msgspec.json.decode(encoded, type=msgspec.Raw)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return _NOT_STORABLE
    text = encoded.decode()
    # PostgreSQL's jsonb has no NUL character.
    return _NOT_STORABLE if "\\u0000" in text else (text, Kind.JSON)


_TELLERS: Final[dict[type | tuple[type, ...], Callable[..., Cell]]] = {
    # bool before int, datetime before date: each is a subclass of the other.
    bool: _boolean,
    int: _integer,
    (float, Decimal): _fraction,
    str: _text,
    datetime: lambda value: (value.isoformat(), Kind.DATETIME),
    date: lambda value: (value.isoformat(), Kind.DATE),
    (bytes, bytearray): lambda value: (bytes(value).hex(), Kind.TEXT),
    (dict, list, tuple): _structure,
}
