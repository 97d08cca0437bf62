"""Batches as people ask for them and see them: registered before anything is started, and what became of each.

What a running batch has done so far is the sum over its processed pages; at its end it stands in the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, any_, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.tables import METRICS, OPEN_STATUSES, batch_pages, sync_batches
from domain.pipeline.metrics import Metrics

_batch, _page = sync_batches.c, batch_pages.c


@dataclass(frozen=True, slots=True)
class Request:
    """A batch to register; `selection`: of a retry, which letters."""

    entity_name: str
    source_system: str
    sync_type: str
    connector_api_slug: str
    page_size: int
    max_pages: int | None = None
    dry_run: bool = False
    force: bool = False
    requested_by: str | None = None
    selection: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch."""

    uid: UUID
    entity_name: str
    source_system: str
    sync_type: str
    status: str
    connector_api_slug: str
    page_size: int
    max_pages: int | None
    dry_run: bool
    force: bool
    requested_by: str | None
    schedule_uid: UUID | None
    total_reported: int | None
    last_rowversion: str | None
    deletion_refused: str | None
    error_code: str | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    metrics: Metrics

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.status in OPEN_STATUSES

    def metrics_at(self, now: datetime) -> Metrics:
        """Its metrics, with the time since its start while it runs."""
        if not self.is_open or self.started_at is None:
            return self.metrics
        since = max(now - self.started_at, timedelta())
        return replace(self.metrics, duration_ms=since // timedelta(milliseconds=1))


_SHOWN: Final = [_batch[name] for name in Batch.__dataclass_fields__ if name != "metrics"]


async def register(connection: AsyncConnection, uid: UUID, request: Request) -> bool:
    """Insert a batch as `pending`; False while another one of the entity waits or runs."""
    values = {name: getattr(request, name) for name in Request.__dataclass_fields__}
    free = insert(sync_batches).values(uid=uid, **values)
    # Spelled out: bound values are unknown to a generic plan, which then finds no index of that condition.
    is_open = text("status IN ('pending', 'running')")
    free = free.on_conflict_do_nothing(index_elements=["source_system", "entity_name"], index_where=is_open)
    return (await connection.execute(free)).rowcount == 1


async def find(connection: AsyncConnection, uid: UUID) -> Batch | None:
    """The batch of that uid."""
    found = await _read(connection, _select().where(_batch.uid == uid))
    return found[0] if found else None


async def those(connection: AsyncConnection, uids: Sequence[UUID]) -> list[Batch]:
    """The batches of these uids, in no order."""
    return await _read(connection, _select().where(_is_one_of(_batch.uid, uids)))


async def open_batch(connection: AsyncConnection, source_system: str, entity_name: str) -> Batch | None:
    """The one that waits or runs for an entity."""
    of_entity = _batch.source_system == source_system, _batch.entity_name == entity_name
    found = await _read(connection, _select().where(*of_entity, _batch.status.in_(OPEN_STATUSES)))
    return found[0] if found else None


async def page(
    connection: AsyncConnection, *, entity_name: str | None, status: str | None, limit: int, offset: int
) -> tuple[list[Batch], int]:
    """One page, newest first, and how many there are."""
    filters: list[ColumnElement[bool]] = []
    if entity_name is not None:
        filters.append(_batch.entity_name == entity_name)
    if status is not None:
        filters.append(_batch.status == status)
    total = (await connection.execute(select(func.count()).select_from(sync_batches).where(*filters))).scalar_one()
    newest = _select().where(*filters).order_by(_batch.created_at.desc(), _batch.uid.desc())
    return await _read(connection, newest.limit(limit).offset(offset)), total


async def sample(connection: AsyncConnection, uid: UUID) -> Any:
    """What a dry run would have changed, some of it; None where nothing is kept."""
    return (await connection.execute(select(_batch.sample).where(_batch.uid == uid))).scalar_one_or_none()


async def open_longer_than(connection: AsyncConnection, age: timedelta, *, most: int) -> list[Batch]:
    """Batches that have waited or run for a while, oldest first."""
    since = func.coalesce(_batch.started_at, _batch.created_at)
    old = _select().where(_batch.status.in_(OPEN_STATUSES), since <= func.now() - age).order_by(_batch.created_at)
    return await _read(connection, old.limit(most))


def _select() -> Select[Any]:
    return select(*_SHOWN, *(_batch[name] for name in METRICS))


async def _read(connection: AsyncConnection, query: Select[Any]) -> list[Batch]:
    rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    running = [row["uid"] for row in rows if row["status"] in OPEN_STATUSES]
    live = await _so_far(connection, running)
    return [_shown(row, live.get(row["uid"])) for row in rows]


async def _so_far(connection: AsyncConnection, uids: Sequence[UUID]) -> dict[UUID, Metrics]:
    if not uids:
        return {}
    sums = [func.sum(_page[name]).label(name) for name in METRICS]
    these = _is_one_of(_page.batch_uid, uids)
    query = select(_page.batch_uid, *sums).where(these, _page.processed_at.is_not(None)).group_by(_page.batch_uid)
    return {row.batch_uid: _metrics(row._mapping) for row in await connection.execute(query)}


def _is_one_of(column: ColumnElement[UUID], uids: Sequence[UUID]) -> ColumnElement[bool]:
    return column == any_(literal(list(uids), ARRAY(Uuid())))


def _shown(row: dict[str, Any], live: Metrics | None) -> Batch:
    stored = Metrics(**{name: row.pop(name) for name in METRICS})
    return Batch(**row, metrics=live or stored)


def _metrics(row: Any) -> Metrics:
    return Metrics(**{name: int(row[name]) for name in METRICS})
