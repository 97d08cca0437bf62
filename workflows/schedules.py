"""Temporal Schedules are brought to the desired state when a worker starts (architecture.md, rule 10).

Only schedules whose id begins with our prefix are touched; whether one is paused is the operator's, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleAlreadyRunningError,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

PREFIX: Final = "brx-"


async def reconcile_schedules(client: Client, desired: Mapping[str, Schedule]) -> None:
    """Create what is not there, renew what is, delete what is no longer wanted. Raises RPC errors."""
    if strangers := [schedule_id for schedule_id in desired if not schedule_id.startswith(PREFIX)]:
        raise ValueError(f"ids of our schedules begin with {PREFIX}: {strangers}")
    for schedule_id, schedule in desired.items():
        await _ensure(client, schedule_id, schedule)
    async for listed in await client.list_schedules():
        if listed.id.startswith(PREFIX) and listed.id not in desired:
            await _delete(client, listed.id)


async def _ensure(client: Client, schedule_id: str, schedule: Schedule) -> None:
    def renewed(current: ScheduleUpdateInput) -> ScheduleUpdate:
        # An update replaces all: without its state, a schedule that is held would run again.
        return ScheduleUpdate(replace(schedule, state=current.description.schedule.state))

    try:
        await client.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(schedule_id).update(renewed)


async def _delete(client: Client, schedule_id: str) -> None:
    try:
        await client.get_schedule_handle(schedule_id).delete()
    except RPCError as error:
        # The list lags behind, and another worker may have been first.
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
