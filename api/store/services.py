"""What the routes of `store` work with beside what every context has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from api.connections import Connections
from api.probes import PingProbe, Probe
from api.services import Services
from api.store.errors import CentralNotConfigured, CentralUnavailable
from api.store.measures import StoreMeasures
from api.store.signalling import StoreSignals
from api.temporal import CALL
from clients.central import CentralClient, Credentials
from settings import Settings
from workflows.store.poking import poke_store


@dataclass(frozen=True, kw_only=True)
class StoreServices(Services):
    """Dependencies of every route of `store`."""

    signals: StoreSignals
    central: Probe
    measures: StoreMeasures = field(default_factory=StoreMeasures)


@asynccontextmanager
async def open_store(settings: Settings, connections: Connections) -> AsyncIterator[StoreServices]:
    """The services, over connections that stay open longer than they."""
    vault = connections.services.vault
    credentials = Credentials(settings.central_service_name, vault.reveal(settings.central_service_secret))
    central = CentralClient.connect(connections.http, settings.central_api_base_url, credentials)
    async with StoreSignals(partial(poke_store, connections.temporal, timeout=CALL)).running() as signals:
        yield StoreServices(**vars(connections.services), signals=signals, central=central_probe(central))


def central_probe(central: CentralClient | None) -> Probe:
    """Whether central answers, and knows us."""
    if central is None:
        return PingProbe("Central inventory", CentralNotConfigured, _not_configured)
    return PingProbe("Central inventory", CentralUnavailable, central.ping)


async def _not_configured() -> None:
    raise CentralNotConfigured
