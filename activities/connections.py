"""What one worker process opens once, for the activities of all contexts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
from redis.asyncio import Redis
from temporalio.client import Client

from clients.cardtrader import new_http_client
from clients.measures import CARDTRADER, UNMEASURED, ClientMeasures, hosts
from db.measures import measure_database
from db.session import Database
from db.vault import Vault
from observability import Telemetry
from settings import Settings


@dataclass(frozen=True)
class Connections:
    """Shared by every context; opened and closed by the worker."""

    database: Database
    redis: Redis
    http: httpx.AsyncClient
    vault: Vault
    temporal: Client
    measures: ClientMeasures = UNMEASURED


@asynccontextmanager
async def open_connections(settings: Settings, client: Client, telemetry: Telemetry) -> AsyncIterator[Connections]:
    """Connect; close at the end."""
    async with AsyncExitStack() as stack:
        database = Database.connect(
            settings.database_url, pool_size=settings.db_pool_size, max_overflow=settings.db_max_overflow
        )
        stack.push_async_callback(database.close)
        redis = Redis.from_url(settings.redis_url.get_secret_value())
        stack.push_async_callback(redis.aclose)
        measure_database(telemetry.metrics.meter, database, pool="worker")
        telemetry.watch_database()
        measures = ClientMeasures(telemetry.metrics.meter)
        http = await stack.enter_async_context(
            new_http_client(measures=measures, services=hosts(_neighbours(settings)))
        )
        telemetry.watch_http(http)
        vault = Vault.from_setting(settings.fernet_key.get_secret_value())
        yield Connections(database, redis, http, vault, client, measures)


def _neighbours(settings: Settings) -> dict[str, str]:
    """Base addresses of the remote systems, by the names under which requests to them are measured."""
    return {
        CARDTRADER: settings.cardtrader_api_base_url,
        "apismith": settings.apismith_url,
        "schedulehub": settings.schedulehub_url,
        "central": settings.central_api_base_url,
        "marketplace": settings.mock_api_base_url,
    }
