"""What failed, what waits, how much of both: each at its path of the seed and below `/monitoring`."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from api.auth import Principal
from api.bridge.deps import READER, OperatorDep, ReaderDep, ServicesDep
from api.bridge.errors import RecordNotFound
from api.bridge.figures import SyncStats, exposition, statistics
from api.bridge.letter_models import FailedPage, FailedRecord, PendingChild, PendingPage, exact
from api.bridge.meta import SERVICE
from api.bridge.parameters import PREFIX, PagingDep
from api.bridge.services import BridgeServices
from api.bridge.watching import EntityQuery
from api.errors import documented
from api.health import Component, Health, examine, overall, service_version
from api.parameters import MAX_BIGINT, Text
from db.bridge import monitoring
from db.bridge.monitoring import ChildFilter, Counts, LetterFilter

router = APIRouter(prefix=PREFIX, tags=["monitoring"])

StageQuery = Annotated[Text | None, Query(min_length=1, max_length=50, description="only this stage")]
TypeQuery = Annotated[Text | None, Query(min_length=1, max_length=100, description="only this code")]
BatchQuery = Annotated[UUID | None, Query(description="only what this batch met last")]
ParentQuery = Annotated[Text | None, Query(min_length=1, max_length=100, description="only this parent's entity")]
ResolutionQuery = Annotated[monitoring.Resolution, Query(description="those that are open, settled, or all")]
LetterId = Annotated[int, Path(ge=1, le=MAX_BIGINT, description="id of the letter")]
_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "exposition text"}
}


class DetailedHealth(BaseModel):
    """Every system the bridge works with."""

    service: str = Field(SERVICE, description="name of the service")
    version: str = Field(description="version of the running code")
    status: Health = Field(description="healthy when all are; unhealthy when any is; else degraded")
    timestamp: datetime = Field(description="when they were asked")
    checks: dict[str, Component] = Field(description="each of them")


@router.get("/stats", dependencies=READER, responses=documented(401, 403))
@router.get("/monitoring/stats", dependencies=READER, responses=documented(401, 403))
async def stats(services: ServicesDep) -> SyncStats:
    """How many batches, open dead letters and waiting children there are; a few seconds old at most."""
    return statistics(await _counts(services), services.clock())


@router.get("/metrics", response_class=Response, responses={**_TEXT, **documented()})
@router.get("/monitoring/metrics/prometheus", response_class=Response, responses={**_TEXT, **documented()})
async def metrics(services: ServicesDep) -> Response:
    """The same for Prometheus, without the names of entities."""
    return Response(exposition(await _counts(services), services.clock()), media_type=CONTENT_TYPE_LATEST)


@router.get("/failed-records", response_model=FailedPage, responses=documented(400, 401, 403, 422))
@router.get("/monitoring/failed-records", response_model=FailedPage, responses=documented(400, 401, 403, 422))
async def failed_records(
    services: ServicesDep,
    caller: ReaderDep,
    paging: PagingDep,
    batch_uid: BatchQuery = None,
    entity_name: EntityQuery = None,
    error_type: TypeQuery = None,
    stage: StageQuery = None,
    resolution: ResolutionQuery = "open",
) -> Response:
    """Rows that could not be used; their contents for operators only."""
    which = LetterFilter(batch_uid, entity_name, error_type, stage, resolution)
    async with services.transaction() as connection:
        rows, total = await monitoring.failed_page(connection, which, limit=paging.size, offset=paging.offset)
    items = [FailedRecord.of(row, contents=_may_read_rows(caller)) for row in rows]
    return exact(FailedPage(items=items, **paging.of(total)))


@router.post("/failed-records/{uid}/resolve", response_model=FailedRecord, responses=documented(401, 403, 404, 422))
@router.post(
    "/monitoring/failed-records/{uid}/resolve", response_model=FailedRecord, responses=documented(401, 403, 404, 422)
)
async def resolve_failed_record(services: ServicesDep, operator: OperatorDep, uid: LetterId) -> Response:
    """Settle a letter by hand; one that is settled stays as it is, and none is deleted."""
    async with services.transaction() as connection:
        row = await monitoring.resolve_letter(connection, uid, by=f"operator {operator.user_id}")
    if row is None:
        raise RecordNotFound(f"Failed record not found: {uid}", uid=str(uid))
    return exact(FailedRecord.of(row, contents=True))


@router.get("/pending-children", response_model=PendingPage, responses=documented(400, 401, 403, 422))
@router.get("/monitoring/pending-children", response_model=PendingPage, responses=documented(400, 401, 403, 422))
async def waiting_children(
    services: ServicesDep,
    caller: ReaderDep,
    paging: PagingDep,
    parent_entity: ParentQuery = None,
    entity_name: EntityQuery = None,
    resolution: ResolutionQuery = "open",
) -> Response:
    """Rows that wait for their parents; their contents for operators only."""
    which = ChildFilter(parent_entity, entity_name, resolution)
    async with services.transaction() as connection:
        rows, total = await monitoring.waiting_page(connection, which, limit=paging.size, offset=paging.offset)
    items = [PendingChild.of(row, contents=_may_read_rows(caller)) for row in rows]
    return exact(PendingPage(items=items, **paging.of(total)))


@router.get(
    "/monitoring/health/detailed",
    responses={503: {"model": DetailedHealth, "description": "a system is missing"}},
)
async def detailed_health(services: ServicesDep, response: Response) -> DetailedHealth:
    """Every system the bridge works with, asked a few seconds ago at most; 503 unless all are healthy."""
    found = await services.health.get(lambda: _examined(services))
    status = overall(list(found.values()))
    response.status_code = 200 if status == "healthy" else 503
    return DetailedHealth(version=service_version(), status=status, timestamp=services.clock(), checks=found)


async def _examined(services: BridgeServices) -> dict[str, Component]:
    found = await asyncio.gather(*(examine(probe) for probe in services.checks.values()))
    return dict(zip(services.checks, found, strict=True))


def _may_read_rows(caller: Principal) -> bool:
    return "operator" in caller.roles


async def _counts(services: BridgeServices) -> Counts:
    async def ask() -> Counts:
        async with services.transaction() as connection:
            return await monitoring.counts(connection)

    return await services.counts.get(ask)
