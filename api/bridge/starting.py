"""Starting and stopping batches.

A batch is committed before its workflow is started, so a uid that was answered can be polled at once. The row and the
workflow id each let one batch of an entity's source through; what was committed and not started, a relay takes up.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Path
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bridge.batch_models import StartBody, Started, StopRequested
from api.bridge.batches import AlreadyRunning
from api.bridge.configuring import configuring, require_scheme, require_sound
from api.bridge.deps import OperatorDep, ServicesDep
from api.bridge.entity_models import EntityBody
from api.bridge.errors import (
    BatchInProgress,
    BatchNotFound,
    BatchNotRunning,
    EntityDiffers,
    EntityDisabled,
    EntityNotFound,
)
from api.bridge.parameters import PREFIX
from api.bridge.services import BridgeServices
from api.errors import InvalidInput, documented
from db.bridge import batches, entities, history
from db.bridge.entities import SavedEntity
from db.bridge.history import Batch, Request

router = APIRouter(prefix=PREFIX, tags=["sync"])
_log = structlog.get_logger(__name__)

BatchUid = Annotated[UUID, Path(description="id of the batch")]


@router.post("/sync/start", status_code=202, responses=documented(400, 401, 403, 404, 409, 413, 422))
async def start_sync(body: StartBody, services: ServicesDep, operator: OperatorDep) -> Started:
    """Synchronise an entity. One that is not known yet is defined by the slug and the key, if both are given."""
    async with services.transaction() as connection:
        saved = await entities.find(connection, body.entity_name)
    if saved is None:
        saved = await _defined_by(services, body)
    _require_agreement(body, saved)
    if not saved.sync_enabled:
        raise EntityDisabled(entity_name=saved.stored.entity_name)
    batch = await launch(services, _request(services, body, saved, str(operator.user_id)))
    return Started(
        batch_uid=batch.uid, entity_name=batch.entity_name, sync_type=batch.sync_type, started_at=batch.created_at
    )


@router.post("/sync/stop/{batch_uid}", responses=documented(400, 401, 403, 404, 422))
async def stop_sync(batch_uid: BatchUid, services: ServicesDep, _operator: OperatorDep) -> StopRequested:
    """Stop a batch: pages in progress finish or leave no trace, the rest never begins. What was done stays."""
    async with services.transaction() as connection:
        batch = await history.find(connection, batch_uid)
    if batch is None:
        raise BatchNotFound(batch_uid)
    if not batch.is_open:
        raise BatchNotRunning(f"Batch is not running (status: {batch.status})", batch_uid=str(batch_uid))
    if await services.batches.cancel(batch):
        return StopRequested(message="The batch stops", batch_uid=batch_uid)
    async with services.transaction() as connection:
        await batches.abort(connection, batch_uid, code="BATCH_CANCELLED", cancelled=True)
    return StopRequested(message="The batch is stopped", batch_uid=batch_uid)


async def launch(services: BridgeServices, request: Request) -> Batch:
    """Commit a batch, then start its workflow. Raises `BatchInProgress`, `TemporalUnavailable`."""
    uid = services.new_id()
    async with services.transaction() as connection:
        if not await history.register(connection, uid, request):
            raise await _in_progress(connection, request)
        batch = await _known(connection, uid)
    try:
        await services.batches.start(batch)
    except AlreadyRunning:
        # The workflow of an earlier batch is closing; the relay starts ours behind it.
        _log.info("batch.queued", batch_uid=str(uid))
    except Exception:
        # The start may have got through although its answer did not: a closed batch ends such a workflow at once.
        async with services.transaction() as connection:
            await batches.abort(connection, uid, code="BATCH_NOT_STARTED", cancelled=False)
        raise
    return batch


async def _defined_by(services: BridgeServices, body: StartBody) -> SavedEntity:
    """Callers of the first API configure nothing beforehand: name, slug and key are all they know of an entity."""
    if body.connector_api_slug is None or body.business_key_fields is None:
        raise EntityNotFound(body.entity_name)
    try:
        stored = EntityBody(
            entity_name=body.entity_name,
            connector_api_slug=body.connector_api_slug,
            business_key_fields=body.business_key_fields,
        ).stored()
    except ValueError:
        raise InvalidInput("This cannot be the name of an entity.", field="entity_name") from None
    async with configuring(services) as connection:
        if await entities.find(connection, stored.entity_name) is None:
            await require_sound(connection, stored)
            await require_scheme(connection, stored)
            await entities.add(connection, stored, sync_enabled=True, sync_schedule=None)
        saved = await entities.find(connection, stored.entity_name)
    if saved is None:
        raise EntityNotFound(stored.entity_name)
    return saved


def _require_agreement(body: StartBody, saved: SavedEntity) -> None:
    stored = saved.stored
    named = {
        "connector_api_slug": (body.connector_api_slug, stored.connector_api_slug),
        "business_key_fields": (body.business_key_fields, list(stored.business_key_fields)),
    }
    different = [field for field, (given, kept) in named.items() if given not in (None, kept)]
    if different:
        raise EntityDiffers(entity_name=stored.entity_name, fields=different)


def _request(services: BridgeServices, body: StartBody, saved: SavedEntity, by: str) -> Request:
    return Request(
        entity_name=saved.stored.entity_name,
        source_system=saved.stored.source_system,
        sync_type=body.sync_type,
        connector_api_slug=saved.stored.connector_api_slug,
        page_size=body.page_size or services.page_size,
        max_pages=body.max_pages,
        dry_run=body.dry_run,
        force=body.force,
        requested_by=by,
    )


async def _in_progress(connection: AsyncConnection, request: Request) -> BatchInProgress:
    running = await history.open_batch(connection, request.source_system, request.entity_name)
    return BatchInProgress(request.entity_name, running and running.uid)


async def _known(connection: AsyncConnection, uid: UUID) -> Batch:
    batch = await history.find(connection, uid)
    if batch is None:
        raise BatchNotFound(uid)
    return batch
