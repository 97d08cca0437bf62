"""What became of batches: one by its uid, all of them newest first, and what a dry run would have changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.bridge.batch_models import BatchItem, BatchPage, BatchState, BatchStatus, DryRun, PlannedChange
from api.bridge.deps import OPERATOR, READER, ServicesDep
from api.bridge.errors import BatchNotFound
from api.bridge.parameters import PREFIX, PagingDep
from api.bridge.starting import BatchUid
from api.errors import documented
from api.parameters import Text
from db.bridge import history

router = APIRouter(prefix=PREFIX, tags=["sync"])

EntityQuery = Annotated[Text | None, Query(min_length=1, max_length=100, description="only this entity, by its name")]
StatusQuery = Annotated[BatchStatus | None, Query(description="only batches of this status")]


@router.get("/sync/status/{batch_uid}", dependencies=READER, responses=documented(401, 403, 404, 422))
async def batch_status(batch_uid: BatchUid, services: ServicesDep) -> BatchState:
    """Where a batch stands, and its 17 metrics; while it runs, of the pages that are through."""
    async with services.transaction() as connection:
        batch = await history.find(connection, batch_uid)
    if batch is None:
        raise BatchNotFound(batch_uid)
    return BatchState.of(batch, services.clock())


@router.get("/sync/history", dependencies=READER, responses=documented(400, 401, 403, 422))
async def batch_history(
    services: ServicesDep, paging: PagingDep, entity_name: EntityQuery = None, status: StatusQuery = None
) -> BatchPage:
    """Batches, newest first."""
    async with services.transaction() as connection:
        found, total = await history.page(
            connection, entity_name=entity_name, status=status, limit=paging.size, offset=paging.offset
        )
    now = services.clock()
    return BatchPage(items=[BatchItem.of(batch, now) for batch in found], **paging.of(total))


@router.get("/sync/planned/{batch_uid}", dependencies=OPERATOR, responses=documented(401, 403, 404, 422))
async def planned_changes(batch_uid: BatchUid, services: ServicesDep) -> DryRun:
    """Some of what a dry run would have changed, with the records as the hub would be told."""
    async with services.transaction() as connection:
        batch = await history.find(connection, batch_uid)
        planned = await history.sample(connection, batch_uid)
    if batch is None:
        raise BatchNotFound(batch_uid)
    changes = [PlannedChange.model_validate(change) for change in planned or []]
    return DryRun(batch_uid=batch_uid, dry_run=batch.dry_run, status=batch.status, changes=changes)
