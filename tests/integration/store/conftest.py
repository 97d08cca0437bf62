"""A shop per test, on the module's database and application."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.session import Database
from tests.helpers.store_floor import Floor, Premises, open_premises


@pytest.fixture(scope="module")
async def premises(module_database_url: str) -> AsyncIterator[Premises]:
    """The application."""
    async with open_premises(Database.connect(module_database_url)) as opened:
        yield opened


@pytest.fixture
async def floor(premises: Premises) -> AsyncIterator[Floor]:
    """A shop and a central inventory of its own."""
    async with premises.floor() as opened:
        yield opened
