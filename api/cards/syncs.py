"""Bulk syncs as Temporal sees them: start, look, cancel. The workflow id is the single flight of a seller.

The memo names the operation a run belongs to, so that a run is never taken for another operation's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.temporal import CALL, temporal_faults
from workflows.cards.contracts import BulkSyncInput, ReconcileBlueprint, bulk_sync_id, reconcile_blueprint_id
from workflows.cards.starting import MEMO_OPERATION, start_bulk_sync, start_reconcile_blueprint

_CLOSE_POLL_SECONDS: Final = 0.2


class AlreadyRunning(Exception):
    """A bulk sync of this seller is running."""


@dataclass(frozen=True, slots=True)
class RunningSync:
    """A sync in flight: its operation (None when nobody told), its chain of runs, and whether it is retrying."""

    operation_id: str | None
    first_run_id: str
    retrying: bool

    def belongs_to(self, operation_id: str) -> bool:
        """Whether it may be the run of that operation."""
        return self.operation_id in (None, operation_id)


class BulkSyncs:
    """Every method raises `TemporalUnavailable` within seconds when the server does not answer."""

    def __init__(
        self,
        client: Client,
        *,
        close_polls: int = 50,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._client, self._close_polls, self._sleep = client, close_polls, sleep

    async def start(self, sync: BulkSyncInput) -> None:
        """Start the workflow; needs no worker to be alive. Raises `AlreadyRunning`."""
        try:
            with temporal_faults():
                await start_bulk_sync(self._client, sync, timeout=CALL)
        except WorkflowAlreadyStartedError:
            raise AlreadyRunning from None

    async def start_blueprint(self, request: ReconcileBlueprint) -> None:
        """Start the reconciliation of one blueprint. Raises `AlreadyRunning`."""
        try:
            with temporal_faults():
                await start_reconcile_blueprint(self._client, request, timeout=CALL)
        except WorkflowAlreadyStartedError:
            raise AlreadyRunning from None

    async def running(
        self, user_id: UUID, *, blueprint_id: int | None = None, timeout: timedelta = CALL
    ) -> RunningSync | None:
        """The seller's sync in flight, or the reconciliation of that blueprint, if any."""
        workflow_id = bulk_sync_id(user_id) if blueprint_id is None else reconcile_blueprint_id(user_id, blueprint_id)
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            with temporal_faults():
                description = await handle.describe(rpc_timeout=timeout)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise
        return await _running(description)

    async def cancel(self, user_id: UUID, sync: RunningSync) -> None:
        """Ask this very sync, and no later one, to stop; no effect when it has ended."""
        handle = self._client.get_workflow_handle(bulk_sync_id(user_id), first_execution_run_id=sync.first_run_id)
        try:
            with temporal_faults():
                await handle.cancel(rpc_timeout=CALL)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise

    async def stop(self, user_id: UUID, sync: RunningSync) -> bool:
        """Cancel it, and wait for its end as `ended` does."""
        await self.cancel(user_id, sync)
        return await self.ended(user_id, sync)

    async def ended(self, user_id: UUID, sync: RunningSync, *, blueprint_id: int | None = None) -> bool:
        """Wait, about ten seconds at most, for its end; False when it goes on."""
        for _ in range(self._close_polls):
            now = await self.running(user_id, blueprint_id=blueprint_id)
            if now is None or now.first_run_id != sync.first_run_id:
                return True
            await self._sleep(_CLOSE_POLL_SECONDS)
        return False


async def _running(description: WorkflowExecutionDescription) -> RunningSync | None:
    if description.status != WorkflowExecutionStatus.RUNNING:
        return None
    pending = description.raw_description.pending_activities
    return RunningSync(
        operation_id=await description.memo_value(MEMO_OPERATION, None),
        first_run_id=description.raw_description.workflow_execution_info.first_run_id,
        retrying=any(activity.attempt > 1 for activity in pending),
    )
