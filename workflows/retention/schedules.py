"""The schedule of the retention."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from workflows.retention.contracts import RETENTION_ID, RETENTION_WORKFLOW, Retention
from workflows.schedules import PREFIX
from workflows.task_queues import HIGH_PRIORITY

RETENTION: Final = f"{PREFIX}retention"
_DAY: Final = timedelta(days=1)
_AT: Final = timedelta(hours=3, minutes=40)


def retention_schedules() -> dict[str, Schedule]:
    """By id: every night, in UTC."""
    action = ScheduleActionStartWorkflow(
        RETENTION_WORKFLOW,
        Retention(),
        id=RETENTION_ID,
        task_queue=HIGH_PRIORITY,
        static_summary="Forget what is old",
    )
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(_DAY, offset=_AT)])
    # After an outage one turn does what several would have.
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_DAY)
    return {RETENTION: Schedule(action=action, spec=spec, policy=policy)}
