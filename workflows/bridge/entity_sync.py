"""EntitySyncWorkflow: what the schedule of an entity starts. It has a batch started, and ends.

Deterministic and thin. The batch is a workflow of its own, whose id is the single flight of the entity; where one is
under way already, this turn is left out.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import workflows.bridge.steps as steps
    from workflows.bridge.contracts import ENTITY_SYNC_WORKFLOW, EntityBatch, EntityBatchStarted, EntitySync


@workflow.defn(name=ENTITY_SYNC_WORKFLOW)
class EntitySyncWorkflow:
    """One turn of an entity's schedule."""

    @workflow.run
    async def run(self, start: EntitySync) -> EntityBatchStarted:
        """Start an incremental batch."""
        batch = EntityBatch(entity_uid=start.entity_uid, batch_uid=workflow.uuid4())
        return await steps.START_ENTITY_BATCH.run(
            batch, id="start", summary="start a batch", fairness_key=str(start.entity_uid)
        )
