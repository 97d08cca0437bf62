"""Temporal Schedules are brought to the desired state when a worker starts (architecture.md, rule 10).

Only schedules whose id begins with our prefix are touched; whether one is paused is the operator's, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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


async def reconcile_schedules(
    client: Client,
    desired: Mapping[str, Schedule],
    *,
    prefix: str = PREFIX,
    spared: str | None = None,
    grace: timedelta = timedelta(),
) -> None:
    """Create what is not there, renew what is, delete what is no longer wanted. Raises RPC errors.

    Args:
        client: of the namespace.
        desired: by id.
        prefix: which schedules these are all of.
        spared: those with this prefix are another call's matter.
        grace: unwanted ones stay that are younger: what wants them may not be committed yet.
    """
    if strangers := [schedule_id for schedule_id in desired if not schedule_id.startswith(prefix)]:
        raise ValueError(f"ids of our schedules begin with {prefix}: {strangers}")
    for schedule_id, schedule in desired.items():
        await _ensure(client, schedule_id, schedule)
    async for listed in await client.list_schedules():
        if listed.id.startswith(prefix) and listed.id not in desired and not (spared and listed.id.startswith(spared)):
            await _delete(client, listed.id, grace)


async def _ensure(client: Client, schedule_id: str, schedule: Schedule) -> None:
    def renewed(current: ScheduleUpdateInput) -> ScheduleUpdate:
        # An update replaces all: without its state, a schedule that is held would run again.
        return ScheduleUpdate(replace(schedule, state=current.description.schedule.state))

    try:
        await client.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(schedule_id).update(renewed)


async def _delete(client: Client, schedule_id: str, grace: timedelta) -> None:
    handle = client.get_schedule_handle(schedule_id)
    try:
        if not grace or (await handle.describe()).info.created_at < datetime.now(UTC) - grace:
            await handle.delete()
    except RPCError as error:
        # The list lags behind, and another worker may have been first.
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
