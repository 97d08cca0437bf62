"""The schedules of the `store` context."""

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

from workflows.schedules import PREFIX
from workflows.search_attributes import CONTEXT
from workflows.store.contracts import STORE_SWEEP_WORKFLOW, StorePage
from workflows.task_queues import HIGH_PRIORITY

STORE_PUSH: Final = f"{PREFIX}store-push"


def store_schedules(interval: timedelta) -> dict[str, Schedule]:
    """By id; an interval of zero means that nothing is swept by itself."""
    if not interval:
        return {}
    action = ScheduleActionStartWorkflow(
        STORE_SWEEP_WORKFLOW,
        StorePage(),
        id="store-sweep",
        task_queue=HIGH_PRIORITY,
        static_summary="Wake every shop",
        typed_search_attributes=TypedSearchAttributes([SearchAttributePair(CONTEXT, "store")]),
    )
    return {
        STORE_PUSH: Schedule(
            action=action,
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(interval)]),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=interval),
        )
    }
