"""What the routes of `bridge` work with beside what every context has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.bridge.batches import BridgeBatches
from api.connections import Connections
from api.services import Services
from settings import Environment, Settings


@dataclass(frozen=True, kw_only=True)
class BridgeServices(Services):
    """Dependencies of every route of `bridge`."""

    environment: Environment
    batches: BridgeBatches
    page_size: int = 1000


@asynccontextmanager
async def open_bridge(settings: Settings, connections: Connections) -> AsyncIterator[BridgeServices]:
    """The services, over connections that stay open longer than they."""
    yield BridgeServices(
        **vars(connections.services),
        environment=settings.environment,
        batches=BridgeBatches(connections.temporal),
        page_size=settings.default_batch_size,
    )
