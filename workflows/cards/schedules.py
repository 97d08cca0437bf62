"""The schedules of the `cards` context."""

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

from workflows.cards.contracts import RECONCILE_SWEEP_WORKFLOW, SweepState
from workflows.schedules import PREFIX
from workflows.task_queues import HIGH_PRIORITY

RECONCILE: Final = f"{PREFIX}reconcile"
_OFFSET: Final = timedelta(minutes=15)


def cards_schedules(interval: timedelta, *, most_running: int) -> dict[str, Schedule]:
    """By id; an interval of zero means that nothing is reconciled by itself."""
    if not interval:
        return {}
    sweep = SweepState(period_minutes=interval // timedelta(minutes=1), most_running=most_running)
    action = ScheduleActionStartWorkflow(
        RECONCILE_SWEEP_WORKFLOW,
        sweep,
        id="reconcile-sweep",
        task_queue=HIGH_PRIORITY,
        static_summary="Reconcile every active account",
    )
    return {
        RECONCILE: Schedule(
            action=action,
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(interval, offset=min(_OFFSET, interval / 2))]),
            # A sweep that takes longer than its period is not overtaken by the next.
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(hours=1)),
        )
    }
