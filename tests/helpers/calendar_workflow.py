"""What a Temporal Schedule does, as a workflow: its time can be skipped, a schedule's cannot.

Imported by tests that run workflows: see `tests.helpers.scripted`.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError

with workflow.unsafe.imports_passed_through():
    from workflows.bridge.contracts import BACKGROUND_SYNC_WORKFLOW, NightResult, NightRun, background_sync_id


class Calendar(BaseModel):
    """Start a night of the schedule at each of these instants."""

    schedule_uid: UUID
    looks: list[datetime]


@workflow.defn
class CalendarWorkflow:
    """One look after the other; what a night came to is the next one's matter."""

    @workflow.run
    async def run(self, calendar: Calendar) -> list[NightResult]:
        """What every look led to that did not fail."""
        return [ended for at in calendar.looks if (ended := await self._look(calendar.schedule_uid, at)) is not None]

    async def _look(self, schedule_uid: UUID, at: datetime) -> NightResult | None:
        if (wait := at - workflow.now()).total_seconds() > 0:
            await workflow.sleep(wait)
        try:
            ended: NightResult = await workflow.execute_child_workflow(
                BACKGROUND_SYNC_WORKFLOW,
                NightRun(schedule_uid=schedule_uid),
                result_type=NightResult,
                id=f"{background_sync_id(schedule_uid)}-{at.isoformat()}",
            )
        except ChildWorkflowError:
            return None
        return ended
