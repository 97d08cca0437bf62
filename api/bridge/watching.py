"""What became of batches: one by its uid, all of them newest first, and rows of them that people may look at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.bridge.batch_models import BatchItem, BatchPage, BatchState, BatchStatus, DryRun, PlannedChange
from api.bridge.deps import OPERATOR, READER, ServicesDep
from api.bridge.errors import BatchNotFound
from api.bridge.letter_models import exact
from api.bridge.parameters import PREFIX, PagingDep
from api.bridge.record_models import PlannedDeletions, SupersededPage, deletion_shown, row_shown
from api.bridge.starting import BatchUid
from api.errors import documented
from api.parameters import Text
from db.bridge import history, records
from db.bridge.record_state import Scope

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


@router.get("/sync/planned/{batch_uid}/deletions", dependencies=OPERATOR, responses=documented(400, 401, 403, 404, 422))
async def planned_deletions(batch_uid: BatchUid, services: ServicesDep, paging: PagingDep) -> PlannedDeletions:
    """What a full dry run would have deleted, as far as it lists them; `rows_deleted` of its status counts all."""
    async with services.transaction() as connection:
        batch = await history.find(connection, batch_uid)
        if batch is None:
            raise BatchNotFound(batch_uid)
        scope = Scope(batch.source_system, batch.entity_name)
        found, total = await records.planned_page(connection, batch_uid, scope, limit=paging.size, offset=paging.offset)
    items = [deletion_shown(one) for one in found]
    return PlannedDeletions(items=items, rows_deleted=batch.metrics.rows_deleted, **paging.of(total))


@router.get(
    "/sync/superseded/{batch_uid}",
    dependencies=OPERATOR,
    response_model=SupersededPage,
    responses=documented(400, 401, 403, 404, 422),
)
async def superseded_rows(batch_uid: BatchUid, services: ServicesDep, paging: PagingDep) -> Response:
    """Every row of a batch of whose key another row of it stands, as received."""
    async with services.transaction() as connection:
        if await history.find(connection, batch_uid) is None:
            raise BatchNotFound(batch_uid)
        found, total = await records.superseded_page(connection, batch_uid, limit=paging.size, offset=paging.offset)
    return exact(SupersededPage(items=[row_shown(one) for one in found], **paging.of(total)))
