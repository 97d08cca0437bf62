"""Whether the schema is the one this code is written against, and the composite index does its work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

INDEX_NAME: Final = "idx_inventory_user_blueprint_external"
INDEX_COLUMNS: Final = ("user_id", "blueprint_id", "external_stock_id")

_HAS_VERSIONS = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_VERSION = text("SELECT version_num FROM alembic_version")
_INDEX = text("""
    SELECT index.indisvalid AND index.indisready AND index.indisunique AND (
        SELECT array_agg(attribute.attname::text ORDER BY attribute.attnum)
        FROM pg_attribute AS attribute WHERE attribute.attrelid = index.indexrelid) = cast(:columns AS text[])
    FROM pg_index AS index
    WHERE index.indexrelid = to_regclass(:name) AND index.indrelid = to_regclass('user_inventory_items')
""")


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision applied ("" for none), and whether the unique composite index can be used."""

    revision: str
    index_usable: bool


async def state(connection: AsyncConnection) -> SchemaState:
    """Look; changes nothing."""
    revision = ""
    if (await connection.execute(_HAS_VERSIONS)).scalar_one():
        revision = (await connection.execute(_VERSION)).scalar() or ""
    usable = await connection.execute(_INDEX, {"name": INDEX_NAME, "columns": list(INDEX_COLUMNS)})
    return SchemaState(revision, bool(usable.scalar()))
