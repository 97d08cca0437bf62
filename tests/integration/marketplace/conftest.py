"""Organisations in a database of the module; and, for those who ask, the whole context in this process.

The Temporal server is their own: the queues' names are fixed, and our workers would take other tests' workflows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import uvicorn
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from db.session import Database
from devstack import DevStack
from devstack.ports import free_port
from devstack.simulators.callbacks.app import create_app as receiver_app
from devstack.simulators.callbacks.receiver import Receiver
from tests.helpers.marketplace import Organization
from tests.helpers.marketplace_service import Consumer, MarketplaceService, running_service


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


@pytest.fixture(scope="session")
async def own_temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server that no other workers poll."""
    directory = tmp_path_factory.mktemp("marketplace")
    with DevStack(directory, services={"temporal"}, durable=False, environ={}) as stack:
        yield await Client.connect(stack.env()["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)


@pytest.fixture(scope="session")
async def receiver() -> AsyncIterator[tuple[str, Receiver]]:
    """Address and books of a receiver of call-backs."""
    books, port = Receiver(), free_port()
    server = uvicorn.Server(
        uvicorn.Config(receiver_app(books), host="127.0.0.1", port=port, access_log=False, log_level="critical")
    )
    task = asyncio.create_task(server.serve())
    yield f"http://127.0.0.1:{port}", books
    server.should_exit = True
    await task


@pytest.fixture(scope="module")
async def service(module_database_url: str, stack: DevStack, own_temporal: Client) -> AsyncIterator[MarketplaceService]:
    """API, workers and relay, with the mock marketplaces reached through the API."""
    async with AsyncExitStack() as opened:
        redis_url = stack.env()["REDIS_URL"]
        yield await opened.enter_async_context(running_service(module_database_url, redis_url, own_temporal))


@pytest.fixture
async def consumer(service: MarketplaceService, receiver: tuple[str, Receiver]) -> Consumer:
    """An organisation that calls the API and receives call-backs."""
    return Consumer(service, *receiver)
