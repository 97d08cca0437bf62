"""An application with fakes of the `bridge` context, and callers of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from starlette.routing import Mount

from api.bridge.services import BridgeServices
from api.main import create_app
from api.services import Services
from db.session import Database
from tests.helpers.api import bearer, fake_services, opening, serving, settings_for_tests, token_for

MOUNT = "/bridge"
PREFIX = f"{MOUNT}/api/v1"


def as_role(*roles: str) -> dict[str, str]:
    """Headers of somebody with these roles."""
    return bearer(token_for(uuid4(), roles=list(roles)))


def fake_bridge(database: Database | None = None, **changes: Any) -> BridgeServices:
    """Services without a network; the database is nowhere unless given."""
    cards = fake_services(database)
    shared = {field.name: getattr(cards, field.name) for field in fields(Services)}
    return BridgeServices(**{**shared, "environment": "test", **changes})


def bridge_app() -> FastAPI:
    """The mounted application alone, for its document."""
    mounts = (route for route in create_app(settings_for_tests()).routes if isinstance(route, Mount))
    [app] = [mount.app for mount in mounts if mount.path == MOUNT]
    assert isinstance(app, FastAPI)
    return app


@asynccontextmanager
async def serving_bridge(services: BridgeServices | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application whose bridge works with these."""
    bridge = services or fake_bridge()
    app = create_app(settings_for_tests(), opening(fake_services(bridge.database), bridge=bridge))
    async with serving(app) as http:
        yield http
