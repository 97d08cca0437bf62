"""Migrations go up, down and up again, and lead exactly to the tables the code is written against."""

from __future__ import annotations

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

import db.bridge.tables
import db.cards.drift_tables
import db.cards.intent_tables
import db.cards.tables
import db.failed_tables
import db.marketplace.tables
import db.store.tables  # noqa: F401  (these register the tables)
from db.metadata import metadata
from db.migrate import downgrade, upgrade
from db.session import Database

LEFT_OVERS = """
    SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version')
         + (SELECT count(*) FROM pg_type JOIN pg_namespace AS n ON n.oid = typnamespace
            WHERE n.nspname = 'public' AND typtype = 'e')
"""


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def test_up_down_and_up_again(empty_database_url: str) -> None:
    await asyncio.to_thread(upgrade, empty_database_url)
    await asyncio.to_thread(upgrade, empty_database_url)
    await asyncio.to_thread(downgrade, empty_database_url)
    database = Database.connect(empty_database_url)
    async with database.begin() as connection:
        assert (await connection.execute(text(LEFT_OVERS))).scalar_one() == 0
    await asyncio.to_thread(upgrade, empty_database_url)
    async with database.begin() as connection:
        assert await connection.run_sync(_differences) == []
    await database.close()


async def test_what_reflection_does_not_compare(empty_database_url: str) -> None:
    """Collation, NULLS NOT DISTINCT, partial indexes and checks, as PostgreSQL itself spells them."""
    await asyncio.to_thread(upgrade, empty_database_url)
    migrated = Database.connect(empty_database_url)
    async with migrated.begin() as connection:
        by_migration = await connection.run_sync(_definitions)
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
        await connection.run_sync(metadata.create_all)
        by_metadata = await connection.run_sync(_definitions)
    await migrated.close()
    assert by_migration == by_metadata
    assert any("NULLS NOT DISTINCT" in definition for definition in by_migration)
    assert any("external_stock_id|C" in definition for definition in by_migration)


def _definitions(connection: Connection) -> list[str]:
    queries = (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
        "SELECT conrelid::regclass || '|' || conname || '|' || pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'",
        "SELECT concat_ws('|', table_name, column_name, collation_name, udt_name, is_nullable, column_default)"
        " FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'",
    )
    return sorted(row[0] for query in queries for row in connection.execute(text(query)))
