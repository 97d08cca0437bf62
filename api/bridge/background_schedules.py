"""Background schedules as Temporal sees them: made, held, released, begun by hand.

The schedule of waiting children stands for the whole scheduler: it is there as soon as anything was scheduled, and
whether it is held says whether all are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from temporalio.client import Client, ScheduleAlreadyRunningError, ScheduleUpdate, ScheduleUpdateInput
from temporalio.client import Schedule as TemporalSchedule
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.temporal import CALL, temporal_faults
from db.bridge.background import Schedule
from workflows.bridge.contracts import background_schedule_id
from workflows.bridge.schedules import CHILDREN, STOPPED, background_schedule, bridge_schedules
from workflows.bridge.starting import start_night


class NightInProgress(Exception):
    """A night of the schedule that was begun by hand has not ended yet."""


class BackgroundSchedules:
    """Every method raises `TemporalUnavailable` within seconds when the server does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def is_running(self) -> bool:
        """Whether the scheduler is not stopped."""
        try:
            with temporal_faults():
                description = await self._client.get_schedule_handle(CHILDREN).describe(rpc_timeout=CALL)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return True
            raise
        return not description.schedule.state.paused

    async def put(self, schedule: Schedule) -> None:
        """Make its Temporal Schedule what the row says; held if it is not due, or the scheduler is stopped."""
        held = schedule.held or (None if await self.is_running() else STOPPED)
        wanted = background_schedule(schedule.uid, schedule.entity_name, schedule.window, held=held)
        with temporal_faults():
            await self._put(background_schedule_id(schedule.uid), wanted)

    async def remove(self, uid: UUID) -> None:
        """Delete the Temporal Schedule, if there is one."""
        handle = self._client.get_schedule_handle(background_schedule_id(uid))
        with temporal_faults():
            try:
                await handle.delete(rpc_timeout=CALL)
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise

    async def stop_all(self, schedules: Iterable[Schedule]) -> None:
        """Hold every schedule of the context; nights that are under way go on."""
        await self._put_all(schedules, STOPPED)

    async def start_all(self, schedules: Iterable[Schedule]) -> None:
        """Release every one that is due."""
        await self._put_all(schedules, None)

    async def begin_night(self, schedule: Schedule, *, force: bool) -> str:
        """Begin a night by hand; the id of its workflow. Raises `NightInProgress`."""
        try:
            with temporal_faults():
                handle = await start_night(self._client, schedule.uid, schedule.entity_name, force=force, timeout=CALL)
        except WorkflowAlreadyStartedError:
            raise NightInProgress from None
        return handle.id

    async def _put_all(self, schedules: Iterable[Schedule], held: str | None) -> None:
        with temporal_faults():
            # Last when they are released and first when they are held: it stands for all of them.
            others = [(schedule, schedule.held or held) for schedule in schedules]
            if held:
                await self._put(CHILDREN, _holding(bridge_schedules()[CHILDREN], held))
            for schedule, why in others:
                wanted = background_schedule(schedule.uid, schedule.entity_name, schedule.window, held=why)
                await self._put(background_schedule_id(schedule.uid), wanted)
            if not held:
                await self._put(CHILDREN, bridge_schedules()[CHILDREN])

    async def _put(self, schedule_id: str, wanted: TemporalSchedule) -> None:
        async def renewed(_current: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(wanted)

        try:
            await self._client.create_schedule(schedule_id, wanted, rpc_timeout=CALL)
        except ScheduleAlreadyRunningError:
            await self._client.get_schedule_handle(schedule_id).update(renewed, rpc_timeout=CALL)


def _holding(schedule: TemporalSchedule, why: str) -> TemporalSchedule:
    return replace(schedule, state=replace(schedule.state, paused=True, note=why))
