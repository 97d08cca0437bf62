"""The scheduler as a whole: whether it runs, what it looks after, how far that is; stopped and started."""

from __future__ import annotations

from fastapi import APIRouter

from api.bridge.deps import OPERATOR, READER, ServicesDep
from api.bridge.parameters import PREFIX
from api.bridge.schedule_models import Job, SchedulerMessage, SchedulerStatus, ScheduleStats
from api.bridge.services import BridgeServices
from api.errors import documented
from db.bridge import background, entities
from db.bridge.background import Schedule
from db.bridge.entities import ScheduledEntity
from workflows.bridge.contracts import background_schedule_id
from workflows.bridge.schedules import STOPPED

router = APIRouter(prefix=f"{PREFIX}/schedules", tags=["schedules"])


@router.get("/status", dependencies=READER, responses=documented(401, 403))
async def scheduler_status(services: ServicesDep) -> SchedulerStatus:
    """Whether the scheduler runs, and the schedules that work their nights."""
    schedules = await _every(services)
    is_running = await services.schedules.is_running()
    jobs = [_job(schedule) for schedule in schedules if schedule.is_due and is_running]
    return SchedulerStatus(
        is_running=is_running,
        enabled_schedules=sum(schedule.is_enabled for schedule in schedules),
        active_jobs=len(jobs),
        jobs=jobs,
    )


@router.get("/stats", dependencies=READER, responses=documented(401, 403))
async def schedule_stats(services: ServicesDep) -> ScheduleStats:
    """How many schedules there are, and how far they are."""
    schedules = await _every(services)
    enabled = sum(schedule.is_enabled for schedule in schedules)
    percents = [schedule.cursor.percent(schedule.total_rows_estimate) for schedule in schedules]
    return ScheduleStats(
        total_schedules=len(schedules),
        enabled_schedules=enabled,
        disabled_schedules=len(schedules) - enabled,
        completed_schedules=sum(schedule.state == "completed" for schedule in schedules),
        average_progress_percent=round(sum(percents) / len(percents), 2) if percents else 0.0,
    )


@router.post("/start", dependencies=OPERATOR, responses=documented(401, 403))
async def start_scheduler(services: ServicesDep) -> SchedulerMessage:
    """Release every schedule that is due."""
    was_running = await services.schedules.is_running()
    # Also when it runs already: a schedule that was held by hand in Temporal's own interface runs again.
    await services.entity_schedules.put_all(await _crons(services), held=None)
    await services.schedules.start_all(await _every(services))
    return SchedulerMessage(message="Scheduler already running" if was_running else "Scheduler started successfully")


@router.post("/stop", dependencies=OPERATOR, responses=documented(401, 403))
async def stop_scheduler(services: ServicesDep) -> SchedulerMessage:
    """Hold every schedule, those of entities and children too. What is under way goes on: stop its batches."""
    was_running = await services.schedules.is_running()
    await services.schedules.stop_all(await _every(services))
    await services.entity_schedules.put_all(await _crons(services), held=STOPPED)
    return SchedulerMessage(message="Scheduler stopped successfully" if was_running else "Scheduler not running")


async def _every(services: BridgeServices) -> list[Schedule]:
    async with services.transaction() as connection:
        return await background.every(connection)


async def _crons(services: BridgeServices) -> list[ScheduledEntity]:
    async with services.transaction() as connection:
        return await entities.scheduled(connection)


def _job(schedule: Schedule) -> Job:
    return Job(
        job_id=background_schedule_id(schedule.uid),
        name=f"Background sync of {schedule.entity_name}",
        next_run=schedule.next_run_at,
        pending=schedule.state == "waiting",
        entity_name=schedule.entity_name,
    )
