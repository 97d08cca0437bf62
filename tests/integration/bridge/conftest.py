"""Batches on a database of their own, with neighbours in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.session import Database
from tests.helpers.bridge_runs import BridgeRuns


@pytest.fixture
async def bridge(database_url: str) -> AsyncIterator[BridgeRuns]:
    """Nothing is defined yet."""
    database = Database.connect(database_url)
    yield BridgeRuns(database)
    await database.close()
