"""Organisations in a database of the module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.session import Database
from tests.helpers.marketplace import Organization


@pytest.fixture(scope="module")
async def marketplace_database(module_database_url: str) -> AsyncIterator[Database]:
    """The module's database."""
    opened = Database.connect(module_database_url, pool_size=20)
    yield opened
    await opened.close()


@pytest.fixture
async def organization(marketplace_database: Database) -> Organization:
    """A tenant no other test uses."""
    return Organization(marketplace_database)
