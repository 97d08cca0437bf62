"""Rows as JSON again: what ScheduleHub is told, and what a dead letter keeps of a row."""

from __future__ import annotations

from typing import Final

import msgspec
import polars as pl

from domain.pipeline.columns import KIND, TEXT, Column, Kind, Table, filled, has, present
from domain.pipeline.config import Entity
from domain.pipeline.identity import Identified

_ESCAPES: Final = {
    **{chr(code): f"\\u{code:04x}" for code in range(0x20)},
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_SPECIAL: Final = r'[\x00-\x1f"\\]'
_TEXTS: Final = frozenset({Kind.TEXT, Kind.DATE, Kind.DATETIME})
_NOTHING: Final = frozenset({Kind.NULL, Kind.BROKEN})


def json_rows(table: Table) -> pl.Series:
    """One JSON object per row; absent fields are not in it, broken cells are null."""
    rows = pl.Series("row", range(table.height), dtype=pl.UInt32)
    if not table.columns or any(has(column, Kind.ABSENT) for column in table.columns.values()):
        return _with_gaps(table, rows)
    columns, parts, before = [rows], list[pl.Expr](), "{"
    for number, (name, column) in enumerate(table.columns.items()):
        columns += [column["text"].alias(f"t{number}"), column["kind"].alias(f"k{number}")]
        told, after = _value(column, pl.col(f"t{number}"), pl.col(f"k{number}"))
        parts += [pl.lit(f"{before}{_label(name)}{after}"), told]
        before = f"{after},"
    parts.append(pl.lit(f"{before[:-1]}}}"))
    return pl.DataFrame(columns).with_columns(pl.concat_str(parts).alias("json"))["json"]


def _with_gaps(table: Table, rows: pl.Series) -> pl.Series:
    members = [_member(name, column) for name, column in table.columns.items()]
    names = [member.name for member in members]
    inside = pl.concat_str(names, separator=",", ignore_nulls=True) if names else pl.lit("")
    return pl.DataFrame([rows, *members]).with_columns((pl.lit("{") + inside + pl.lit("}")).alias("json"))["json"]


def payloads(table: Table, rows: Identified, entity: Entity, which: pl.Series) -> pl.Series:
    """The marked rows as ScheduleHub is told of them, in their order."""
    return json_rows(delivered(table, rows, entity).take(which))


def delivered(table: Table, rows: Identified, entity: Entity) -> Table:
    """Mapped rows with the fields that ScheduleHub keeps of their identity."""
    added = {
        "erp_key_hash": filled(rows.key.bin.encode("hex"), Kind.TEXT),
        "erp_data_hash": filled(rows.data.bin.encode("hex"), Kind.TEXT),
        "erp_rowversion": filled(rows.rowversion, Kind.TEXT),
        "erp_ref_str": filled(_reference(table, entity), Kind.TEXT),
    }
    if rows.parents:
        hexed = {ref: filled(key.bin.encode("hex"), Kind.TEXT) for ref, key in rows.parents.items()}
        added["parent_refs"] = filled(json_rows(Table(table.height, hexed)), Kind.JSON)
    return Table(table.height, {**table.columns, **added})


def _member(name: str, column: Column) -> pl.Series:
    """`"name":value` per row; null where the field is absent."""
    value, quote = _value(column, TEXT, KIND)
    told = pl.concat_str(pl.lit(f"{_label(name)}{quote}"), value, pl.lit(quote))
    absent = pl.when(KIND.ne(int(Kind.ABSENT))).then(told)
    return column.select(absent.alias(f"member {name}")).to_series()


def _label(name: str) -> str:
    return f"{msgspec.json.encode(name).decode()}:"


def _value(column: Column, text: pl.Expr, kind: pl.Expr) -> tuple[pl.Expr, str]:
    """The value of each cell, and what stands on both sides of it in every row."""
    kinds = present(column)
    if not kinds.isdisjoint(_TEXTS) and column["text"].str.contains(_SPECIAL).any():
        # A look costs a twentieth of this, and few texts need it.
        escaped = text.str.replace_many(_ESCAPES)
        text = pl.when(_one_of(kind, _TEXTS)).then(escaped).otherwise(text)
    if kinds <= _TEXTS:
        return text, '"'
    quoted = pl.concat_str(pl.lit('"'), text, pl.lit('"'))
    told = pl.when(_one_of(kind, _NOTHING)).then(pl.lit("null")).otherwise(text)
    return pl.when(_one_of(kind, _TEXTS)).then(quoted).otherwise(told), ""


def _one_of(kind: pl.Expr, kinds: frozenset[Kind]) -> pl.Expr:
    return kind.is_in([int(one) for one in sorted(kinds)])


def _reference(table: Table, entity: Entity) -> pl.Series:
    """`k=v|k=v` in the order of the configuration, for a person to read."""
    parts = [pl.lit(f"{field}=") + pl.col(field).fill_null("") for field in entity.key]
    texts = pl.DataFrame([table[field]["text"].alias(field) for field in entity.key])
    return texts.select(pl.concat_str(parts, separator="|").alias("reference")).to_series()
