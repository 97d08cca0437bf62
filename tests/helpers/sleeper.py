"""A bulk sync that does nothing until it is cancelled."""

from __future__ import annotations

from temporalio import workflow

from workflows.cards.contracts import BULK_SYNC_WORKFLOW, BulkSyncInput


@workflow.defn(name=BULK_SYNC_WORKFLOW)
class Sleeper:
    """Waits."""

    @workflow.run
    async def run(self, sync: BulkSyncInput) -> str:
        """Wait for the cancellation."""
        await workflow.wait_condition(lambda: False)
        return str(sync.operation_id)
