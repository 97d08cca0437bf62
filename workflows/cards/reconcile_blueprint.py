"""ReconcileBlueprintWorkflow: reads one blueprint of a seller again, and reports what differed.

Deterministic and thin: one activity that does all in one transaction, and one that closes the operation when it could
not be done.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    import workflows.cards.steps as steps
    from domain.cards.sync_errors import code_for, sentence
    from workflows.cards.contracts import RECONCILE_BLUEPRINT_WORKFLOW, BlueprintAborted, ReconcileBlueprint
    from workflows.steps import wire_type


@workflow.defn(name=RECONCILE_BLUEPRINT_WORKFLOW)
class ReconcileBlueprintWorkflow:
    """Started with id `reconcile:{user_id}:{blueprint_id}`, which is the single flight."""

    @workflow.run
    async def run(self, request: ReconcileBlueprint) -> None:
        """Fails with a code of domain.cards.sync_errors as its type."""
        try:
            await steps.RECONCILE_BLUEPRINT.run(
                request,
                id="reconcile",
                summary=f"read blueprint {request.blueprint_id} again",
                fairness_key=str(request.user_id),
            )
        except (ActivityError, asyncio.CancelledError) as error:
            cancelled = is_cancelled_exception(error)
            code = "SYNC_CANCELLED" if cancelled else code_for(wire_type(error))
            await asyncio.shield(self._close(request, code))
            if cancelled:
                raise
            raise ApplicationError(sentence(code), type=code, non_retryable=True) from error

    async def _close(self, request: ReconcileBlueprint, code: str) -> None:
        aborted = BlueprintAborted(user_id=request.user_id, operation_id=request.operation_id, code=code)
        await steps.ABORT_BLUEPRINT.run(
            aborted, id="abort", summary=f"close the operation: {code}", fairness_key=str(request.user_id)
        )
