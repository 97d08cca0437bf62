"""The whole service as processes: simulator, API, workers; one seller per test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from db.session import Database
from devstack import DevStack
from devstack.service import RunningService, ServiceOptions, start_service
from tests.helpers.desk import Desk, opened_desk
from tests.helpers.shop import Shop

BLUEPRINTS = 1_000

OpenShop = Callable[..., Awaitable[Shop]]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevStack]:
    """Servers of their own: the queues' names are fixed, and our workers would take other tests' workflows."""
    data_dir = tmp_path_factory.mktemp("cards")
    with DevStack(data_dir, services={"postgres", "valkey", "temporal"}, durable=False, environ={}) as running:
        yield running


@pytest.fixture(scope="session")
async def temporal_client(stack: DevStack) -> Client:
    """A client of their Temporal server."""
    return await Client.connect(stack.env()["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)


@pytest.fixture(scope="session")
def service(stack: DevStack) -> Iterator[RunningService]:
    """Small chunks and short patience, so that little stock meets many chunks and slow exports end soon."""
    variables = {"BULK_CHUNK_SIZE": "250", "EXPORT_TIMEOUT_SECONDS": "2", "WORKER_GRACE_SECONDS": "1"}
    options = ServiceOptions(products=10_000, variables=variables)
    running = start_service(stack, options)
    yield running
    running.stop()


@pytest.fixture(scope="module")
async def shared_database(module_database_url: str) -> AsyncIterator[Database]:
    """The module's database, for sellers whose activities run in the test."""
    opened = Database.connect(module_database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def desk(shared_database: Database, redis_url: str) -> AsyncIterator[Desk]:
    """A seller with a hundred products of as many blueprints, whose changes are sent round by round."""
    async with opened_desk(shared_database, redis_url, products=100, blueprints=100) as desk:
        yield desk


@pytest.fixture
async def open_shop(service: RunningService) -> AsyncIterator[OpenShop]:
    """Opens linked sellers with `products` in stock; clears the simulator's faults afterwards."""
    shops: list[Shop] = []

    async def opened(products: int = 2_000, seed: int = 1) -> Shop:
        async with httpx.AsyncClient(base_url=f"{service.simulator_url}/control", timeout=60) as site:
            seller = {"products": products, "seed": seed, "blueprints": BLUEPRINTS}
            token = (await site.post("/sellers", json=seller)).raise_for_status().json()["token"]
        shops.append(Shop(service, token))
        await shops[-1].link()
        return shops[-1]

    yield opened
    for shop in shops:
        await shop.clear_faults()
        await shop.close()
