"""What the routes of `bridge` work with beside what every context has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from api.bridge.background_schedules import BackgroundSchedules
from api.bridge.batches import BridgeBatches
from api.bridge.entity_schedules import EntitySchedules
from api.bridge.errors import HubUnavailable, SourceUnavailable
from api.bridge.recent import Recent
from api.connections import Connections
from api.health import Component
from api.probes import PingProbe, Probe
from api.services import Services
from clients.apismith import ApiSmith
from clients.neighbour.tokens import Credentials
from clients.neighbour.transport import Place
from clients.schedulehub import ScheduleHub
from db.bridge.monitoring import Counts
from settings import Environment, Settings


@dataclass(frozen=True, kw_only=True)
class BridgeServices(Services):
    """Dependencies of every route of `bridge`. Routes that anybody may call answer from `counts` and `health`."""

    environment: Environment
    batches: BridgeBatches
    schedules: BackgroundSchedules
    entity_schedules: EntitySchedules
    checks: Mapping[str, Probe]
    counts: Recent[Counts] = field(default_factory=Recent)
    health: Recent[dict[str, Component]] = field(default_factory=Recent)
    page_size: int = 1000


@asynccontextmanager
async def open_bridge(settings: Settings, connections: Connections) -> AsyncIterator[BridgeServices]:
    """The services, over connections that stay open longer than they."""
    source = ApiSmith.connect(
        connections.http,
        Place(settings.apismith_url, settings.apismith_api_prefix),
        Credentials(settings.apismith_token, settings.apismith_username, settings.apismith_password),
    )
    hub = ScheduleHub.connect(
        connections.http,
        Place(settings.schedulehub_url, settings.schedulehub_api_prefix),
        Credentials(settings.schedulehub_token, settings.schedulehub_username, settings.schedulehub_password),
    )
    probes = connections.services.probes
    yield BridgeServices(
        **vars(connections.services),
        environment=settings.environment,
        batches=BridgeBatches(connections.temporal),
        schedules=BackgroundSchedules(connections.temporal),
        entity_schedules=EntitySchedules(connections.temporal),
        checks={
            "database": probes["postgresql"],
            "apismith": PingProbe("APISmith", SourceUnavailable, source.ping),
            "schedulehub": PingProbe("ScheduleHub", HubUnavailable, hub.ping),
            "temporal": probes["temporal"],
            "worker": probes["worker"],
        },
        page_size=settings.default_batch_size,
    )
