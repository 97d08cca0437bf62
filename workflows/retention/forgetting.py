"""RetentionWorkflow: once a day every context forgets what is old.

Deterministic and thin: one activity per context, beside each other, so that one that fails holds no other up. What an
activity has deleted is gone; one that is repeated, or comes a day later, goes on with the rest.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows.retention.contracts import RETENTION_WORKFLOW, Forgotten, Retention
    from workflows.retention.steps import STEPS

_FAIRNESS = "retention"


@workflow.defn(name=RETENTION_WORKFLOW)
class RetentionWorkflow:
    """Started by the schedule `brx-retention`; one at a time."""

    @workflow.run
    async def run(self, start: Retention) -> Forgotten:
        """One turn. Raises what failed a context, when all are through."""
        turns = [
            step.run(start, id=context, summary=f"forget what is old in {context}", fairness_key=_FAIRNESS)
            for context, step in STEPS.items()
        ]
        ended = await asyncio.gather(*turns, return_exceptions=True)
        forgotten = sum((one for one in ended if isinstance(one, Forgotten)), Forgotten())
        workflow.set_current_details(f"{forgotten.rows:,} rows forgotten")
        for one in ended:
            if isinstance(one, ActivityError | asyncio.CancelledError):
                raise one
        return forgotten
