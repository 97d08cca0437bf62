"""The nights of background schedules: whether there is time and share for another page, and what is done.

Each activity may be repeated: what is done is noted once per page, and a batch is registered once. Time is the
workflow's. A schedule that was reset, switched off or deleted meanwhile ends its night after the page at hand.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from db.bridge import background
from db.bridge.background import Schedule
from db.session import Database
from domain.pipeline.background import Rest, Work, step
from domain.pipeline.batch_errors import sentence
from domain.pipeline.nights import next_full_hour, next_look
from workflows.bridge.contracts import (
    NextPage,
    NightLost,
    NightOpened,
    NightRef,
    NightStep,
    background_schedule_id,
)

_CALL = timedelta(seconds=10)
_log = structlog.get_logger(__name__)


class BackgroundNights:
    """The activities of `BackgroundSyncWorkflow` that are its own; its pages are those of every batch."""

    def __init__(self, database: Database, temporal: Client) -> None:
        self._database = database
        self._temporal = temporal

    @activity.defn
    async def open_night(self, ref: NightRef) -> NightOpened:
        """Register a batch if it is time, and if no other batch of the entity is under way."""
        async with self._database.begin() as connection:
            schedule = await background.find(connection, ref.schedule_uid, lock=True)
            if schedule is not None and schedule.is_due:
                return await _open(connection, schedule, ref)
        await self._hold(ref, schedule)
        return NightOpened()

    @activity.defn
    async def next_page(self, request: NextPage) -> NightStep:
        """Note what is done; then a page to fetch, or the end of the night."""
        async with self._database.begin() as connection:
            what = await _next_page(connection, request)
        if what.completed:
            await self._hold(request, None)
            _log.info("background.completed", schedule_uid=str(request.schedule_uid))
        return what

    @activity.defn
    async def close_night(self, lost: NightLost) -> None:
        """Note what is done, and why the night ended. It goes on within the hour, if its window is open then."""
        async with self._database.begin() as connection:
            if (schedule := await _noted(connection, lost)) is not None:
                at = _next_run(schedule, lost.now)
                await background.end_night(connection, schedule.uid, next_run_at=at, error=sentence(lost.code))

    async def _hold(self, ref: NightRef, schedule: Schedule | None) -> None:
        """Nothing of it is due until a person says so, and the facade then releases it."""
        handle = self._temporal.get_schedule_handle(background_schedule_id(ref.schedule_uid))
        note = (schedule and schedule.held) or "nothing left to do"
        try:
            await handle.pause(note=note, rpc_timeout=_CALL)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise


async def _open(connection: AsyncConnection, schedule: Schedule, ref: NightRef) -> NightOpened:
    if schedule.batch_uid == ref.batch_uid:
        # The answer of the first attempt was lost.
        return NightOpened(is_open=True)
    if await background.is_at_work(connection, schedule):
        # Begun by hand, it may still run when the schedule's hour comes.
        return NightOpened(until=next_full_hour(schedule.window, ref.now))
    # Of a night whose workflow was ended from outside.
    await background.note(connection, schedule.uid)
    noted = await background.find(connection, schedule.uid) or schedule
    what = step(noted.plan, noted.cursor, ref.now, noted.page_size, force=ref.force)
    if isinstance(what, Rest):
        await background.end_night(connection, schedule.uid, next_run_at=what.until)
        return NightOpened(until=what.until)
    if not await background.register_batch(connection, noted, ref.batch_uid):
        busy = "Another batch of the entity is under way, or the entity is no longer there."
        at = next_full_hour(noted.window, ref.now)
        await background.end_night(connection, schedule.uid, next_run_at=at, error=busy)
        return NightOpened(until=at)
    await background.begin_night(connection, noted, ref.batch_uid, what.night, ref.now)
    return NightOpened(is_open=True)


async def _next_page(connection: AsyncConnection, request: NextPage) -> NightStep:
    schedule = await _noted(connection, request)
    if schedule is None:
        return NightStep()
    if request.last:
        await background.complete(connection, schedule.uid, request.now)
        return NightStep(completed=True)
    what = step(schedule.plan, schedule.cursor, request.now, schedule.page_size, force=request.force)
    if isinstance(what, Work) and schedule.is_due:
        await background.enter(connection, schedule, what.night)
        return NightStep(rows=what.rows)
    until = _next_run(schedule, request.now)
    await background.end_night(connection, schedule.uid, next_run_at=until)
    return NightStep(until=until)


async def _noted(connection: AsyncConnection, ref: NightRef) -> Schedule | None:
    """The schedule with its cursor where the night is; None when the night is no longer its."""
    schedule = await background.find(connection, ref.schedule_uid, lock=True)
    if schedule is None or schedule.batch_uid != ref.batch_uid:
        return None
    await background.note(connection, schedule.uid)
    return await background.find(connection, schedule.uid)


def _next_run(schedule: Schedule, now: datetime) -> datetime | None:
    """When it is looked after again; None when a person has to say so."""
    return next_look(schedule.plan, schedule.cursor, now) if schedule.is_due else None
