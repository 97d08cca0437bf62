"""Batches on a database per module, with neighbours in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from db.session import Database
from tests.helpers.bridge_runs import BridgeRuns

EMPTY = text(
    "TRUNCATE entity_config, field_mappings, sync_batches, batch_pages, record_state, erp_sync_state, pending_children,"
    " failed_records, background_sync_schedule, batch_values, superseded_rows, planned_deletions"
)


@pytest.fixture
async def bridge(module_database_url: str) -> AsyncIterator[BridgeRuns]:
    """Nothing is defined yet."""
    database = Database.connect(module_database_url)
    async with database.begin() as connection:
        await connection.execute(EMPTY)
    yield BridgeRuns(database)
    await database.close()
