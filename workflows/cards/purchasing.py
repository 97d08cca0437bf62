"""How a purchase's workflow is started: by the facade that reserved it, and by the relay when that start was lost."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy

from workflows.cards.contracts import PURCHASE_WORKFLOW, PurchaseOutcome, PurchaseRef, purchase_id
from workflows.search_attributes import CONTEXT, USER_ID
from workflows.task_queues import HIGH_PRIORITY


async def start_purchase(
    client: Client, user_id: UUID, operation_id: UUID, idempotency_key: str, *, timeout: timedelta
) -> WorkflowHandle[object, PurchaseOutcome]:
    """Start the workflow, or join the one that runs; needs no worker. Raises RPC errors, or `RuntimeError`."""
    handle: WorkflowHandle[object, PurchaseOutcome] = await client.start_workflow(
        PURCHASE_WORKFLOW,
        PurchaseRef(user_id=user_id, operation_id=operation_id),
        id=purchase_id(user_id, idempotency_key),
        task_queue=HIGH_PRIORITY,
        result_type=PurchaseOutcome,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="Purchase",
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(USER_ID, str(user_id)), SearchAttributePair(CONTEXT, "cards")]
        ),
        priority=Priority(priority_key=1, fairness_key=str(user_id)),
        rpc_timeout=timeout,
    )
    return handle
