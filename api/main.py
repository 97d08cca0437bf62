"""Composition root of the facade: settings in, one ASGI application out.

`cards` is served at `/`. Every other context is an application of its own, with its own documentation page, mounted
below its name: an entry in `MOUNTED`. The lifespan here opens what they share, and the services of each.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from opentelemetry.metrics import Meter
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Scope

from api import documents, error_handlers, health, metrics
from api.backlog import Backlogs, of_context
from api.bridge.router import bridge_routers
from api.bridge.services import open_bridge
from api.callers import CallerLimits, Callers, Klass, read_networks
from api.cards.router import cards_routers
from api.cards.services import open_cards
from api.connections import Connections, open_connections
from api.dashboard.router import dashboard_router
from api.docs_page import docs_router
from api.errors import ApiError
from api.marketplace import errors as marketplace_errors
from api.marketplace.router import marketplace_routers
from api.marketplace.services import open_marketplace
from api.metrics import HttpMetrics
from api.middleware import TRACE_HEADER, BodyLimit, RequestContext, SecurityHeaders
from api.services import Services
from api.store.router import store_routers
from api.store.services import open_store
from api.time_limit import TimeLimit
from api.tracing import watch_app
from db.measures import measure_database
from observability import RecentLogs, Telemetry, configure_logging
from settings import Settings

Opened = Mapping[str, Services]
"""The services of each context, by its name."""
OpenServices = Callable[[Settings], AbstractAsyncContextManager[Opened]]
OpenContext = Callable[[Settings, Connections], AbstractAsyncContextManager[Services]]

OPENERS: Final[Mapping[str, OpenContext]] = {
    "cards": open_cards,
    "bridge": open_bridge,
    "store": open_store,
    "marketplace": open_marketplace,
}


def create_app(
    settings: Settings,
    open_services: OpenServices | None = None,
    *,
    only: str | None = None,
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """The application: `cards` with the others mounted, or `only` one context, at the root.

    Nothing is connected before its lifespan starts, and then only on first use.
    """
    configure_logging(settings.log_level, settings.log_format)
    told = telemetry or Telemetry.of(
        "brx-sync-api", settings.otel_exporter_otlp_endpoint, settings.otel_traces_sample_ratio
    )
    root = "cards" if only is None else only
    app = _ROOTS[root](settings)
    if only is None:
        for name, build in MOUNTED.items():
            app.mount(f"/{name}", build(settings))
        _mount_whole_paths(app)
    if "/metrics" not in {getattr(route, "path", "") for route in app.routes}:
        app.include_router(metrics.router)
    names = (root, *_mounted(app))
    opening = open_services or partial(_open_services, names, told)
    app.router.lifespan_context = _lifespan(root, told, settings, opening)
    app.state.metrics = told.metrics
    if settings.is_development:
        app.state.recent_logs = RecentLogs.keep()
    _add_middleware(app, root, settings, HttpMetrics(told.metrics.meter))
    watch_app(app, told)
    return app


def context_app(title: str, description: str, routers: list[APIRouter]) -> FastAPI:
    """One context's routes, errors and documentation page. Its state gets `services` from the lifespan."""
    # Its documentation page loads nothing from elsewhere, so it works behind any firewall.
    app = FastAPIOffline(
        docs_url=None, title=title, description=description, version=health.service_version(), redirect_slashes=False
    )
    app.include_router(docs_router(title))
    error_handlers.install(app)
    documents.install(app)
    for router in routers:
        app.include_router(router)
    return app


def _cards(settings: Settings) -> FastAPI:
    return context_app(
        "BRX Sync",
        "Keeps a seller's card stock the same on Ebartex and CardTrader.",
        [*cards_routers(development=settings.is_development), health.router, dashboard_router()],
    )


def _bridge(_settings: Settings) -> FastAPI:
    return context_app("BRX Bridge", "Brings ERP rows from APISmith to ScheduleHub, exactly.", bridge_routers())


def _store(_settings: Settings) -> FastAPI:
    return context_app("BRX Store", "A shop's own stock, and its way to the central inventory.", store_routers())


def _marketplace(settings: Settings) -> FastAPI:
    routers = marketplace_routers(development=settings.is_development)
    app = context_app("BRX Marketplace", "Orders of marketplaces in, call-backs out.", routers)
    marketplace_errors.install(app)
    return app


MOUNTED: Final[Mapping[str, Callable[[Settings], FastAPI]]] = {
    "bridge": _bridge,
    "store": _store,
    "marketplace": _marketplace,
}
_ROOTS: Final[Mapping[str, Callable[[Settings], FastAPI]]] = {"cards": _cards, **MOUNTED}


def _lifespan(
    root: str, telemetry: Telemetry, settings: Settings, open_services: OpenServices
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as opened:
            for name, served in {root: app, **_mounted(app)}.items():
                if name in opened:
                    served.state.services = opened[name]
            measure_database(telemetry.metrics.meter, opened[root].database, pool="api")
            app.state.backlogs = _backlogs(telemetry.metrics.meter, opened, opened[root])
            yield
        telemetry.close()

    return lifespan


def _mount_whole_paths(app: FastAPI) -> None:
    # Starlette's pattern of a mount ends at a line break: such a path would be answered here, in the wrong form.
    for route in app.routes:
        if isinstance(route, Mount):
            route.path_regex = re.compile(route.path_regex.pattern, re.DOTALL)


def _mounted(app: FastAPI) -> dict[str, FastAPI]:
    mounts = (route for route in app.routes if isinstance(route, Mount))
    return {mount.path.strip("/"): mount.app for mount in mounts if isinstance(mount.app, FastAPI)}


def _backlogs(meter: Meter, opened: Opened, root: Services) -> Backlogs:
    rows = {name: of_context(name, services.database) for name, services in opened.items() if name in OPENERS}
    return Backlogs(meter, {**rows, **root.backlogs, "health": health.readiness(root.probes)})


@asynccontextmanager
async def _open_services(names: Iterable[str], telemetry: Telemetry, settings: Settings) -> AsyncIterator[Opened]:
    async with open_connections(settings, telemetry) as connections, AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(OPENERS[name](settings, connections)) for name in names}


def _answer(root: str, scope: Scope, error: ApiError) -> Response:
    """An error that ends a request before it reaches its context, in that context's form."""
    if root == "marketplace" or scope["path"].startswith("/marketplace/"):
        return marketplace_errors.answer_of(error)
    return error_handlers.answer_of(scope, error)


def _add_middleware(app: FastAPI, root: str, settings: Settings, http_metrics: HttpMetrics) -> None:
    # The last one added is the outermost.
    app.add_middleware(BodyLimit)
    answer = partial(_answer, root)
    app.add_middleware(TimeLimit, seconds=settings.request_timeout_seconds, answer=answer)
    limits: dict[Klass, int] = {"machines": settings.caller_limit_machines, "open": settings.caller_limit_open}
    app.add_middleware(
        CallerLimits, callers=Callers(read_networks(settings.trusted_proxies)), limits=limits, answer=answer
    )
    if origins := [origin.strip() for origin in settings.allowed_origins.split(",") if origin.strip()]:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", TRACE_HEADER],
            expose_headers=[TRACE_HEADER, "Retry-After", "ETag"],
        )
    app.add_middleware(SecurityHeaders, https=settings.public_base_url.startswith("https://"))
    app.add_middleware(RequestContext, metrics=http_metrics)
