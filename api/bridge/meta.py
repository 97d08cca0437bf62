"""Who answers here; nothing is asked of anybody."""

from __future__ import annotations

from typing import Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from api.bridge.deps import READER, ServicesDep
from api.bridge.parameters import PREFIX
from api.errors import documented
from api.health import service_version
from settings import Environment

router = APIRouter(tags=["service"])

SERVICE: Final = "bridge-v2"
"""The name by which the predecessor's callers know it."""


class Info(BaseModel):
    """Who answers here."""

    service: str = Field(SERVICE, description="name of the service")
    version: str = Field(description="version of the running code")
    status: Literal["operational"] = Field("operational", description="always operational")
    docs: str = Field(description="path of the API's documentation page")


class Alive(BaseModel):
    """The process runs."""

    status: Literal["healthy"] = Field("healthy", description="always healthy")
    service: str = Field(SERVICE, description="name of the service")
    version: str = Field(description="version of the running code")
    environment: Environment = Field(description="development, test or production")


class Part(BaseModel):
    """One system the bridge works with. Where it is, its operator knows: no address is told."""

    role: str = Field(description="what it is for")


class Metadata(BaseModel):
    """What this service is made of."""

    app: str = Field(SERVICE, description="name of the service")
    version: str = Field(description="version of the running code")
    environment: Environment = Field(description="development, test or production")
    database: Part = Field(Part(role="state, batches, dead letters"), description="PostgreSQL")
    apismith: Part = Field(Part(role="source of the rows"), description="the ERP's connector")
    schedulehub: Part = Field(Part(role="target of the rows"), description="the hub")


@router.get("/")
async def info(request: Request) -> Info:
    """Who answers here."""
    return Info(version=service_version(), docs=f"{_root(request)}/docs")


@router.get(f"{PREFIX}/health")
async def health(services: ServicesDep) -> Alive:
    """The process runs; nothing else is asked. What it depends on: `monitoring/health/detailed`."""
    return Alive(version=service_version(), environment=services.environment)


@router.get(f"{PREFIX}/metadata", dependencies=READER, responses=documented(401, 403))
async def metadata(services: ServicesDep) -> Metadata:
    """What this service is made of; no address, no name of a host, a database or a user."""
    return Metadata(version=service_version(), environment=services.environment)


@router.get(f"{PREFIX}/docs", include_in_schema=False)
@router.get(f"{PREFIX}/redoc", include_in_schema=False)
@router.get(f"{PREFIX}/openapi.json", include_in_schema=False)
async def first_address_of_the_documents(request: Request) -> RedirectResponse:
    """Where callers of the first API look for them."""
    return RedirectResponse(_root(request) + request.url.path.rpartition(PREFIX)[2])


def _root(request: Request) -> str:
    """The path this app is mounted at."""
    return str(request.scope.get("root_path", ""))
