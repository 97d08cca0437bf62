"""The facade over real servers; CardTrader is a fake, and no worker runs unless a test starts one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client

from api.cards.account_work import AccountWork
from api.cards.services import CardsServices
from api.cards.syncs import BulkSyncs
from api.main import create_app
from db.session import Database
from tests.helpers.api import FakeVerifier, fake_services, opening, serving, settings_for_tests
from tests.helpers.api_seller import Seller
from workflows.cards.contracts import bulk_sync_id


@pytest.fixture
async def verifier() -> FakeVerifier:
    """CardTrader's part."""
    return FakeVerifier()


@pytest.fixture
async def services(module_database_url: str, temporal_client: Client, verifier: FakeVerifier) -> CardsServices:
    """Real PostgreSQL and Temporal."""
    return replace(
        fake_services(Database.connect(module_database_url), verifier=verifier),
        syncs=BulkSyncs(temporal_client, close_polls=20),
        accounts=AccountWork(temporal_client, polls=20),
    )


@pytest.fixture
async def http(services: CardsServices) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running application."""
    async with serving(create_app(settings_for_tests(), opening(services))) as client:
        yield client


@pytest.fixture
async def new_seller(
    http: httpx.AsyncClient, services: CardsServices, verifier: FakeVerifier, temporal_client: Client
) -> AsyncIterator[Callable[[], Awaitable[Seller]]]:
    """Makes linked sellers, and ends what they started."""
    made: list[Seller] = []

    async def make() -> Seller:
        made.append(Seller(uuid4(), http, services, verifier))
        await made[-1].link()
        return made[-1]

    yield make
    for seller in made:
        if await services.syncs.running(seller.user_id):
            await temporal_client.get_workflow_handle(bulk_sync_id(seller.user_id)).terminate()


@pytest.fixture
async def seller(new_seller: Callable[[], Awaitable[Seller]]) -> Seller:
    """A linked seller."""
    return await new_seller()
