"""Stage 4: source fields become target fields: defaults for null and absent ones, then transformations of texts.

A transformation changes texts only: a number stays one. A field that a mapping names as target is that mapping's, also
where the source has a field of that name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from domain.pipeline.columns import KIND, TEXT, Column, Kind, Table, column, has, is_kind, mask, of_kind
from domain.pipeline.config import Entity, FieldMapping, Source, SourceField, Transformation
from domain.pipeline.failures import RowFailure, noted
from domain.pipeline.normalize import normalized

_MISSING: Final = (Kind.ABSENT, Kind.NULL)
_TRANSFORMATIONS: Final[dict[Transformation, Callable[[pl.Expr], pl.Expr]]] = {
    "uppercase": lambda text: text.str.to_uppercase(),
    "lowercase": lambda text: text.str.to_lowercase(),
    "trim": lambda text: text.str.strip_chars(),
    "title_case": lambda text: text.str.to_titlecase(),
    "capitalize": lambda text: text.str.head(1).str.to_uppercase() + text.str.slice(1).str.to_lowercase(),
    "strip_whitespace": lambda text: text.str.replace_all(r"\s", ""),
    "remove_special_chars": lambda text: text.str.replace_all(r"[^\p{L}\p{M}\p{N}\s]", ""),
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """The table with target names, and the rows for which a default was needed that is none of the field's."""

    table: Table
    failures: list[RowFailure]


def map_fields(table: Table, entity: Entity, source: Source) -> Mapped:
    """Unmapped fields keep their name, or are left out if the entity says so."""
    declared = {field.name: field for field in entity.fields}
    sources = {mapping.source for mapping in entity.mappings}
    kept = {name: cells for name, cells in table.columns.items() if entity.pass_unmapped and name not in sources}
    failures: list[RowFailure] = []
    for mapping in entity.mappings:
        cells = _with_default(table[mapping.source], mapping, declared.get(mapping.source), source)
        failures += noted(_spoilt(table[mapping.source], cells), "map", "DEFAULT_UNUSABLE", mapping.source)
        kept[mapping.target] = _transformed(cells, mapping.transformation)
    return Mapped(Table(table.height, kept), failures)


def default_cell(mapping: FieldMapping, declared: SourceField | None, source: Source) -> Column:
    """The default as one cell: read as if the source had sent it where a type is declared, else as it is."""
    cell = column([mapping.default])
    return cell if declared is None else normalized(cell, declared, source)


def _with_default(cells: Column, mapping: FieldMapping, declared: SourceField | None, source: Source) -> Column:
    if mapping.default is None or not has(cells, *_MISSING):
        return cells
    text, kind = default_cell(mapping, declared, source).row(0)
    missing = is_kind(*_MISSING)
    return cells.select(
        pl.when(missing).then(pl.lit(text, pl.String)).otherwise(TEXT).alias("text"),
        of_kind(Kind(kind), where=missing, otherwise=KIND),
    )


def _spoilt(before: Column, after: Column) -> pl.Series:
    broken = is_kind(Kind.BROKEN)
    return mask(after, broken) & ~mask(before, broken)


def _transformed(cells: Column, transformation: Transformation) -> Column:
    if transformation == "none" or not has(cells, Kind.TEXT):
        return cells
    texts = is_kind(Kind.TEXT)
    changed = cells.with_columns(pl.when(texts).then(_TRANSFORMATIONS[transformation](TEXT)).otherwise(TEXT))
    emptied = texts & TEXT.eq("")
    return changed.select(
        pl.when(emptied).then(None).otherwise(TEXT).alias("text"),
        of_kind(Kind.NULL, where=emptied, otherwise=KIND),
    )
