"""Batches as those who work on them see them: begun, fenced, ended. What people see of them: `history`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Text, cast, extract, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge import pages
from db.bridge.record_state import Scope
from db.bridge.tables import OPEN_STATUSES, sync_batches
from domain.pipeline.batch_errors import sentence
from domain.pipeline.definition import Definition
from domain.pipeline.metrics import Metrics
from domain.pipeline.watermark import Mark

_batch: Final = sync_batches.c


@dataclass(frozen=True, slots=True)
class Work:
    """One batch. `begins_after` is JSON; `definition` is None until it has begun."""

    uid: UUID
    scope: Scope
    sync_type: str
    status: str
    connector: str
    page_size: int
    max_pages: int | None
    dry_run: bool
    force: bool
    selection: Mapping[str, Any] | None
    definition: Definition | None
    begins_after: str | None
    watermark: str | None
    ceiling: str | None
    total_reported: int | None
    stored_before: int | None
    schedule_uid: UUID | None
    started_at: datetime | None
    rows_deleted: int

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.status in OPEN_STATUSES

    @property
    def is_running(self) -> bool:
        """Whether it has begun, and not ended."""
        return self.status == "running" and self.definition is not None

    @property
    def obeyed(self) -> Definition:
        """The configuration of a batch that has begun."""
        if self.definition is None:
            raise ValueError("a batch that has not begun has no configuration")
        return self.definition


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a batch keeps from its beginning."""

    definition: Definition
    watermark: str | None
    stored_before: int | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a batch ended."""

    status: str
    metrics: Metrics
    mark: Mark = field(default_factory=Mark)
    last_rowversion: str | None = None
    deletion_refused: str | None = None
    error_code: str | None = None
    error_message: str | None = None


_COLUMNS: Final = [
    *(_batch[name] for name in ("uid", "source_system", "entity_name", "sync_type", "status", "connector_api_slug")),
    *(_batch[name] for name in ("page_size", "max_pages", "dry_run", "force", "selection", "config")),
    # As text: JSON numbers of a key keep every digit.
    cast(_batch.begins_after, Text).label("begins_after"),
    *(_batch[name] for name in ("watermark", "rowversion_ceiling", "total_reported", "stored_before")),
    *(_batch[name] for name in ("schedule_uid", "started_at", "rows_deleted")),
]


async def read(connection: AsyncConnection, uid: UUID) -> Work | None:
    """As it stands now."""
    return await _read(connection, uid, None)


async def fence(connection: AsyncConnection, uid: UUID) -> Work | None:
    """The same, and it stays as it is until the transaction ends: an end of the batch waits for it."""
    return await _read(connection, uid, "share")


async def lock(connection: AsyncConnection, uid: UUID) -> Work | None:
    """The same, for this transaction alone."""
    return await _read(connection, uid, "update")


async def _read(connection: AsyncConnection, uid: UUID, strength: str | None) -> Work | None:
    query = select(*_COLUMNS).where(_batch.uid == uid)
    if strength is not None:
        query = query.with_for_update(read=strength == "share")
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _work(dict(row))


def _work(row: dict[str, Any]) -> Work:
    config = row.pop("config")
    return Work(
        scope=Scope(row.pop("source_system"), row.pop("entity_name")),
        definition=None if config is None else msgspec.convert(config, Definition),
        connector=row.pop("connector_api_slug"),
        ceiling=row.pop("rowversion_ceiling"),
        **row,
    )


async def begin(connection: AsyncConnection, uid: UUID, beginning: Beginning) -> None:
    """From here on it runs, by this configuration."""
    await connection.execute(
        update(sync_batches)
        .where(_batch.uid == uid)
        .values(
            status="running",
            started_at=func.coalesce(_batch.started_at, func.now()),
            config=msgspec.to_builtins(beginning.definition),
            watermark=beginning.watermark,
            stored_before=beginning.stored_before,
        )
    )


async def note_reported(connection: AsyncConnection, uid: UUID, reported: int) -> None:
    """How many rows the source says it has; its first word stands."""
    first = update(sync_batches).where(_batch.uid == uid, _batch.total_reported.is_(None))
    await connection.execute(first.values(total_reported=reported))


async def note_ceiling(connection: AsyncConnection, uid: UUID, ceiling: str | None) -> None:
    """The source's highest rowversion, before any row was fetched; the first look stands."""
    first = update(sync_batches).where(_batch.uid == uid, _batch.rowversion_ceiling.is_(None))
    await connection.execute(first.values(rowversion_ceiling=ceiling))


_ADD_TO_SAMPLE = text("""
    UPDATE sync_batches SET sample = (
        SELECT jsonb_agg(one ORDER BY at) FROM (
            SELECT one, at FROM jsonb_array_elements(coalesce(sample, '[]') || cast(:more AS jsonb))
                WITH ORDINALITY AS every(one, at) ORDER BY at LIMIT :most) AS kept)
    WHERE uid = :uid AND jsonb_array_length(coalesce(sample, '[]')) < :most
""")


async def add_to_sample(connection: AsyncConnection, uid: UUID, more: str, *, most: int) -> None:
    """Keep planned changes (a JSON array) with a dry run, up to so many."""
    await connection.execute(_ADD_TO_SAMPLE, {"uid": uid, "more": more, "most": most})


async def end(connection: AsyncConnection, uid: UUID, ending: Ending) -> None:
    """Close it, with what it did."""
    numbers = ending.metrics.as_dict()
    mark = {f"mark_{name}": value for name, value in asdict(ending.mark).items()}
    await connection.execute(
        update(sync_batches)
        .where(_batch.uid == uid)
        .values(
            status=ending.status,
            completed_at=func.now(),
            last_rowversion=ending.last_rowversion,
            deletion_refused=ending.deletion_refused,
            error_code=ending.error_code,
            error_message=ending.error_message,
            **mark,
            **numbers,
        )
    )


async def abort(connection: AsyncConnection, uid: UUID, *, code: str, cancelled: bool) -> bool:
    """End a batch without success: what its pages did stays and is counted, staged rows go; False if it had ended."""
    work = await lock(connection, uid)
    if work is None or not work.is_open:
        return False
    done = await pages.totals(connection, uid)
    status = "cancelled" if cancelled else "failed"
    metrics = replace(done.metrics, duration_ms=await duration_ms(connection, uid))
    await end(connection, uid, Ending(status, metrics, error_code=code, error_message=sentence(code)))
    await pages.drop(connection, uid)
    return True


async def duration_ms(connection: AsyncConnection, uid: UUID) -> int:
    """Since its start, by the clock of the database; 0 if it never started."""
    since = extract("epoch", func.clock_timestamp() - _batch.started_at) * 1000
    query = select(func.coalesce(cast(since, BigInteger), 0)).where(_batch.uid == uid)
    return max(0, int((await connection.execute(query)).scalar_one()))


async def pending_of(connection: AsyncConnection, requested_by: str, *, most: int) -> list[tuple[UUID, Scope, str]]:
    """Uid, scope and sync type of batches that one asked for and nobody has begun, oldest first."""
    columns = select(_batch.uid, _batch.source_system, _batch.entity_name, _batch.sync_type)
    waiting = columns.where(_batch.status == "pending", _batch.requested_by == requested_by)
    found = await connection.execute(waiting.order_by(_batch.created_at, _batch.uid).limit(most))
    return [(row[0], Scope(row[1], row[2]), row[3]) for row in found]


async def marks_of_schedule(
    connection: AsyncConnection, schedule_uid: UUID, *, before: UUID
) -> tuple[str | None, list[Mark]]:
    """Of a schedule's other nights since it last began anew: the ceiling of the first, and the marks of all."""
    if await connection.scalar(select(_batch.begins_after.is_(None)).where(_batch.uid == before)):
        return None, []
    nights = (
        select(_batch.begins_after, _batch.rowversion_ceiling, *_MARKS)
        .where(_batch.schedule_uid == schedule_uid, _batch.started_at.is_not(None), _batch.uid != before)
        .order_by(_batch.started_at.desc())
    )
    marks: list[Mark] = []
    for begins_after, ceiling, *mark in await connection.execute(nights):
        marks.append(Mark(*mark))
        if begins_after is None:
            return ceiling, marks
    return None, marks


_MARKS: Final = [_batch.mark_highest, _batch.mark_lowest_failed, _batch.mark_lost]
