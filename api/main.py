"""Composition root of the facade: settings in, one ASGI application out.

`create_app` serves the `cards` context at `/`. Another context is an app of its own made by `context_app` and
mounted below its name; the lifespan here opens what all of them share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from redis.asyncio import Redis
from starlette.routing import Mount

from api import error_handlers, health, metrics, probes
from api.auth import Authenticator, load_public_keys
from api.cards.account_work import AccountWork
from api.cards.purchase_runs import PurchaseRuns
from api.cards.router import cards_routers
from api.cards.signalling import AccountSignals
from api.cards.signatures import Signatures
from api.cards.syncs import BulkSyncs
from api.cards.verification import CardTraderVerifier
from api.metrics import HttpMetrics, observe_pool
from api.middleware import TRACE_HEADER, BodyLimit, RequestContext, SecurityHeaders
from api.services import Services
from api.temporal import CALL, connect
from clients.cardtrader import CardTrader, new_http_client
from db.session import Database
from db.vault import Vault
from observability import Metrics, RecentLogs, configure_logging
from settings import Settings
from workflows import task_queues
from workflows.cards.poking import poke_account

OpenServices = Callable[[Settings], AbstractAsyncContextManager[Services]]

_METER = "brx_sync.api"


def create_app(settings: Settings, open_services: OpenServices | None = None) -> FastAPI:
    """The application. Nothing is connected before its lifespan starts, and then only on first use."""
    configure_logging(settings.log_level, settings.log_format)
    measured = Metrics.create("brx-sync-api")
    app = context_app(
        "BRX Sync",
        "Keeps a seller's card stock the same on Ebartex and CardTrader.",
        [*cards_routers(development=settings.is_development), health.router, metrics.router],
    )
    app.router.lifespan_context = _lifespan(settings, measured, open_services or _open_services)
    app.state.metrics = measured
    if settings.is_development:
        app.state.recent_logs = RecentLogs.keep()
    _add_middleware(app, settings, HttpMetrics(measured.provider.get_meter(_METER)))
    return app


def context_app(title: str, description: str, routers: list[APIRouter]) -> FastAPI:
    """One context's routes, errors and documentation page. Its state gets `services` from the lifespan."""
    # Its documentation page loads nothing from elsewhere, so it works behind any firewall.
    app = FastAPIOffline(title=title, description=description, version=health.service_version(), redirect_slashes=False)
    error_handlers.install(app)
    for router in routers:
        app.include_router(router)
    return app


def _lifespan(
    settings: Settings, measured: Metrics, open_services: OpenServices
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            for served in (app, *_mounted(app)):
                served.state.services = services
            observe_pool(measured.provider.get_meter(_METER), services.database)
            yield
        measured.shutdown()

    return lifespan


def _mounted(app: FastAPI) -> list[FastAPI]:
    return [route.app for route in app.routes if isinstance(route, Mount) and isinstance(route.app, FastAPI)]


@asynccontextmanager
async def _open_services(settings: Settings) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        database = Database.connect(
            settings.database_url, pool_size=settings.db_pool_size, max_overflow=settings.db_max_overflow
        )
        stack.push_async_callback(database.close)
        redis = Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=2, socket_connect_timeout=2)
        stack.push_async_callback(redis.aclose)
        http = await stack.enter_async_context(new_http_client())
        temporal = await connect(settings.temporal_address, settings.temporal_namespace)
        vault = Vault.from_setting(settings.fernet_key.get_secret_value())
        signals = AccountSignals(partial(poke_account, temporal, timeout=CALL))
        yield Services(
            database=database,
            vault=vault,
            authenticator=_authenticator(settings),
            verifier=CardTraderVerifier(
                CardTrader.limited(
                    http,
                    redis,
                    settings.cardtrader_api_base_url,
                    limit=settings.rate_limit_requests,
                    window=settings.rate_limit_window_seconds,
                    burst=settings.rate_limit_burst,
                )
            ),
            syncs=BulkSyncs(temporal),
            accounts=AccountWork(temporal),
            purchases=PurchaseRuns(temporal),
            signals=await stack.enter_async_context(signals.running()),
            signatures=Signatures(vault),
            public_base_url=settings.public_base_url.rstrip("/"),
            writes_enabled=settings.cardtrader_writes_enabled,
            probes={
                "postgresql": probes.postgresql(database),
                "redis": probes.redis(redis),
                "mysql": probes.catalog(settings.catalog_dsn),
                "temporal": probes.temporal(temporal),
                "worker": probes.WorkerProbe(temporal, task_queues.ALL),
            },
        )


def _authenticator(settings: Settings) -> Authenticator:
    return Authenticator(
        load_public_keys(settings.jwt_public_key.get_secret_value()),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        leeway_seconds=settings.jwt_leeway_seconds,
    )


def _add_middleware(app: FastAPI, settings: Settings, http_metrics: HttpMetrics) -> None:
    # The last one added is the outermost.
    app.add_middleware(BodyLimit)
    if origins := [origin.strip() for origin in settings.allowed_origins.split(",") if origin.strip()]:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", TRACE_HEADER],
            expose_headers=[TRACE_HEADER, "Retry-After", "ETag"],
        )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestContext, metrics=http_metrics)
