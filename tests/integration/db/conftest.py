"""A seller of its own for each test, in a database of the module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.session import Database
from tests.helpers.stock import Stock


@pytest.fixture(scope="module")
async def shared_database(module_database_url: str) -> AsyncIterator[Database]:
    """The module's database."""
    opened = Database.connect(module_database_url, pool_size=20)
    yield opened
    await opened.close()


@pytest.fixture
async def stock(shared_database: Database) -> Stock:
    """A linked seller without stock."""
    return await Stock(shared_database).link()
