"""Stage 5: who a row is (BK_HASH, xxHash128), what it says (DATA_HASH, BLAKE3), and its rowversion.

Only here work is done row by row: a hash takes one text. The scheme is part of the entity's configuration; hashes of
two schemes never meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl
import xxhash
from blake3 import blake3

from domain.pipeline import hash_v1, hash_v2, rowversions
from domain.pipeline.columns import TEXT, Kind, Table, has, is_kind, mask
from domain.pipeline.config import Entity, Source
from domain.pipeline.failures import RowFailure, Stage, noted

_NO_VALUES: Final = (Kind.ABSENT, Kind.NULL, Kind.BROKEN)
_NO_VALUE: Final = is_kind(*_NO_VALUES)
ADDED: Final = ("erp_key_hash", "erp_data_hash", "erp_rowversion", "erp_ref_str", "parent_refs")
"""Fields that a delivered row has besides its own."""


@dataclass(frozen=True, slots=True)
class Identified:
    """One entry per row of the page; `key` is null where a part of the key is missing or broken.

    key: 16 bytes · data: 32 bytes · rowversion: its text · order: what rowversions compare by · parents: the key of
    the parent by reference, null where the child names none.
    """

    key: pl.Series
    data: pl.Series
    rowversion: pl.Series
    order: pl.Series
    parents: dict[str, pl.Series]
    failures: list[RowFailure]


def identify(table: Table, entity: Entity, source: Source) -> Identified:
    """Of mapped rows; failed ones are identified too, as far as their key is sound."""
    key = keys(table, {field: field for field in entity.key}, entity.name, entity, source)
    parents = {
        parent.ref: keys(table, {child: field for field, child in parent.fields.items()}, parent.entity, entity, source)
        for parent in entity.parents
    }
    rowversion = mask(table[entity.rowversion.field], pl.when(~_NO_VALUE).then(TEXT.str.strip_chars()))
    order = rowversions.order(rowversion, entity.rowversion.kind, source.zones)
    unreadable = rowversion.is_not_null() & order.is_null()
    failures = [failure for field in entity.key for failure in noted(mask(table[field], _NO_VALUE), *_no_key(field))]
    failures += noted(unreadable, "identity", "ROWVERSION_UNREADABLE", entity.rowversion.field)
    return Identified(key, _data(table, entity, parents), rowversion, order, parents, failures)


def keys(table: Table, fields: Mapping[str, str], of: str, entity: Entity, source: Source) -> pl.Series:
    """BK_HASH of the entity `of`, from the table's fields (keys) under that entity's names (values)."""
    if entity.hash_scheme == "v1":
        texts: Iterable[str] = hash_v1.key_texts(table, fields, of)
    else:
        prefix = hash_v2.netstring(source.name) + hash_v2.netstring(of)
        texts = hash_v2.canonical(table, fields, f"v2{prefix}")
    digests = pl.Series([xxhash.xxh3_128_digest(text) for text in _listed(texts)], dtype=pl.Binary)
    return digests.to_frame("key").select(pl.when(_sound(table, fields)).then("key")).to_series()


def _sound(table: Table, fields: Iterable[str]) -> pl.Series:
    sound = pl.Series([True], dtype=pl.Boolean).new_from_index(0, table.height)
    for field in fields:
        if has(table[field], *_NO_VALUES):
            sound &= mask(table[field], ~_NO_VALUE)
    return sound


def _data(table: Table, entity: Entity, parents: Mapping[str, pl.Series]) -> pl.Series:
    if entity.hash_scheme == "v1":
        texts: Iterable[str] = hash_v1.data_texts(table)
    else:
        own = set(table.columns) - {entity.rowversion.field, *entity.bookkeeping, *ADDED}
        texts = _with_parents(hash_v2.canonical(table, {name: name for name in own}, "v2"), parents)
    return pl.Series([blake3(text.encode()).digest() for text in _listed(texts)], dtype=pl.Binary)


def _with_parents(texts: pl.Series, parents: Mapping[str, pl.Series]) -> pl.Series:
    """A reference that is configured differently changes the hash: ">" begins no field, so they cannot be mixed up."""
    for ref, key in sorted(parents.items()):
        texts = texts + f">{hash_v2.netstring(ref)}" + key.bin.encode("hex").fill_null("")
    return texts


def _listed(texts: Iterable[str]) -> Iterable[str]:
    """A series gives its values out one by one at the cost of a hash each."""
    return texts.to_list() if isinstance(texts, pl.Series) else texts


def _no_key(field: str) -> tuple[Stage, str, str]:
    return "identity", "KEY_MISSING", field
