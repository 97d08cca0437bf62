"""Mappings of fields, as people save them; under the lock of `db.bridge.entities`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import any_, delete, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import String

from db.bridge.tables import field_mappings
from domain.pipeline.definition import StoredMapping

_mapping = field_mappings.c
_STORED = StoredMapping.__struct_fields__


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """One mapping: what it does in `stored`, and what is known of the row."""

    uid: UUID
    entity_name: str
    stored: StoredMapping
    created_at: datetime


async def by_entity(connection: AsyncConnection, names: Sequence[str]) -> dict[str, list[SavedMapping]]:
    """The mappings of these entities, ordered by their source field."""
    query = (
        select(field_mappings)
        .where(_mapping.entity_name == any_(literal(list(names), ARRAY(String))))
        .order_by(_mapping.entity_name, _mapping.source_field, _mapping.target_field)
    )
    found = [_saved(dict(row)) for row in (await connection.execute(query)).mappings()]
    return {name: list(of) for name, of in groupby(found, lambda mapping: mapping.entity_name)}


async def add(connection: AsyncConnection, entity_name: str, added: Iterable[StoredMapping]) -> list[UUID]:
    """Insert mappings; their uids in the order given."""
    rows = [{"entity_name": entity_name, **_columns(mapping)} for mapping in added]
    if not rows:
        return []
    inserted = insert(field_mappings).returning(_mapping.uid, sort_by_parameter_order=True)
    return list((await connection.execute(inserted, rows)).scalars())


async def change(connection: AsyncConnection, uid: UUID, stored: StoredMapping) -> None:
    """Write a mapping anew."""
    await connection.execute(update(field_mappings).where(_mapping.uid == uid).values(_columns(stored)))


async def remove(connection: AsyncConnection, uids: Sequence[UUID]) -> None:
    """Delete mappings."""
    await connection.execute(delete(field_mappings).where(_mapping.uid.in_(uids)))


async def replace(connection: AsyncConnection, entity_name: str, these: Iterable[StoredMapping]) -> None:
    """These in place of all that the entity has."""
    await connection.execute(delete(field_mappings).where(_mapping.entity_name == entity_name))
    await add(connection, entity_name, these)


def _columns(stored: StoredMapping) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(stored)
    return values


def _saved(row: dict[str, Any]) -> SavedMapping:
    stored = msgspec.convert({name: row[name] for name in _STORED}, StoredMapping)
    return SavedMapping(row["uid"], row["entity_name"], stored, row["created_at"])
