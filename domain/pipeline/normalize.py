"""Stage 2: cells become what their field is declared to be; nothing undeclared is guessed, unless the entity asks.

Layers: coercion by declared type, strings, numbers, date-times. Layer 5, the mapping, is stage 4. A JSON boolean stays
one under a declared text or number, JSON structures stay under a declared text. Never raises: what cannot be read is a
broken cell and a failure of its row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, get_args

import polars as pl

from domain.pipeline import dates, numbers, strings
from domain.pipeline.columns import KIND, TEXT, Column, Kind, Table, filled, has, is_kind, mask, of_kind, present
from domain.pipeline.config import DateType, Entity, NumberType, Source, SourceField, TextType
from domain.pipeline.failures import RowFailure, noted

Parse = Callable[[pl.Series], Column]

_TEXTS: Final = get_args(TextType)
_NUMBERS: Final = get_args(NumberType)
_DATES: Final = get_args(DateType)
_TEMPORAL: Final = (Kind.DATE, Kind.DATETIME)
_SPELLED: Final = (Kind.NUMBER, *_TEMPORAL)
_NONE: Final = frozenset({Kind.ABSENT, Kind.NULL, Kind.BROKEN})
_TEXT_OR_NONE: Final = frozenset({Kind.TEXT, Kind.ABSENT, Kind.NULL})
_BOOLEANS: Final = {
    **dict.fromkeys(("TRUE", "T", "YES", "Y", "1"), "true"),
    **dict.fromkeys(("FALSE", "F", "NO", "N", "0"), "false"),
}


@dataclass(frozen=True, slots=True)
class Normalized:
    """The table with every cell as declared, and the rows of which a cell is broken."""

    table: Table
    failures: list[RowFailure]


def normalize(table: Table, entity: Entity, source: Source) -> Normalized:
    """Fields keep their source names."""
    declared = {field.name: field for field in entity.fields}
    columns = {
        name: normalized(column, declared.get(name), source, infer=entity.infer)
        for name, column in table.columns.items()
    }
    failures = [failure for name, column in columns.items() for failure in _failures(column, name)]
    return Normalized(Table(table.height, columns), failures)


def normalized(column: Column, declared: SourceField | None, source: Source, *, infer: bool = False) -> Column:
    """One field's cells."""
    column = _tidied(column, source)
    if declared is None:
        return _undeclared(column, infer=infer)
    if declared.type in _TEXTS:
        return _as_texts(column)
    if declared.type in _NUMBERS:
        return _converted(
            _numbers(column), (Kind.TEXT,), (Kind.NUMBER, Kind.BOOLEAN), _amounts(declared), "NOT_A_NUMBER"
        )
    if declared.type in _DATES:
        return _converted(column, (Kind.TEXT, *_TEMPORAL), (), _moments(declared, source), "NOT_A_DATE")
    return _converted(_numbers(column), (Kind.TEXT, Kind.NUMBER), (Kind.BOOLEAN,), _booleans, "NOT_A_BOOLEAN")


def _tidied(column: Column, source: Source) -> Column:
    """Texts are clean; blank ones and the source's null tokens are null."""
    kinds = present(column)
    if Kind.TEXT not in kinds:
        return column
    text = column["text"] if kinds <= _TEXT_OR_NONE else mask(column, pl.when(is_kind(Kind.TEXT)).then(TEXT))
    clean = strings.cleaned(text)
    nothing = clean == ""
    for token in source.null_tokens:
        nothing |= clean == token
    if clean is text and not nothing.any():
        return column
    return column.with_columns(clean=clean, nothing=nothing).select(
        pl.when("nothing").then(None).otherwise(pl.coalesce("clean", TEXT)).alias("text"),
        of_kind(Kind.NULL, where=pl.col("nothing"), otherwise=KIND),
    )


def _as_texts(column: Column) -> Column:
    """Numbers and dates become texts as they were written; NaN and infinity are no numbers to be written."""
    if not has(column, *_SPELLED):
        return column
    broken = is_kind(Kind.NUMBER) & TEXT.str.contains("[nN]")
    return column.select(
        pl.when(broken).then(pl.lit("NOT_A_NUMBER")).otherwise(TEXT).alias("text"),
        of_kind(Kind.BROKEN, where=broken, otherwise=of_kind(Kind.TEXT, where=is_kind(*_SPELLED), otherwise=KIND)),
    )


def _undeclared(column: Column, *, infer: bool) -> Column:
    column = _numbers(column)
    if not infer or not has(column, Kind.TEXT):
        return column
    guessed, number = numbers.inferred(mask(column, pl.when(is_kind(Kind.TEXT)).then(TEXT)))
    wrong = guessed & number.is_null()
    # What looked like a number and is none became null: that, too, is what an entity asks for.
    return column.with_columns(guessed=guessed, number=number, wrong=wrong).select(
        pl.when("guessed").then("number").otherwise(TEXT).alias("text"),
        of_kind(
            Kind.NULL, where=pl.col("wrong"), otherwise=of_kind(Kind.NUMBER, where=pl.col("guessed"), otherwise=KIND)
        ),
    )


def _numbers(column: Column) -> Column:
    """JSON's numbers in canonical form."""
    if not has(column, Kind.NUMBER):
        return column
    return _converted(column, (Kind.NUMBER,), tuple(Kind), _read_numbers, "NOT_A_NUMBER")


def _converted(column: Column, of: tuple[Kind, ...], kept: tuple[Kind, ...], parse: Parse, code: str) -> Column:
    """Cells `of` some kinds as `parse` reads them, `kept` kinds as they are; all others are broken."""
    kinds = present(column)
    if kinds <= _NONE:
        return column
    wanted, foreign = is_kind(*of), ~is_kind(*of, *kept, *_NONE)
    alike = kinds <= {*of, Kind.NULL}
    text = column["text"] if alike else mask(column, pl.when(wanted).then(TEXT).alias("text"))
    found = parse(text)
    if alike and found["text"].null_count() == text.null_count():
        return found
    broken = foreign | (wanted & pl.col("found").is_null())
    return column.with_columns(found=found["text"], found_kind=found["kind"]).select(
        pl.when(broken).then(pl.lit(code)).when(wanted).then("found").otherwise(TEXT).alias("text"),
        of_kind(Kind.BROKEN, where=broken, otherwise=pl.when(wanted).then("found_kind").otherwise(KIND)),
    )


def _read_numbers(text: pl.Series) -> Column:
    return filled(numbers.parsed(text), Kind.NUMBER)


def _amounts(declared: SourceField) -> Parse:
    return lambda text: filled(numbers.amounts(text, decimal_comma=declared.decimal_comma), Kind.NUMBER)


def _moments(declared: SourceField, source: Source) -> Parse:
    return lambda text: dates.parsed(text, declared.date_order, source.zones)


def _booleans(text: pl.Series) -> Column:
    known = text.str.to_uppercase().replace_strict(_BOOLEANS, default=None, return_dtype=pl.String)
    return filled(known, Kind.BOOLEAN)


def _failures(column: Column, field: str) -> Iterator[RowFailure]:
    if has(column, Kind.BROKEN):
        broken = is_kind(Kind.BROKEN)
        for code in sorted(column.filter(broken)["text"].unique()):
            yield from noted(mask(column, broken & TEXT.eq(code)), "normalize", code, field)
