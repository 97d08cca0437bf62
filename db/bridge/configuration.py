"""The configuration that batches work by, read from what people saved."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.tables import entity_config, field_mappings
from domain.pipeline.definition import StoredEntity, StoredMapping, read

_entity, _mapping = entity_config.c, field_mappings.c
_ENTITY_COLUMNS = [_entity[name] for name in StoredEntity.__struct_fields__ if name != "mappings"]
_MAPPING_COLUMNS = [_mapping[name] for name in StoredMapping.__struct_fields__]


async def load(connection: AsyncConnection, entity_name: str) -> StoredEntity | None:
    """An entity with its mappings, enabled or not; None where there is none of that name."""
    row = (await connection.execute(select(*_ENTITY_COLUMNS).where(_entity.entity_name == entity_name))).mappings()
    if (found := row.one_or_none()) is None:
        return None
    query = select(*_MAPPING_COLUMNS).where(_mapping.entity_name == entity_name)
    mappings = (await connection.execute(query.order_by(_mapping.source_field, _mapping.target_field))).mappings()
    return read(_plain(found), [_plain(mapping) for mapping in mappings])


async def is_enabled(connection: AsyncConnection, entity_name: str) -> bool:
    """Whether an entity is to be synchronised."""
    return bool(await connection.scalar(select(_entity.sync_enabled).where(_entity.entity_name == entity_name)))


def _plain(row: RowMapping) -> dict[str, Any]:
    """The names of SQLAlchemy are texts of a class of their own."""
    return {str(name): value for name, value in row.items()}
