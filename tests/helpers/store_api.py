"""An application with fakes of the `store` context, and callers of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from starlette.routing import Mount

from api.errors import DatabaseUnavailable
from api.main import create_app
from api.probes import PingProbe
from api.services import Services
from api.store.services import StoreServices
from api.store.signalling import StoreSignals
from db.session import Database
from tests.helpers.api import bearer, fake_services, opening, serving, settings_for_tests, token_for

MOUNT = "/store"
PREFIX = f"{MOUNT}/v1/local"


@dataclass
class FakeStoreSignals(StoreSignals):
    """Remembers who was to be poked."""

    notified: list[str] = field(default_factory=list)

    def notify(self, store_id: str) -> None:
        """Remember."""
        self.notified.append(store_id)


async def _answers() -> None:
    """A ping that works."""


def as_store(store_id: str, *roles: str) -> dict[str, str]:
    """Headers of a shop."""
    return bearer(token_for(uuid4(), roles=list(roles or ("store",)), store_id=store_id))


def fake_store(database: Database | None = None, **changes: Any) -> StoreServices:
    """Services without a network; the database is nowhere unless given."""
    cards = fake_services(database)
    shared = {each.name: getattr(cards, each.name) for each in fields(Services)}
    central = PingProbe("Central inventory", DatabaseUnavailable, _answers)
    return StoreServices(**{**shared, "signals": FakeStoreSignals(), "central": central, **changes})


def store_app() -> FastAPI:
    """The mounted application alone, for its document."""
    mounts = (route for route in create_app(settings_for_tests()).routes if isinstance(route, Mount))
    [app] = [mount.app for mount in mounts if mount.path == MOUNT]
    assert isinstance(app, FastAPI)
    return app


@asynccontextmanager
async def serving_store(services: StoreServices | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application, with these services below `/store`."""
    store = services or fake_store()
    app = create_app(settings_for_tests(), opening(fake_services(store.database), store=store))
    async with serving(app) as http:
        yield http
