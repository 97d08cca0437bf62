"""The Temporal Schedules of the `bridge` context: one per background schedule, and one for children that wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from domain.pipeline.nights import full_hours
from domain.pipeline.windows import Window
from workflows.bridge.contracts import (
    BACKGROUND_SYNC_WORKFLOW,
    ENTITY_SYNC_WORKFLOW,
    PENDING_CHILDREN_ID,
    PENDING_CHILDREN_WORKFLOW,
    ChildrenState,
    EntitySync,
    NightRun,
    background_sync_id,
    entity_sync_id,
)
from workflows.bridge.starting import night_attributes
from workflows.schedules import PREFIX
from workflows.search_attributes import CONTEXT
from workflows.task_queues import HIGH_PRIORITY

BACKGROUND_PREFIX: Final = f"{PREFIX}bridge-"
CHILDREN: Final = f"{PREFIX}children-of-bridge"
STOPPED: Final = "the scheduler is stopped"
CHILDREN_EVERY: Final = timedelta(minutes=5)
# What was interrupted goes on at the next full hour anyway; nothing is made up for.
_CATCH_UP: Final = timedelta(hours=1)


def bridge_schedules() -> dict[str, Schedule]:
    """Those that are always wanted, by id."""
    action = ScheduleActionStartWorkflow(
        PENDING_CHILDREN_WORKFLOW,
        ChildrenState(),
        id=PENDING_CHILDREN_ID,
        task_queue=HIGH_PRIORITY,
        static_summary="Children whose next try is due",
        typed_search_attributes=TypedSearchAttributes([SearchAttributePair(CONTEXT, "bridge")]),
    )
    every = ScheduleSpec(intervals=[ScheduleIntervalSpec(CHILDREN_EVERY)])
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CHILDREN_EVERY)
    return {CHILDREN: Schedule(action=action, spec=every, policy=policy)}


def background_schedule(uid: UUID, entity_name: str, window: Window, *, held: str | None = None) -> Schedule:
    """The schedule of one entity's nights; `held` says why it is paused."""
    action = ScheduleActionStartWorkflow(
        BACKGROUND_SYNC_WORKFLOW,
        NightRun(schedule_uid=uid),
        id=background_sync_id(uid),
        task_queue=HIGH_PRIORITY,
        static_summary=f"Background sync of {entity_name}",
        typed_search_attributes=night_attributes(entity_name),
    )
    return Schedule(
        action=action,
        spec=looks(window),
        # A night that lasts longer than its window is not overtaken by the next.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
        state=ScheduleState(paused=held is not None, note=held),
    )


def entity_schedule_id(entity_uid: UUID) -> str:
    """Of the schedule by which an entity is synchronised."""
    return f"{BACKGROUND_PREFIX}entity-{entity_uid}"


def entity_schedule(uid: UUID, entity_name: str, cron: str, *, held: str | None = None) -> Schedule:
    """The schedule by which an entity is synchronised; `cron` has five fields and is in UTC."""
    action = ScheduleActionStartWorkflow(
        ENTITY_SYNC_WORKFLOW,
        EntitySync(entity_uid=uid),
        id=entity_sync_id(uid),
        task_queue=HIGH_PRIORITY,
        static_summary=f"Scheduled sync of {entity_name}",
        typed_search_attributes=night_attributes(entity_name),
    )
    return Schedule(
        action=action,
        spec=ScheduleSpec(cron_expressions=[cron]),
        # After an outage one sync brings what several would have.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
        state=ScheduleState(paused=held is not None, note=held),
    )


def looks(window: Window) -> ScheduleSpec:
    """The window's start, and every full hour inside it, on the clocks of its zone."""
    start = window.start
    at_start = ScheduleCalendarSpec(
        second=[ScheduleRange(start.second)], minute=[ScheduleRange(start.minute)], hour=[ScheduleRange(start.hour)]
    )
    hours = [ScheduleRange(hour) for hour in full_hours(window)]
    hourly = [ScheduleCalendarSpec(hour=hours)] if hours else []
    return ScheduleSpec(calendars=[at_start, *hourly], time_zone_name=window.zone)
