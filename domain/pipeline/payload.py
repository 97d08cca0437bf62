"""Rows as JSON again: what ScheduleHub is told, and what a dead letter keeps of a row."""

from __future__ import annotations

from typing import Final

import msgspec
import polars as pl

from domain.pipeline.columns import TEXT, Column, Kind, Table, filled, is_kind
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
_AS_TEXT: Final = is_kind(Kind.TEXT, Kind.DATE, Kind.DATETIME)
_NOTHING: Final = is_kind(Kind.NULL, Kind.BROKEN)


def json_rows(table: Table) -> pl.Series:
    """One JSON object per row; absent fields are not in it, broken cells are null."""
    members = [_member(name, column) for name, column in table.columns.items()]
    rows = pl.Series("row", range(table.height), dtype=pl.UInt32)
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
    prefix = pl.lit(f"{msgspec.json.encode(name).decode()}:")
    quoted = pl.lit('"') + TEXT.str.replace_many(_ESCAPES) + pl.lit('"')
    value = pl.when(_AS_TEXT).then(quoted).when(_NOTHING).then(pl.lit("null")).otherwise(TEXT)
    return column.select((prefix + value).alias(f"member {name}")).to_series()


def _reference(table: Table, entity: Entity) -> pl.Series:
    """`k=v|k=v` in the order of the configuration, for a person to read."""
    parts = [pl.lit(f"{field}=") + pl.col(field).fill_null("") for field in entity.key]
    texts = pl.DataFrame([table[field]["text"].alias(field) for field in entity.key])
    return texts.select(pl.concat_str(parts, separator="|").alias("reference")).to_series()
