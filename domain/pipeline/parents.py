"""Stage 7: a child whose parent has not arrived waits; it is told to nobody before.

A child that names no parent does not wait. Only rows that are to be told wait: an unchanged one was told already.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from domain.pipeline.config import Entity
from domain.pipeline.identity import Identified


@dataclass(frozen=True, slots=True)
class Awaited:
    """One parent that a row waits for; `key` is its BK_HASH."""

    row: int
    ref: str
    entity: str
    key: bytes


def parent_keys(rows: Identified, entity: Entity, to_tell: pl.Series) -> dict[str, pl.Series]:
    """The distinct keys to look up, by parent entity; `to_tell` marks the rows that are inserts or updates."""
    wanted: dict[str, pl.Series] = {}
    for parent in entity.parents:
        found = rows.parents[parent.ref].filter(to_tell).drop_nulls()
        earlier = wanted.get(parent.entity)
        wanted[parent.entity] = (found if earlier is None else earlier.append(found)).unique()
    return wanted


def awaited(rows: Identified, entity: Entity, to_tell: pl.Series, known: dict[str, pl.Series]) -> tuple[Awaited, ...]:
    """What is missing of the parents, in the order of the rows; `known`: the keys that were found, by parent entity."""
    missing = []
    for parent in entity.parents:
        keys = rows.parents[parent.ref]
        absent = to_tell & keys.is_not_null() & ~keys.is_in(known[parent.entity].implode())
        missing += [Awaited(row, parent.ref, parent.entity, keys[row]) for row in absent.arg_true()]
    return tuple(sorted(missing, key=lambda wait: (wait.row, wait.ref)))
