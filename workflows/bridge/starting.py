"""How batches are started and stopped from outside, and what waits is woken.

The memo names the batch a run belongs to, so that a run is never taken for another batch's.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from temporalio.client import Client, ScheduleActionExecutionStartWorkflow, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from workflows.bridge.contracts import (
    BACKGROUND_SYNC_WORKFLOW,
    BRIDGE_BATCH_WORKFLOW,
    MEMO_BATCH,
    PARENTS_ARRIVED,
    PENDING_CHILDREN_ID,
    PENDING_CHILDREN_WORKFLOW,
    BatchResult,
    BatchRun,
    ChildrenState,
    NightResult,
    NightRun,
    background_schedule_id,
    background_sync_id,
    bridge_batch_id,
    bridge_fairness,
)
from workflows.search_attributes import CONTEXT, ENTITY_NAME, PROGRESS, SYNC_STATUS
from workflows.task_queues import HIGH_PRIORITY


async def start_batch(client: Client, run: BatchRun, *, timeout: timedelta) -> WorkflowHandle[object, BatchResult]:
    """Start the workflow; needs no worker to be alive. Raises `WorkflowAlreadyStartedError`, RPC errors."""
    handle: WorkflowHandle[object, BatchResult] = await client.start_workflow(
        BRIDGE_BATCH_WORKFLOW,
        run,
        id=bridge_batch_id(run.source_system, run.entity_name),
        task_queue=HIGH_PRIORITY,
        result_type=BatchResult,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        memo={MEMO_BATCH: str(run.batch_uid)},
        static_summary=batch_summary(run),
        search_attributes=batch_attributes(run),
        priority=Priority(fairness_key=bridge_fairness(run.source_system, run.entity_name)),
        rpc_timeout=timeout,
    )
    return handle


def batch_summary(run: BatchRun) -> str:
    """One line for the Web UI."""
    return f"{run.sync_type.capitalize()} sync of {run.entity_name}" + (", dry run" if run.dry_run else "")


def batch_attributes(run: BatchRun) -> TypedSearchAttributes:
    """What operators find a batch by."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(CONTEXT, "bridge"),
            SearchAttributePair(ENTITY_NAME, run.entity_name),
            SearchAttributePair(SYNC_STATUS, "pending"),
            SearchAttributePair(PROGRESS, 0),
        ]
    )


async def running_batch(client: Client, source_system: str, entity_name: str, *, timeout: timedelta) -> UUID | None:
    """The batch in flight of an entity of a source; None when there is none. Raises RPC errors."""
    return await _batch_of(client, bridge_batch_id(source_system, entity_name), timeout)


async def _batch_of(client: Client, workflow_id: str, timeout: timedelta) -> UUID | None:
    try:
        description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=timeout)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    if description.status != WorkflowExecutionStatus.RUNNING:
        return None
    named: str | None = await description.memo_value(MEMO_BATCH, None)
    return UUID(named) if named else None


async def cancel_batch(client: Client, run: BatchRun, *, timeout: timedelta) -> bool:
    """Ask the batch's workflow to stop; False when it does not run. Raises RPC errors."""
    workflow_id = bridge_batch_id(run.source_system, run.entity_name)
    return await _cancel(client, workflow_id, run.batch_uid, timeout)


async def start_night(
    client: Client, schedule_uid: UUID, entity_name: str, *, force: bool, timeout: timedelta
) -> WorkflowHandle[object, NightResult]:
    """Begin a night by hand. Raises `WorkflowAlreadyStartedError`, RPC errors."""
    handle: WorkflowHandle[object, NightResult] = await client.start_workflow(
        BACKGROUND_SYNC_WORKFLOW,
        NightRun(schedule_uid=schedule_uid, force=force),
        id=background_sync_id(schedule_uid),
        task_queue=HIGH_PRIORITY,
        result_type=NightResult,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        static_summary=f"Background sync of {entity_name}, begun by hand" + (", outside its window" if force else ""),
        search_attributes=night_attributes(entity_name),
        priority=Priority(fairness_key=str(schedule_uid)),
        rpc_timeout=timeout,
    )
    return handle


def night_attributes(entity_name: str) -> TypedSearchAttributes:
    """What operators find a night by."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(CONTEXT, "bridge"),
            SearchAttributePair(ENTITY_NAME, entity_name),
            SearchAttributePair(SYNC_STATUS, "pending"),
        ]
    )


async def cancel_night(client: Client, schedule_uid: UUID, batch_uid: UUID, *, timeout: timedelta) -> bool:
    """Ask the night that works on this batch to stop; False when none does. Raises RPC errors."""
    for workflow_id in [background_sync_id(schedule_uid), *await _begun_by(client, schedule_uid, timeout)]:
        if await _cancel(client, workflow_id, batch_uid, timeout):
            return True
    return False


async def is_worked_on(client: Client, schedule_uid: UUID, batch_uid: UUID, *, timeout: timedelta) -> bool:
    """Whether a night of the schedule works on this batch. Raises RPC errors."""
    for workflow_id in [background_sync_id(schedule_uid), *await _begun_by(client, schedule_uid, timeout)]:
        if await _batch_of(client, workflow_id, timeout) == batch_uid:
            return True
    return False


async def _begun_by(client: Client, schedule_uid: UUID, timeout: timedelta) -> list[str]:
    """Ids of the nights that the schedule began and that run."""
    try:
        handle = client.get_schedule_handle(background_schedule_id(schedule_uid))
        running = (await handle.describe(rpc_timeout=timeout)).info.running_actions
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return []
        raise
    return [action.workflow_id for action in running if isinstance(action, ScheduleActionExecutionStartWorkflow)]


async def _cancel(client: Client, workflow_id: str, batch_uid: UUID, timeout: timedelta) -> bool:
    try:
        description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=timeout)
        named: str | None = await description.memo_value(MEMO_BATCH, None)
        if description.status != WorkflowExecutionStatus.RUNNING or named != str(batch_uid):
            return False
        # Not the id alone: by now the next batch of the entity may bear it. Nor the run alone: it may have continued
        # as new meanwhile. The first run's id names the chain.
        first = description.raw_info.first_run_id or description.run_id
        handle = client.get_workflow_handle(workflow_id, first_execution_run_id=first)
        await handle.cancel(rpc_timeout=timeout)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def wake_pending_children(client: Client, *, timeout: timedelta) -> None:
    """Have children looked for whose parents came: start the workflow, or tell the one that runs. Raises RPC errors."""
    await client.start_workflow(
        PENDING_CHILDREN_WORKFLOW,
        ChildrenState(),
        id=PENDING_CHILDREN_ID,
        task_queue=HIGH_PRIORITY,
        start_signal=PARENTS_ARRIVED,
        static_summary="Children whose parents came",
        search_attributes=TypedSearchAttributes([SearchAttributePair(CONTEXT, "bridge")]),
        rpc_timeout=timeout,
    )
