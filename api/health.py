"""Liveness, readiness and detail: every dependency is asked at once, each under two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Literal

import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.backlog import Figure, Source
from api.deps import ServicesDep
from api.errors import WorkerUnavailable
from api.probes import Probe

SERVICE: Final = "brx-sync"
PROBE_SECONDS: Final = 1.8
Health = Literal["healthy", "degraded", "unhealthy"]

router = APIRouter(tags=["service"])
_log = structlog.get_logger(__name__)


class Alive(BaseModel):
    """The process runs."""

    status: Literal["alive"] = Field("alive", description="always alive")


class ServiceInfo(BaseModel):
    """Who answers here."""

    service: str = Field(description="name of the service")
    version: str = Field(description="version of the running code")
    docs: str = Field(description="path of the API's documentation page")
    health: str = Field(description="path of the readiness check")


class Component(BaseModel):
    """One dependency."""

    status: Health = Field(description="healthy, or what is wrong: degraded (work waits) or unhealthy")
    message: str = Field(description="one sentence")
    code: str | None = Field(None, description="the error code its absence causes, when it is not healthy")
    active_workers: int | None = Field(None, description="workers that poll, where they are counted")


class Components(BaseModel):
    """Every dependency."""

    postgresql: Component = Field(description="the state")
    redis: Component = Field(description="the rate limiter")
    mysql: Component = Field(description="the read-only card catalogue")
    temporal: Component = Field(description="the workflow engine")
    worker: Component = Field(description="a worker for each task queue")


class HealthReport(Components):
    """Every dependency, at the top level and again under `components`."""

    status: Health = Field(description="healthy when all are; unhealthy when any is; else degraded")
    service: str = Field(description="name of the service")
    version: str = Field(description="version of the running code")
    components: Components = Field(description="the same dependencies in one object")


def service_version() -> str:
    """Version of the installed distribution."""
    try:
        return version(SERVICE)
    except PackageNotFoundError:
        return "0"


async def examine(probe: Probe) -> Component:
    """Ask one dependency; whatever goes wrong becomes its status."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            found = await probe()
    except WorkerUnavailable as fault:
        return Component(status="degraded", message=fault.message, code=fault.code, active_workers=0)
    except Exception as fault:
        # The exception's own text may hold an address or a user name.
        _log.warning("health.failed", code=probe.fault.code, error=type(fault).__name__)
        return Component(status="unhealthy", message=str(probe.fault.__doc__), code=probe.fault.code)
    return Component(status="healthy", message=found.message, active_workers=found.active_workers)


async def report(probes: Mapping[str, Probe]) -> HealthReport:
    """Ask all dependencies at once."""
    found = await asyncio.gather(*(examine(probe) for probe in probes.values()))
    components = Components(**dict(zip(probes, found, strict=True)))
    return HealthReport(
        **dict(components), status=overall(found), service=SERVICE, version=service_version(), components=components
    )


def readiness(probes: Mapping[str, Probe]) -> Source:
    """The same as figures: 1 for each dependency that is well."""

    async def read() -> list[Figure]:
        found = await asyncio.gather(*(examine(probe) for probe in probes.values()))
        return [
            Figure("brx_sync_component_healthy", {"component": name}, int(component.status == "healthy"))
            for name, component in zip(probes, found, strict=True)
        ]

    return read


def overall(found: list[Component]) -> Health:
    """Healthy when all are; unhealthy when any is; else degraded."""
    statuses = {component.status for component in found}
    return next((worst for worst in ("unhealthy", "degraded") if worst in statuses), "healthy")


@router.get("/health/live")
async def live() -> Alive:
    """The process runs; nothing else is asked."""
    return Alive()


@router.get("/health/ready", responses={503: {"model": HealthReport, "description": "a dependency is missing"}})
async def ready(services: ServicesDep, response: Response) -> HealthReport:
    """Whether requests can be served: 503 unless every dependency is healthy."""
    found = await report(services.probes)
    response.status_code = 200 if found.status == "healthy" else 503
    return found


@router.get("/health")
async def detail(services: ServicesDep) -> HealthReport:
    """The same report, always with status 200."""
    return await report(services.probes)


@router.get("/")
async def info() -> ServiceInfo:
    """Who answers here."""
    return ServiceInfo(service=SERVICE, version=service_version(), docs="/docs", health="/health/ready")
