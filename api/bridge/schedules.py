"""Background schedules: large tables in several nights. The row says what is wanted; Temporal Schedules look at it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bridge.background_schedules import NightInProgress
from api.bridge.configuring import configuring, known_entity
from api.bridge.deps import OPERATOR, READER, ServicesDep
from api.bridge.errors import (
    BatchInProgress,
    ScheduleExists,
    ScheduleNotFound,
    ScheduleRests,
)
from api.bridge.parameters import PREFIX, PagingDep
from api.bridge.schedule_models import (
    BackgroundSchedule,
    ScheduleBody,
    ScheduleChange,
    SchedulePage,
    TriggerBody,
    Triggered,
)
from api.errors import InvalidInput, TemporalUnavailable, documented
from db.bridge import background, history
from db.bridge.background import Schedule
from domain.pipeline.background import Rest, step
from domain.pipeline.nights import next_look
from domain.pipeline.windows import current

router = APIRouter(prefix=PREFIX, tags=["schedules"])

ScheduleUid = Annotated[UUID, Path(description="id of the schedule")]
EnabledQuery = Annotated[bool | None, Query(description="only those that are, or are not, switched on")]


@router.get("/schedules", dependencies=READER, responses=documented(400, 401, 403, 422))
async def list_schedules(services: ServicesDep, paging: PagingDep, is_enabled: EnabledQuery = None) -> SchedulePage:
    """Background schedules, by entity."""
    async with services.transaction() as connection:
        found, total = await background.page(connection, is_enabled=is_enabled, limit=paging.size, offset=paging.offset)
    return SchedulePage(
        items=[BackgroundSchedule.of(schedule) for schedule in found],
        total=total,
        page=paging.page,
        page_size=paging.size,
        pages=max(1, -(-total // paging.size)),
    )


@router.post(
    "/schedules", status_code=201, dependencies=OPERATOR, responses=documented(400, 401, 403, 404, 409, 413, 422)
)
async def make_schedule(body: ScheduleBody, services: ServicesDep) -> BackgroundSchedule:
    """Have an entity's rows synchronised in several nights. One schedule per entity."""
    uid = services.new_id()
    async with configuring(services) as connection:
        entity = (await known_entity(connection, body.entity_name)).stored
        if body.source_system not in (None, entity.source_system):
            raise InvalidInput(f"The entity is of source system {entity.source_system!r}.", field="source_system")
        named = {"entity_name": entity.entity_name, "source_system": entity.source_system}
        if not await background.create(connection, uid, {**named, **body.values(given=False)}):
            raise ScheduleExists(entity.entity_name)
        schedule = await _planned(services, connection, uid)
    try:
        await services.schedules.put(schedule)
    except TemporalUnavailable:
        # Nobody would look at it before a worker is started again; so it was not made.
        async with services.transaction() as connection:
            await background.remove(connection, uid)
        raise
    return BackgroundSchedule.of(schedule)


@router.get("/schedules/{uid}", dependencies=READER, responses=documented(401, 403, 404, 422))
async def show_schedule(uid: ScheduleUid, services: ServicesDep) -> BackgroundSchedule:
    """One schedule, and how far it is."""
    async with services.transaction() as connection:
        return BackgroundSchedule.of(await _known(connection, uid))


@router.patch("/schedules/{uid}", dependencies=OPERATOR, responses=documented(400, 401, 403, 404, 413, 422))
async def change_schedule(uid: ScheduleUid, body: ScheduleChange, services: ServicesDep) -> BackgroundSchedule:
    """Change what is given; a night that is under way obeys from its next page on."""
    async with services.transaction() as connection:
        await _known(connection, uid, lock=True)
        if not (values := body.values()):
            raise InvalidInput("No fields to update")
        await background.change(connection, uid, values)
        schedule = await _planned(services, connection, uid)
    await services.schedules.put(schedule)
    return BackgroundSchedule.of(schedule)


@router.delete("/schedules/{uid}", status_code=204, dependencies=OPERATOR, responses=documented(401, 403, 404, 422))
async def delete_schedule(uid: ScheduleUid, services: ServicesDep) -> Response:
    """Delete a schedule; a night that is under way ends after its page. What it did stays."""
    async with services.transaction() as connection:
        await _known(connection, uid)
    # In this order a request that got half through can be repeated.
    await services.schedules.remove(uid)
    async with services.transaction() as connection:
        await background.remove(connection, uid)
    return Response(status_code=204)


@router.post("/schedules/{uid}/reset", dependencies=OPERATOR, responses=documented(401, 403, 404, 422))
async def reset_schedule(uid: ScheduleUid, services: ServicesDep) -> BackgroundSchedule:
    """Begin at the first row again, the next time it is night. A night that is under way ends after its page."""
    async with services.transaction() as connection:
        await _known(connection, uid, lock=True)
        await background.reset(connection, uid)
        schedule = await _planned(services, connection, uid)
    await services.schedules.put(schedule)
    return BackgroundSchedule.of(schedule)


@router.post("/schedules/{uid}/trigger", dependencies=OPERATOR, responses=documented(400, 401, 403, 404, 409, 413, 422))
async def trigger_schedule(uid: ScheduleUid, services: ServicesDep, body: TriggerBody | None = None) -> Triggered:
    """Begin a night now: inside the window, or outside it with `force`. Its share is kept to either way."""
    force = body is not None and body.force
    now = services.clock()
    async with services.transaction() as connection:
        schedule = await _known(connection, uid)
        running = await history.open_batch(connection, schedule.source_system, schedule.entity_name)
    _require_work(schedule, now, force=force)
    if running is not None:
        raise BatchInProgress(schedule.entity_name, running.uid)
    try:
        job_id = await services.schedules.begin_night(schedule, force=force)
    except NightInProgress:
        raise BatchInProgress(schedule.entity_name) from None
    return Triggered(message=f"Sync of {schedule.entity_name} begins", job_id=job_id, scheduled_for=now)


async def _known(connection: AsyncConnection, uid: UUID, *, lock: bool = False) -> Schedule:
    schedule = await background.find(connection, uid, lock=lock)
    if schedule is None:
        raise ScheduleNotFound
    return schedule


async def _planned(services: ServicesDep, connection: AsyncConnection, uid: UUID) -> Schedule:
    """With the time of its next look, as what was just written has it."""
    schedule = await _known(connection, uid)
    at = next_look(schedule.plan, schedule.cursor, services.clock()) if schedule.is_due else None
    await background.look_at(connection, uid, at)
    return await _known(connection, uid)


def _require_work(schedule: Schedule, now: datetime, *, force: bool) -> None:
    """Raise `ScheduleRests` with the reason why a night would do nothing."""
    if not schedule.is_enabled:
        raise ScheduleRests("Schedule is disabled")
    if schedule.state == "completed":
        raise ScheduleRests("Schedule is completed. Reset it to begin again")
    if current(schedule.window, now) is None and not force:
        raise ScheduleRests("Outside sync window. Use force to begin anyway")
    if isinstance(step(schedule.plan, schedule.cursor, now, schedule.page_size, force=force), Rest):
        raise ScheduleRests("The rows of this night are done")
