"""Background schedules: what people ask for, how far each is, and its nights.

The cursor of a schedule moves by what is noted: pages of its batch that are processed and were not noted before. So
noting may be repeated, and a page counts once, whatever ended the night that did it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, and_, case, delete, func, literal, null, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.tables import OPEN_STATUSES, background_sync_schedule, batch_pages, entity_config, sync_batches
from domain.pipeline.background import Cursor, Plan
from domain.pipeline.windows import Opening, Window

_schedule, _page, _batch = background_sync_schedule.c, batch_pages.c, sync_batches.c


@dataclass(frozen=True, slots=True)
class Schedule:
    """One row of the table."""

    uid: UUID
    entity_name: str
    source_system: str
    is_enabled: bool
    state: str
    sync_window_start: time
    sync_window_end: time
    zone: str
    days_to_complete: int
    rows_per_day: int | None
    total_rows_estimate: int | None
    page_size: int
    current_offset: int
    night: Any
    rows_tonight: int
    batch_uid: UUID | None
    last_error: str | None
    last_run_at: datetime | None
    next_run_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def window(self) -> Window:
        """When it may work."""
        return Window(self.sync_window_start, self.sync_window_end, self.zone)

    @property
    def plan(self) -> Plan:
        """What it is to do in a night."""
        return Plan(self.window, self.total_rows_estimate, self.days_to_complete, self.rows_per_day)

    @property
    def cursor(self) -> Cursor:
        """How far it is."""
        return Cursor(self.current_offset, self.night, self.rows_tonight)

    @property
    def held(self) -> str | None:
        """Why its nights are not to be worked; None when they are."""
        if self.state == "completed":
            return "nothing left to do"
        return None if self.is_enabled else "switched off"

    @property
    def is_due(self) -> bool:
        """Whether its nights are to be worked."""
        return self.held is None


_IS_OPEN: Final = text("status IN ('pending', 'running')")
_COLUMNS: Final = [_schedule[name] for name in Schedule.__dataclass_fields__]


async def create(connection: AsyncConnection, uid: UUID, values: Mapping[str, Any]) -> bool:
    """Insert one; False when the entity has one already."""
    new = insert(background_sync_schedule).values(uid=uid, **values)
    return (await connection.execute(new.on_conflict_do_nothing(index_elements=["entity_name"]))).rowcount == 1


async def find(connection: AsyncConnection, uid: UUID, *, lock: bool = False) -> Schedule | None:
    """One; `lock` keeps others from changing it until the end of the transaction."""
    query = select(*_COLUMNS).where(_schedule.uid == uid)
    found = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return Schedule(**found._mapping) if found else None


async def page(
    connection: AsyncConnection, *, is_enabled: bool | None = None, limit: int, offset: int
) -> tuple[list[Schedule], int]:
    """One page by entity, and how many there are."""
    filters = [] if is_enabled is None else [_schedule.is_enabled == is_enabled]
    total = await connection.execute(select(func.count()).select_from(background_sync_schedule).where(*filters))
    query = select(*_COLUMNS).where(*filters).order_by(_schedule.entity_name).limit(limit).offset(offset)
    return await _read(connection, query), total.scalar_one()


async def every(connection: AsyncConnection) -> list[Schedule]:
    """All of them: there is one per entity at most."""
    return await _read(connection, select(*_COLUMNS).order_by(_schedule.entity_name))


async def change(connection: AsyncConnection, uid: UUID, values: Mapping[str, Any]) -> None:
    """Write what a person wants otherwise."""
    await _write(connection, uid, **values, updated_at=func.now())


async def reset(connection: AsyncConnection, uid: UUID) -> None:
    """Begin at the beginning; a night that is under way ends after its page, and what it does is not counted."""
    await _write(
        connection,
        uid,
        state="waiting",
        current_offset=0,
        cursor=null(),
        night=None,
        rows_tonight=0,
        batch_uid=None,
        noted_pages=0,
        completed_at=None,
        last_error=None,
        updated_at=func.now(),
    )


async def look_at(connection: AsyncConnection, uid: UUID, at: datetime | None) -> None:
    """When the schedule looks next."""
    await _write(connection, uid, next_run_at=at)


async def remove(connection: AsyncConnection, uid: UUID) -> bool:
    """Delete one; False when there is none."""
    return (await connection.execute(delete(background_sync_schedule).where(_schedule.uid == uid))).rowcount == 1


async def register_batch(connection: AsyncConnection, schedule: Schedule, batch_uid: UUID) -> bool:
    """Register a night's batch, which begins at the cursor; False while another one of the entity waits or runs.

    Also False when the entity is no longer there.
    """
    fixed = {
        "uid": batch_uid,
        "entity_name": schedule.entity_name,
        "source_system": schedule.source_system,
        "sync_type": "background",
        "page_size": schedule.page_size,
        "schedule_uid": schedule.uid,
    }
    slug = select(entity_config.c.connector_api_slug).where(entity_config.c.entity_name == schedule.entity_name)
    cursor = select(_schedule.cursor).where(_schedule.uid == schedule.uid)
    row = select(
        *(literal(value, _batch[name].type).label(name) for name, value in fixed.items()),
        slug.scalar_subquery().label("connector_api_slug"),
        cursor.scalar_subquery().label("begins_after"),
    ).where(slug.exists())
    new = insert(sync_batches).from_select(list(row.selected_columns.keys()), row)
    # A predicate with bound values is not recognised once the statement is planned without them.
    free = new.on_conflict_do_nothing(index_elements=["source_system", "entity_name"], index_where=_IS_OPEN)
    return (await connection.execute(free)).rowcount == 1


async def is_at_work(connection: AsyncConnection, schedule: Schedule) -> bool:
    """Whether the batch of its last night waits or runs."""
    query = select(_batch.uid).where(_batch.uid == schedule.batch_uid, _batch.status.in_(OPEN_STATUSES))
    return (await connection.execute(query)).first() is not None


async def begin_night(
    connection: AsyncConnection, schedule: Schedule, batch_uid: UUID, night: Opening, now: datetime
) -> None:
    """The schedule works now, with this batch; nothing of it is noted."""
    await _write(
        connection, schedule.uid, state="running", batch_uid=batch_uid, noted_pages=0, last_run_at=now, last_error=None
    )
    await enter(connection, schedule, night)


async def enter(connection: AsyncConnection, schedule: Schedule, night: Opening) -> None:
    """What is done from now on counts for this night."""
    if schedule.night != night.day:
        await _write(connection, schedule.uid, night=night.day, rows_tonight=0)


async def note(connection: AsyncConnection, uid: UUID) -> None:
    """Move the cursor over the pages of the schedule's batch that were processed since it was last noted."""
    unseen = and_(
        _page.batch_uid == _schedule.batch_uid,
        _page.page_no > _schedule.noted_pages,
        _page.processed_at.is_not(None),
    )
    reached = select(_page.next_after).where(unseen, _page.next_after.is_not(None)).order_by(_page.page_no.desc())
    done = (
        select(_schedule.uid, func.count().label("pages"), func.sum(_page.rows).label("rows"))
        .select_from(batch_pages)
        .join(background_sync_schedule, unseen)
        .where(_schedule.uid == uid)
        .group_by(_schedule.uid)
        .subquery()
    )
    moved = (
        update(background_sync_schedule)
        .where(_schedule.uid == done.c.uid)
        .values(
            current_offset=_schedule.current_offset + done.c.rows,
            rows_tonight=_schedule.rows_tonight + done.c.rows,
            noted_pages=_schedule.noted_pages + done.c.pages,
            # The last page of a table may be empty, and an empty page has no last key.
            cursor=func.coalesce(reached.limit(1).scalar_subquery(), _schedule.cursor),
        )
    )
    await connection.execute(moved)


async def end_night(
    connection: AsyncConnection, uid: UUID, *, next_run_at: datetime | None, error: str | None = None
) -> None:
    """It waits for the next one; a completed schedule stays so."""
    still = case((_schedule.state == "completed", "completed"), else_="waiting")
    await _write(connection, uid, state=still, next_run_at=next_run_at, last_error=error)


async def complete(connection: AsyncConnection, uid: UUID, now: datetime) -> None:
    """The source has no more rows."""
    await _write(connection, uid, state="completed", completed_at=now, next_run_at=None)


async def _write(connection: AsyncConnection, uid: UUID, **values: Any) -> None:
    await connection.execute(update(background_sync_schedule).where(_schedule.uid == uid).values(**values))


async def _read(connection: AsyncConnection, query: Select[Any]) -> list[Schedule]:
    rows: list[Row[Any]] = list(await connection.execute(query))
    return [Schedule(**row._mapping) for row in rows]
