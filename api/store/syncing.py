"""How movements stand towards central, and what a person may do about them."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import APIRouter

from api.errors import documented
from api.store.deps import ServicesDep, StoreDep
from api.store.errors import NotDecidable, OperationNotFound
from api.store.inventory import operations_page
from api.store.models import Operation, Operations, SettingsBody, StoreSettings, SyncStatus, Triggered
from api.store.parameters import PREFIX, CursorQuery, LimitQuery, OperationId, id_cursor
from api.store.services import StoreServices
from db.store import pushes, queue, reports, stock

router = APIRouter(prefix=PREFIX, tags=["sync"])

_DECIDED = documented(401, 403, 404, 409, 422)


@router.get("/sync/status/{operation_id}", responses=documented(401, 403, 404, 422))
async def sync_status(store_id: StoreDep, operation_id: OperationId, services: ServicesDep) -> SyncStatus:
    """How a movement stands."""
    async with services.transaction() as connection:
        found = await reports.operation(connection, store_id, operation_id)
        back = await reports.compensation(connection, store_id, operation_id)
    if found is None:
        raise OperationNotFound(operation_id=str(operation_id))
    return SyncStatus.of(found, back)


@router.post("/sync/trigger", responses=documented(401, 403))
async def trigger_sync(store_id: StoreDep, services: ServicesDep) -> Triggered:
    """Push what waits and read every item back, now, whatever was to be waited for."""
    async with services.transaction() as connection:
        pending = await queue.hurry(connection, store_id, reading=True)
    services.signals.notify(store_id)
    return Triggered(pending=pending)


@router.get("/sync/failed", responses=documented(400, 401, 403, 422))
async def list_failed(
    store_id: StoreDep, services: ServicesDep, limit: LimitQuery = 100, cursor: CursorQuery = None
) -> Operations:
    """Failures and conflicts, newest first; those without `completed_at` wait for a person, and hold their SKU up."""
    before = id_cursor(cursor)
    async with services.transaction() as connection:
        found = await reports.in_trouble(connection, store_id, before=before, limit=limit + 1)
    return operations_page(found, limit)


@router.post("/sync/retry/{operation_id}", responses=_DECIDED)
async def retry_operation(store_id: StoreDep, operation_id: OperationId, services: ServicesDep) -> Operation:
    """Push a failed movement again; one in conflict is applied on whatever central has now."""
    return await _decide(services, store_id, operation_id, "retry")


@router.post("/sync/discard/{operation_id}", responses=_DECIDED)
async def discard_operation(store_id: StoreDep, operation_id: OperationId, services: ServicesDep) -> Operation:
    """Give a movement up and take it back here, as a movement of its own."""
    return await _decide(services, store_id, operation_id, "discard")


@router.get("/settings", responses=documented(401, 403))
async def get_settings(store_id: StoreDep, services: ServicesDep) -> StoreSettings:
    """How the shop is kept."""
    async with services.transaction() as connection:
        chosen = await stock.strategy(connection, store_id)
    return StoreSettings(store_id=store_id, conflict_strategy=chosen)


@router.put("/settings", responses=documented(400, 401, 403, 413, 422))
async def change_settings(store_id: StoreDep, body: SettingsBody, services: ServicesDep) -> StoreSettings:
    """Choose how conflicts are resolved from now on."""
    async with services.transaction() as connection:
        await stock.choose_strategy(connection, store_id, body.conflict_strategy)
    return StoreSettings(store_id=store_id, conflict_strategy=body.conflict_strategy)


async def _decide(
    services: StoreServices, store_id: str, operation_id: UUID, decision: Literal["retry", "discard"]
) -> Operation:
    async with services.transaction() as connection:
        decided = await pushes.decided(connection, store_id, operation_id, decision)
        found = await reports.operation(connection, store_id, operation_id)
    if found is None:
        raise OperationNotFound(operation_id=str(operation_id))
    if not decided:
        raise NotDecidable(operation_id=str(operation_id), status=found.status)
    services.signals.notify(store_id)
    return Operation.of(found)
