"""Hash scheme v2: a canonical text that no two different rows share, so that only equal rows have equal hashes.

    row     = field*             in the order of the names
    field   = length ":" name tag [length ":" text]      lengths in UTF-8 bytes

The tag says of what kind the value is; null has a tag and no text, an absent field is not there at all. Every part
ends where its length says, so the text can be read back: that makes it unambiguous.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from domain.pipeline.columns import Column, Kind, Table, present

_TAGS: Final = {
    Kind.BOOLEAN: "b",
    Kind.NUMBER: "d",
    Kind.TEXT: "s",
    Kind.DATE: "D",
    Kind.DATETIME: "T",
    Kind.JSON: "j",
}


def netstring(text: str) -> str:
    """A text that says how long it is."""
    return f"{len(text.encode())}:{text}"


def canonical(table: Table, fields: Mapping[str, str], prefix: str = "") -> pl.Series:
    """One text per row: of the table's fields (keys), each under a name (values). Broken cells read as absent."""
    columns: list[pl.Series] = []
    parts: list[pl.Expr] = [pl.lit(prefix)]
    for number, (field, name) in enumerate(sorted(fields.items(), key=lambda item: item[1])):
        column = table[field]
        columns += [column["text"].alias(f"t{number}"), column["kind"].alias(f"k{number}")]
        parts += _parts(column, number, netstring(name))
    rows = pl.Series("row", range(table.height), dtype=pl.UInt32)
    return pl.DataFrame([rows, *columns]).with_columns(pl.concat_str(parts).alias("canonical"))["canonical"]


def _parts(column: Column, number: int, name: str) -> list[pl.Expr]:
    text, kind, kinds = pl.col(f"t{number}"), pl.col(f"k{number}"), present(column)
    length, colon = text.str.len_bytes().cast(pl.String), pl.lit(":")
    if len(kinds) == 1 and (tag := _TAGS.get(next(iter(kinds)))):
        return [pl.lit(f"{name}{tag}"), length, colon, text]
    part: pl.Expr = pl.lit("")
    for one in kinds:
        if one is Kind.NULL:
            part = pl.when(kind == int(one)).then(pl.lit(f"{name}n")).otherwise(part)
        elif tag := _TAGS.get(one):
            value = pl.concat_str(pl.lit(f"{name}{tag}"), length, colon, text)
            part = pl.when(kind == int(one)).then(value).otherwise(part)
    return [part]
