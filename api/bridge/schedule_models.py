"""Bodies and answers about background schedules; names of the seed guide stay as they are there."""

from __future__ import annotations

from datetime import datetime, time
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api.bridge.batch_models import LARGEST_PAGE, SMALLEST_PAGE, EntityRef
from api.bridge.mapping_models import Body
from api.bridge.parameters import Name
from api.parameters import MOST_EXACT, WHOLE, Flag
from db.bridge.background import Schedule

ScheduleState = Literal["waiting", "running", "completed"]

_zones = cache(available_timezones)


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("is not a time zone of the IANA data base")
    return name


Zone = Annotated[
    str, StringConstraints(max_length=100), AfterValidator(_zone), Field(json_schema_extra={"format": "time-zone"})
]
Reading = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
"""A reading of the clock; its seconds are dropped."""
Days = Annotated[int, Field(ge=1, le=30, strict=True), WHOLE]
RowsPerDay = Annotated[int, Field(ge=1000, le=MOST_EXACT, strict=True), WHOLE]
Estimate = Annotated[int, Field(ge=0, le=MOST_EXACT, strict=True), WHOLE]
PageSize = Annotated[int, Field(ge=SMALLEST_PAGE, le=LARGEST_PAGE, strict=True), WHOLE]


def _unless_given(value: Any, description: str) -> Any:
    # By a factory: in a document a default would promise that a change sets it.
    return Field(default_factory=lambda: value, description=f"{description}; {value} unless given")


class ScheduleChange(Body):
    """What is to be otherwise; fields that are left out stay, and null clears what may be unknown."""

    sync_window_start: Reading = _unless_given("19:00:00", "when the window opens, on the clocks of the zone")
    sync_window_end: Reading = _unless_given("07:00:00", "when it closes; not after the start: the next day")
    zone: Zone = _unless_given("UTC", "IANA name of the time zone")
    days_to_complete: Days = _unless_given(7, "nights that the whole table may take")
    rows_per_day: RowsPerDay | None = Field(None, description="rows per night; null: estimate / days, rounded up")
    total_rows_estimate: Estimate | None = Field(None, description="rows of the table, about")
    page_size: PageSize = _unless_given(LARGEST_PAGE, "rows per page")
    is_enabled: Flag = _unless_given(True, "whether nights are worked")

    def values(self, *, given: bool = True) -> dict[str, Any]:
        """Columns; only those `given`, unless told otherwise."""
        values = self.model_dump(include=set(ScheduleChange.model_fields), exclude_unset=given)
        readings = {"sync_window_start", "sync_window_end"} & set(values)
        return {**values, **{name: _minutes(values[name]) for name in readings}}


class ScheduleBody(ScheduleChange):
    """A schedule to make."""

    entity_name: EntityRef = Field(description="name or uid of the entity")
    source_system: Name | None = Field(None, description="must be the entity's; null: it is")


class BackgroundSchedule(BaseModel):
    """One schedule, and how far it is."""

    uid: UUID = Field(description="id of the schedule")
    entity_name: str = Field(description="the entity")
    source_system: str = Field(description="where its rows come from")
    is_enabled: Flag = Field(description="whether nights are worked")
    state: ScheduleState = Field(description="completed: the source has no more rows, until it is reset")
    sync_window_start: str = Field(description="when the window opens, on the clocks of the zone")
    sync_window_end: str = Field(description="when it closes")
    zone: str = Field(description="IANA name of the time zone")
    days_to_complete: int = Field(description="nights that the whole table may take")
    rows_per_day: int = Field(description="rows per night, as given or as it follows from the estimate")
    total_rows_estimate: int | None = Field(description="rows of the table, about")
    page_size: int = Field(description="rows per page")
    current_offset: int = Field(description="rows done in all")
    rows_tonight: int = Field(description="of them in the last night")
    progress_percent: float = Field(description="of the estimate, at most 100; 0 without one")
    batch_uid: UUID | None = Field(description="batch of the last night")
    last_error: str | None = Field(description="why the last night did not end well; null: it did")
    last_run_at: datetime | None = Field(description="when the last night began")
    next_run_at: datetime | None = Field(description="when the schedule looks next; null: not by itself")
    completed_at: datetime | None = Field(description="when the last row was done")
    created_at: datetime = Field(description="when the schedule was made")
    updated_at: datetime = Field(description="when a person last changed it")

    @classmethod
    def of(cls, schedule: Schedule) -> BackgroundSchedule:
        """As it is shown."""
        made = {"sync_window_start", "sync_window_end", "rows_per_day", "progress_percent", "next_run_at"}
        return cls(
            **{name: getattr(schedule, name) for name in set(cls.model_fields) - made},
            sync_window_start=schedule.sync_window_start.isoformat(),
            sync_window_end=schedule.sync_window_end.isoformat(),
            rows_per_day=schedule.plan.share,
            progress_percent=schedule.cursor.percent(schedule.total_rows_estimate),
            next_run_at=schedule.next_run_at if schedule.is_due else None,
        )


class SchedulePage(BaseModel):
    """Schedules by entity."""

    items: list[BackgroundSchedule] = Field(description="the schedules of this page")
    total: int = Field(description="schedules of the list, all pages and with the filter applied")
    page: int = Field(description="this page, from 1")
    page_size: int = Field(description="schedules per page")
    pages: int = Field(description="pages of the list, at least 1")


class TriggerBody(Body):
    """How to begin a night."""

    force: Flag = Field(False, description="outside the window too, on account of the night to come")


class Triggered(BaseModel):
    """A night begins."""

    success: Literal[True] = Field(True, description="always true")
    message: str = Field(description="one sentence")
    job_id: str = Field(description="id of its workflow")
    scheduled_for: datetime = Field(description="when: now")


class Job(BaseModel):
    """A schedule that works its nights."""

    job_id: str = Field(description="id of its Temporal Schedule")
    name: str = Field(description="one line for people")
    next_run: datetime | None = Field(description="when it looks next")
    pending: bool = Field(description="whether it waits, and does not work just now")
    entity_name: str = Field(description="the entity")


class SchedulerStatus(BaseModel):
    """The scheduler as a whole."""

    is_running: bool = Field(description="false: every schedule of this context is held")
    enabled_schedules: int = Field(description="schedules that are switched on")
    active_jobs: int = Field(description="schedules that work their nights")
    jobs: list[Job] = Field(description="the same, one by one; empty while the scheduler is stopped")


class ScheduleStats(BaseModel):
    """How far they are."""

    total_schedules: int = Field(description="how many there are")
    enabled_schedules: int = Field(description="of them switched on")
    disabled_schedules: int = Field(description="of them switched off")
    completed_schedules: int = Field(description="of them through")
    average_progress_percent: float = Field(description="over all of them, two decimals")


class SchedulerMessage(BaseModel):
    """What became of the request."""

    message: str = Field(description="one sentence")


def _minutes(reading: str) -> time:
    return time.fromisoformat(reading).replace(second=0)
