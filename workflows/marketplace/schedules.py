"""The schedules of the `marketplace` context."""

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

from workflows.marketplace.contracts import ORDER_SWEEP_WORKFLOW, OrderSweep
from workflows.schedules import PREFIX
from workflows.search_attributes import CONTEXT
from workflows.task_queues import HIGH_PRIORITY

STORE_ORDERS: Final = f"{PREFIX}store-orders"


def marketplace_schedules(interval: timedelta) -> dict[str, Schedule]:
    """By id; an interval of zero means that no receipt is tried again by itself."""
    if not interval:
        return {}
    action = ScheduleActionStartWorkflow(
        ORDER_SWEEP_WORKFLOW,
        OrderSweep(),
        id="store-orders-sweep",
        task_queue=HIGH_PRIORITY,
        execution_timeout=timedelta(minutes=10),
        static_summary="Start stores with due receipts",
        typed_search_attributes=TypedSearchAttributes([SearchAttributePair(CONTEXT, "marketplace")]),
    )
    return {
        STORE_ORDERS: Schedule(
            action=action,
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(interval)]),
            # What was missed is due at the next turn anyway.
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
        )
    }
