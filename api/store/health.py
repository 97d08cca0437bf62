"""Health and metrics of the context. A shop sells while central is away, so that is no reason to answer 503."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.errors import DatabaseUnavailable, documented_as_json
from api.health import Component, Health, examine, service_version
from api.store.deps import ServicesDep
from api.store.measures import CONTENT_TYPE
from api.store.services import StoreServices
from db.store import reports
from db.store.reports import Depth

router = APIRouter(tags=["service"])


class Queue(BaseModel):
    """What central does not have yet, of all shops."""

    waiting: int | None = Field(description="movements on their way; null: not known")
    for_people: int | None = Field(description="movements that wait for a person's decision")
    oldest_seconds: float | None = Field(description="how long the oldest on its way has waited; null: none has")


class StoreHealth(BaseModel):
    """Everything a shop's synchronisation needs."""

    status: Health = Field(
        description="healthy; degraded: sales go on, central hears of them later; unhealthy: no sale"
    )
    service: str = Field("brx-sync-store", description="name of the service")
    version: str = Field(description="version of the running code")
    components: dict[str, Component] = Field(description="postgresql, temporal, worker, central")
    queue: Queue = Field(description="what central does not have yet")


async def examine_store(services: StoreServices) -> StoreHealth:
    """Ask everything at once."""
    probes = {name: services.probes[name] for name in ("postgresql", "temporal", "worker")} | {
        "central": services.central
    }
    found, depth = await asyncio.gather(
        asyncio.gather(*(examine(probe) for probe in probes.values())), _depth(services)
    )
    components = dict(zip(probes, found, strict=True))
    return StoreHealth(
        status=_overall(components), version=service_version(), components=components, queue=_queue(depth)
    )


def _overall(components: dict[str, Component]) -> Health:
    if components["postgresql"].status != "healthy":
        return "unhealthy"
    return "healthy" if all(found.status == "healthy" for found in components.values()) else "degraded"


async def _depth(services: StoreServices) -> Depth | None:
    try:
        async with services.transaction() as connection:
            return await reports.depth(connection)
    except DatabaseUnavailable:
        return None


def _queue(depth: Depth | None) -> Queue:
    if depth is None:
        return Queue(waiting=None, for_people=None, oldest_seconds=None)
    oldest = None if depth.oldest is None else round(depth.oldest.total_seconds(), 3)
    return Queue(waiting=depth.waiting, for_people=depth.for_people, oldest_seconds=oldest)


@router.get("/health", responses={503: {"model": StoreHealth, "description": "nothing can be sold"}})
async def health(services: ServicesDep, response: Response) -> StoreHealth:
    """Whether sales can be recorded, and whether central hears of them."""
    found = await examine_store(services)
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE if found.status == "unhealthy" else HTTPStatus.OK
    return found


@router.get(
    "/metrics",
    response_class=Response,
    responses=documented_as_json()
    | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "exposition text"}},
)
async def metrics(services: ServicesDep) -> Response:
    """The metrics of the first store service, for Prometheus."""
    async with services.transaction() as connection:
        totals, depth = await reports.totals(connection), await reports.depth(connection)
    return Response(services.measures.render(totals, depth), media_type=CONTENT_TYPE)
