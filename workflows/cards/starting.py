"""How syncs are started, by the facade or by a sweep. The workflow id is the single flight of a seller.

The memo names the operation a run belongs to, so that a run is never taken for another operation's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from workflows.cards.contracts import (
    BULK_SYNC_WORKFLOW,
    RECONCILE_BLUEPRINT_WORKFLOW,
    BulkSyncInput,
    ReconcileBlueprint,
    bulk_sync_id,
    reconcile_blueprint_id,
)
from workflows.search_attributes import CONTEXT, PROGRESS, SYNC_PHASE, SYNC_STATUS, USER_ID
from workflows.task_queues import HIGH_PRIORITY

MEMO_OPERATION: Final = "operation_id"


async def start_bulk_sync(client: Client, sync: BulkSyncInput, *, timeout: timedelta) -> None:
    """Start the workflow; needs no worker to be alive. Raises `WorkflowAlreadyStartedError`, RPC errors."""
    await client.start_workflow(
        BULK_SYNC_WORKFLOW,
        sync,
        id=bulk_sync_id(sync.user_id),
        task_queue=HIGH_PRIORITY,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        memo={MEMO_OPERATION: str(sync.operation_id)},
        static_summary=_summary(sync),
        search_attributes=_attributes(sync.user_id),
        priority=Priority(fairness_key=str(sync.user_id)),
        rpc_timeout=timeout,
    )


async def start_reconcile_blueprint(client: Client, request: ReconcileBlueprint, *, timeout: timedelta) -> None:
    """Start the reconciliation of one blueprint. Raises `WorkflowAlreadyStartedError`, RPC errors."""
    attributes = [SearchAttributePair(USER_ID, str(request.user_id)), SearchAttributePair(CONTEXT, "cards")]
    await client.start_workflow(
        RECONCILE_BLUEPRINT_WORKFLOW,
        request,
        id=reconcile_blueprint_id(request.user_id, request.blueprint_id),
        task_queue=HIGH_PRIORITY,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        memo={MEMO_OPERATION: str(request.operation_id)},
        static_summary="Reconciliation of one blueprint" + (", dry run" if request.dry_run else ""),
        search_attributes=TypedSearchAttributes(attributes),
        priority=Priority(fairness_key=str(request.user_id)),
        rpc_timeout=timeout,
    )


def _summary(sync: BulkSyncInput) -> str:
    name = "Bulk sync" if sync.mode == "bulk_sync" else "Reconciliation"
    name += ", dry run" if sync.dry_run else ""
    return f"{name}, removals accepted" if sync.force else name


def _attributes(user_id: UUID) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(USER_ID, str(user_id)),
            SearchAttributePair(CONTEXT, "cards"),
            SearchAttributePair(SYNC_STATUS, "pending"),
            SearchAttributePair(SYNC_PHASE, "queued"),
            SearchAttributePair(PROGRESS, 0),
        ]
    )


async def running_operation(
    client: Client, user_id: UUID, *, blueprint_id: int | None = None, timeout: timedelta
) -> str | None:
    """The operation of the seller's sync in flight, of the whole stock or of that blueprint.

    None when there is none, or it tells no operation. Raises RPC errors.
    """
    name = bulk_sync_id(user_id) if blueprint_id is None else reconcile_blueprint_id(user_id, blueprint_id)
    try:
        description = await client.get_workflow_handle(name).describe(rpc_timeout=timeout)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    if description.status != WorkflowExecutionStatus.RUNNING:
        return None
    operation_id: str | None = await description.memo_value(MEMO_OPERATION, None)
    return operation_id
