"""Hash scheme v1: the predecessor's canonical texts, for targets that already hold its hashes. Row by row.

Ambiguous ("a=1|b" is also field b), with null as if absent, and with the rowversion in the data hash: kept as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from domain.pipeline.columns import Column, Kind, Table

NOT_HASHED: Final = frozenset(
    {
        "created_at",
        "updated_at",
        "created_at_utc",
        "updated_at_utc",
        "uid",
        "id",
        "erp_key_hash",
        "erp_data_hash",
        "erp_rowversion",
    }
)


def key_texts(table: Table, fields: Mapping[str, str], entity: str) -> Iterator[str]:
    """`entity|k=v|...` per row, of the table's fields (keys) under their names (values), sorted as texts."""
    columns = [[f"{name}={value}" for value in _python_texts(table[field])] for field, name in fields.items()]
    for pairs in zip(*columns, strict=True):
        yield "|".join((entity, *sorted(pairs)))


def data_texts(table: Table) -> Iterator[str]:
    """`f=v|...` per row, sorted by field, without null and the fields that are never hashed."""
    names = sorted(set(table.columns) - NOT_HASHED)
    columns = [_rounded_texts(table[name]) for name in names]
    for row in range(table.height):
        values = ((name, column[row]) for name, column in zip(names, columns, strict=True))
        yield "|".join(f"{name}={value}" for name, value in values if value is not None)


def _python_texts(column: Column) -> list[str | None]:
    """As Python's `str` shows the value: fractions as doubles, True and False."""
    return [_python_text(text, kind) for text, kind in column.iter_rows()]


def _rounded_texts(column: Column) -> list[str | None]:
    """The same with six decimals at most."""
    return [
        f"{float(text):.6f}".rstrip("0").rstrip(".") if _is_fraction(text, kind) else _python_text(text, kind)
        for text, kind in column.iter_rows()
    ]


def _python_text(text: str | None, kind: int) -> str | None:
    if text is None or kind == Kind.BROKEN:
        return None
    if kind == Kind.BOOLEAN:
        return text.capitalize()
    return str(float(text)) if _is_fraction(text, kind) else text


def _is_fraction(text: str | None, kind: int) -> bool:
    return kind == Kind.NUMBER and text is not None and "." in text
