"""Starting and cancelling a bulk sync.

The operation is committed before the workflow is started, so a task id that was answered can be polled at once;
the workflow id decides who of many concurrent callers starts it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.cards.deps import ServicesDep
from api.cards.errors import SyncInProgress, SyncNotFound
from api.cards.models import Accepted
from api.cards.parameters import PREFIX
from api.cards.services import CardsServices
from api.cards.state import linked_seller, require_connected
from api.cards.syncs import AlreadyRunning, RunningSync
from api.deps import OwnerDep
from api.errors import ApiError, TemporalUnavailable, documented
from db.cards import operations, sellers
from db.cards.sellers import Seller
from workflows.cards.contracts import BulkSyncInput, SyncMode

router = APIRouter(prefix=PREFIX, tags=["sync"])

ForceQuery = Annotated[
    bool, Query(description="cancel a running sync first, and accept a stock that shrank suspiciously")
]


@router.post("/start/{user_id}", status_code=202, responses=documented(400, 401, 403, 404, 409, 422))
async def start(user_id: OwnerDep, services: ServicesDep, force: ForceQuery = False) -> Accepted:
    """Synchronise the seller's whole stock from CardTrader."""
    seller = await linked_seller(services, user_id)
    operation_id = await start_sync(services, seller, force=force)
    message = "Bulk sync started (forced)" if force else "Bulk sync started"
    return Accepted(task_id=str(operation_id), user_id=user_id, message=message)


@router.post("/cancel/{user_id}", status_code=202, responses=documented(400, 401, 403, 404, 422))
async def cancel(user_id: OwnerDep, services: ServicesDep) -> Accepted:
    """Ask the seller's running sync to stop; what it merged stays."""
    running = await services.syncs.running(user_id)
    if running is None:
        raise SyncNotFound("No sync of this account is running.", user_id=str(user_id))
    await services.syncs.cancel(user_id, running)
    return Accepted(task_id=running.operation_id or "", user_id=user_id, message="Cancellation requested")


async def start_sync(
    services: CardsServices, seller: Seller, *, force: bool = False, mode: SyncMode = "bulk_sync", dry_run: bool = False
) -> UUID:
    """The operation of a new bulk sync. Raises `SyncNotFound`, `SyncInProgress`, `TemporalUnavailable`."""
    require_connected(services, seller)
    await make_way(services, seller, force=force)
    metadata = {"mode": mode, "force": force, **({"dry_run": True} if dry_run else {})}

    async def run(operation_id: UUID) -> None:
        sync = BulkSyncInput(user_id=seller.user_id, operation_id=operation_id, mode=mode, force=force, dry_run=dry_run)
        await services.syncs.start(sync)

    return await launch(services, seller, mode, metadata, run)


async def make_way(
    services: CardsServices, seller: Seller, *, force: bool = False, blueprint_id: int | None = None
) -> None:
    """Wait for the end of what is ending, or, by `force`, of what runs. Raises `SyncInProgress`."""
    syncs, user_id = services.syncs, seller.user_id
    running = await syncs.running(user_id, blueprint_id=blueprint_id)
    if running is None:
        return
    if force:
        gone = await syncs.stop(user_id, running)
    else:
        over = await _is_over(services, seller, running)
        gone = over and await syncs.ended(user_id, running, blueprint_id=blueprint_id)
    if not gone:
        raise _in_progress(seller, running)


async def _is_over(services: CardsServices, seller: Seller, running: RunningSync) -> bool:
    """Whether the seller was told that it ended: the workflow closes a moment after its operation."""
    if running.operation_id is None:
        return False
    async with services.transaction() as connection:
        operation = await operations.find(connection, seller.user_id, running.operation_id)
    return operation is not None and not operation.is_open


async def launch(
    services: CardsServices,
    seller: Seller,
    operation_type: str,
    metadata: Mapping[str, object],
    run: Callable[[UUID], Awaitable[None]],
) -> UUID:
    """Commit an operation, then start its workflow by `run`; its id. Raises as `start_sync`."""
    operation_id = services.new_id()
    async with services.transaction() as connection:
        # Whoever disconnects afterwards sees the operation; whoever did before is seen here.
        require_connected(services, await sellers.find(connection, seller.user_id, lock=True))
        await operations.register(connection, seller.user_id, operation_id, operation_type, metadata)
    try:
        await run(operation_id)
    except AlreadyRunning:
        await _discard(services, operation_id)
        raise _in_progress(seller, await services.syncs.running(seller.user_id)) from None
    except Exception as error:
        await _close_unstarted(services, operation_id, error)
        raise
    return operation_id


async def _discard(services: CardsServices, operation_id: UUID) -> None:
    async with services.transaction() as connection:
        await operations.discard(connection, operation_id)


async def _close_unstarted(services: CardsServices, operation_id: UUID, error: Exception) -> None:
    # The start may have got through although its answer did not: a closed operation ends such a workflow at once.
    code = error.code if isinstance(error, ApiError) else TemporalUnavailable.code
    reason = {"code": code, "message": "The sync could not be started. Start it again."}
    async with services.transaction() as connection:
        await operations.close(connection, operation_id, "failed", {"phase": "done", "error": reason})


def _in_progress(seller: Seller, running: RunningSync | None) -> SyncInProgress:
    task_id = None if running is None else running.operation_id
    return SyncInProgress(user_id=str(seller.user_id), current_status=seller.sync_status, task_id=task_id)
