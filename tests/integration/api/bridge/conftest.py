"""The bridge's facade over a real database; its workflows are fakes unless a test says otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from api.bridge.services import BridgeServices
from db.session import Database
from tests.helpers.bridge_api import Bridge, fake_bridge, serving_bridge


@pytest.fixture(scope="module")
async def services(module_database_url: str) -> BridgeServices:
    return fake_bridge(Database.connect(module_database_url))


@pytest.fixture(scope="module")
async def http(services: BridgeServices) -> AsyncIterator[httpx.AsyncClient]:
    async with serving_bridge(services) as client:
        yield client


@pytest.fixture(scope="module")
async def bridge(http: httpx.AsyncClient, services: BridgeServices) -> Bridge:
    """An operator of the bridge."""
    return Bridge(http, services)
