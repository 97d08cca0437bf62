"""The whole service, one seller per test, and the system's browser."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest
from playwright.async_api import Browser

from devstack import DevStack
from devstack.service import RunningService, ServiceOptions, start_service
from tests.helpers.browser import Visit, chromium, require_chromium
from tests.helpers.shop import Shop

OpenShop = Callable[..., Awaitable[Shop]]

# They prove nothing that the others do not, and write into docs/: `make pictures`.
collect_ignore = [] if os.environ.get("DASHBOARD_PICTURES") else ["test_pictures.py"]


@pytest.fixture(scope="session")
def program() -> str:
    """Chromium."""
    return require_chromium()


@pytest.fixture(scope="session")
async def browser(program: str) -> AsyncIterator[Browser]:
    async with chromium(program) as running:
        yield running


@pytest.fixture(scope="session")
def service(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Small chunks, so that a sync of little stock is seen running. Servers of its own: queues' names are fixed."""
    options = ServiceOptions(
        products=10,
        workers={"worker": ("bulk-sync", "high-priority", "default")},
        variables={
            "BULK_CHUNK_SIZE": "50",
            "WORKER_GRACE_SECONDS": "1",
            "CALLBACK_ALLOW_LOOPBACK": "true",
            "CALLBACK_RETRY_SCHEDULE": "1h",
        },
    )
    data_dir = tmp_path_factory.mktemp("dashboard")
    with DevStack(data_dir, services={"postgres", "valkey", "temporal"}, durable=False, environ={}) as stack:
        running = start_service(stack, options)
        yield running
        running.stop()


async def linked_shop(service: RunningService, products: int, seed: int) -> Shop:
    """A new seller with so many products at CardTrader."""
    async with httpx.AsyncClient(base_url=f"{service.simulator_url}/control", timeout=60) as site:
        seller = {"products": products, "seed": seed, "blueprints": 100}
        token = (await site.post("/sellers", json=seller)).raise_for_status().json()["token"]
    shop = Shop(service, token)
    await shop.link()
    return shop


@pytest.fixture(scope="session")
async def stocked(service: RunningService) -> AsyncIterator[Shop]:
    """A seller whose stock is here: for tests that change one row of it, or none."""
    shop = await linked_shop(service, 60, 7)
    await shop.sync()
    yield shop
    await shop.close()


@pytest.fixture
async def open_shop(service: RunningService) -> AsyncIterator[OpenShop]:
    """Opens linked sellers with `products` in stock; clears the simulator's faults afterwards."""
    shops: list[Shop] = []

    async def opened(products: int = 60, seed: int = 1) -> Shop:
        shops.append(await linked_shop(service, products, seed))
        return shops[-1]

    yield opened
    for shop in shops:
        await shop.clear_faults()
        await shop.close()


@pytest.fixture
async def visit(browser: Browser, service: RunningService) -> AsyncIterator[Visit]:
    """A tab on a desk."""
    async with Visit.opened(browser, service.api_url) as opened:
        yield opened
