"""What one process of the facade opens once, for all contexts it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from redis.asyncio import Redis
from temporalio.client import Client

from api import backlog, probes
from api.auth import Authenticator, load_public_keys
from api.jwks import JwksFile
from api.services import Services
from api.temporal import connect
from clients.caller_limit import CallerLimit
from clients.cardtrader import new_http_client
from clients.measures import CARDTRADER, ClientMeasures, hosts
from db.session import Database
from db.vault import Vault
from observability import Telemetry
from settings import Settings
from workflows import task_queues
from workflows.payload_codec import data_converter


@dataclass(frozen=True)
class Connections:
    """The shared services, and the clients a context builds its own on."""

    services: Services
    redis: Redis
    http: httpx.AsyncClient
    temporal: Client
    measures: ClientMeasures


@asynccontextmanager
async def open_connections(settings: Settings, telemetry: Telemetry) -> AsyncIterator[Connections]:
    """Connect lazily; close at the end."""
    measures = ClientMeasures(telemetry.metrics.meter)
    telemetry.watch_database()
    vault = Vault.from_setting(settings.fernet_key.get_secret_value())
    async with AsyncExitStack() as stack:
        database = Database.connect(
            settings.database_url, pool_size=settings.db_pool_size, max_overflow=settings.db_max_overflow
        )
        stack.push_async_callback(database.close)
        redis = Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=2, socket_connect_timeout=2)
        stack.push_async_callback(redis.aclose)
        http = await stack.enter_async_context(
            new_http_client(measures=measures, services=hosts({CARDTRADER: settings.cardtrader_api_base_url}))
        )
        telemetry.watch_http(http)
        temporal = await connect(
            settings.temporal_address,
            settings.temporal_namespace,
            data_converter=data_converter(settings.temporal_payload_encryption, lambda: vault),
            runtime=telemetry.runtime(),
            interceptors=telemetry.interceptors(),
        )
        services = Services(
            database=database,
            vault=vault,
            authenticator=_authenticator(settings),
            public_base_url=settings.public_base_url.rstrip("/"),
            callers=CallerLimit(redis, settings.caller_limit_window_seconds),
            probes={
                "postgresql": probes.postgresql(database),
                "redis": probes.redis(redis),
                "mysql": probes.catalog(settings.catalog_dsn),
                "temporal": probes.temporal(temporal),
                "worker": probes.WorkerProbe(temporal, task_queues.ALL),
            },
            backlogs={"temporal": backlog.of_task_queues(temporal, task_queues.ALL)},
        )
        yield Connections(services, redis, http, temporal, measures)


def _authenticator(settings: Settings) -> Authenticator:
    return Authenticator(
        load_public_keys(settings.jwt_public_key.get_secret_value()),
        JwksFile(Path(settings.jwt_jwks_file)) if settings.jwt_jwks_file else None,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        leeway_seconds=settings.jwt_leeway_seconds,
    )
