"""A seller of the simulator, in process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import ASGIApp

from devstack.simulators.cardtrader.app import create_app
from devstack.simulators.cardtrader.market import Market, MarketSpec
from devstack.simulators.cardtrader.seller import SellerSpec
from tests.helpers.cardtrader_simulator import FAST, TOKEN


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    async with Market(MarketSpec((SellerSpec(0, 600, 1, TOKEN),), knobs=FAST)) as market:
        yield market


@pytest.fixture
def app(market: Market) -> ASGIApp:
    return create_app(market)


@pytest.fixture
async def control(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator/control") as client:
        yield client


@pytest.fixture
async def api(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://simulator/api/v2",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as client:  # fmt: skip
        yield client
