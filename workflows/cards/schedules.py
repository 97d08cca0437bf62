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
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from workflows.cards.contracts import RECONCILE_SWEEP_WORKFLOW, SweepState
from workflows.schedules import PREFIX
from workflows.search_attributes import CONTEXT
from workflows.task_queues import HIGH_PRIORITY

RECONCILE: Final = f"{PREFIX}reconcile"
_OFFSET: Final = timedelta(minutes=15)


def cards_schedules(interval: timedelta, *, most_running: int) -> dict[str, Schedule]:
    """By id; an interval of zero means that nothing is reconciled by itself."""
    if not interval:
        return {}
    minutes = max(1, interval // timedelta(minutes=1))
    sweep = SweepState(period_minutes=minutes, most_running=most_running)
    action = ScheduleActionStartWorkflow(
        RECONCILE_SWEEP_WORKFLOW,
        sweep,
        id="reconcile-sweep",
        task_queue=HIGH_PRIORITY,
        static_summary="Reconcile every active account",
        typed_search_attributes=TypedSearchAttributes([SearchAttributePair(CONTEXT, "cards")]),
    )
    return {
        RECONCILE: Schedule(
            action=action,
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(interval, offset=min(_OFFSET, interval / 2))]),
            # A sweep that takes longer than its period is not overtaken by the next.
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(hours=1)),
        )
    }
