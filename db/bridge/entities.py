"""Entities as people save them. Whoever changes the configuration holds `lock` first: one change at a time.

Entities are few; their rows at the hub are many. What a batch works by is read by `db.bridge.configuration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, any_, delete, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import String

from db.bridge import mappings
from db.bridge.mappings import SavedMapping
from db.bridge.tables import background_sync_schedule, entity_config, record_state, sync_batches
from domain.pipeline.definition import StoredEntity, read

_entity, _batch, _state = entity_config.c, sync_batches.c, record_state.c
_LOCK: Final = 0x627269646765
_SYNCS: Final = ("full", "incremental", "background")


@dataclass(frozen=True, slots=True)
class ScheduledEntity:
    """An entity that is synchronised by a cron expression."""

    uid: UUID
    entity_name: str
    cron: str
    sync_enabled: bool

    @property
    def held(self) -> str | None:
        """Why its syncs are not to begin; None when they are."""
        return None if self.sync_enabled else "switched off"


@dataclass(frozen=True, slots=True)
class SavedEntity:
    """One entity: what the stages obey in `stored`, and what is known of the row."""

    uid: UUID
    stored: StoredEntity
    sync_enabled: bool
    sync_schedule: str | None
    mappings: tuple[SavedMapping, ...]
    created_at: datetime
    updated_at: datetime

    @property
    def scheduled(self) -> ScheduledEntity | None:
        """By which it is synchronised, if it is."""
        if self.sync_schedule is None:
            return None
        return ScheduledEntity(self.uid, self.stored.entity_name, self.sync_schedule, self.sync_enabled)


@dataclass(frozen=True, slots=True)
class SyncStats:
    """What the syncs of an entity came to; dry runs, retries and children's batches are none."""

    total_syncs: int = 0
    successful_syncs: int = 0
    failed_syncs: int = 0
    total_records_synced: int = 0
    last_sync_at: datetime | None = None
    last_sync_status: str | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entities are listed; `search` is a part of the name."""

    search: str | None = None
    sync_enabled: bool | None = None


async def lock(connection: AsyncConnection) -> None:
    """Wait for whoever changes the configuration, until the end of this transaction."""
    await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


async def find(connection: AsyncConnection, key: str) -> SavedEntity | None:
    """The entity of that uid or name."""
    found = await _read(connection, select(entity_config).where(_named(key)).order_by(_entity.created_at).limit(1))
    return found[0] if found else None


async def everything(connection: AsyncConnection) -> list[SavedEntity]:
    """All entities, by name."""
    return await _read(connection, select(entity_config).order_by(_entity.entity_name))


async def scheduled(connection: AsyncConnection) -> list[ScheduledEntity]:
    """Those that are synchronised by a cron expression."""
    query = select(_entity.uid, _entity.entity_name, _entity.sync_schedule, _entity.sync_enabled)
    rows = await connection.execute(query.where(_entity.sync_schedule.is_not(None)).order_by(_entity.entity_name))
    return [ScheduledEntity(*row) for row in rows]


async def page(
    connection: AsyncConnection, filters: Filters, *, limit: int, offset: int
) -> tuple[list[SavedEntity], int]:
    """One page by name, and how many there are."""
    wanted = [*_wanted(filters)]
    total = (await connection.execute(select(func.count()).select_from(entity_config).where(*wanted))).scalar_one()
    query = select(entity_config).where(*wanted).order_by(_entity.entity_name).limit(limit).offset(offset)
    return await _read(connection, query), total


async def stats(connection: AsyncConnection, names: Sequence[str]) -> dict[str, SyncStats]:
    """By the name of each entity that was ever synchronised."""
    these = _batch.entity_name == any_(literal(list(names), ARRAY(String)))
    syncs = these, _batch.sync_type.in_(_SYNCS), ~_batch.dry_run
    counts = select(
        _batch.entity_name,
        func.count().label("total_syncs"),
        func.count().filter(_batch.status.in_(("completed", "completed_with_errors"))).label("successful_syncs"),
        func.count().filter(_batch.status == "failed").label("failed_syncs"),
        func.sum(_batch.rows_inserted + _batch.rows_updated).label("total_records_synced"),
    )
    last = select(
        _batch.entity_name,
        func.coalesce(_batch.completed_at, _batch.started_at, _batch.created_at).label("last_sync_at"),
        _batch.status.label("last_sync_status"),
    )
    newest = last.where(*syncs).distinct(_batch.entity_name).order_by(_batch.entity_name, _batch.created_at.desc())
    counted = await connection.execute(counts.where(*syncs).group_by(_batch.entity_name))
    found = {row.pop("entity_name"): row for row in map(dict, counted.mappings())}
    for row in map(dict, (await connection.execute(newest)).mappings()):
        found[row.pop("entity_name")] |= row
    return {name: SyncStats(**values) for name, values in found.items()}


async def add(
    connection: AsyncConnection, stored: StoredEntity, *, sync_enabled: bool, sync_schedule: str | None
) -> None:
    """Insert an entity and its mappings; its name must be free."""
    values = {**columns(stored), "sync_enabled": sync_enabled, "sync_schedule": sync_schedule}
    await connection.execute(insert(entity_config).values(values))
    await mappings.add(connection, stored.entity_name, stored.mappings)


async def change(
    connection: AsyncConnection, uid: UUID, stored: StoredEntity, *, sync_enabled: bool, sync_schedule: str | None
) -> None:
    """Write everything but the mappings."""
    values = {**columns(stored), "sync_enabled": sync_enabled, "sync_schedule": sync_schedule}
    await connection.execute(update(entity_config).where(_entity.uid == uid).values(**values, updated_at=func.now()))


async def remove(connection: AsyncConnection, uid: UUID) -> None:
    """Delete an entity and its mappings; what was synchronised stays known."""
    await connection.execute(delete(entity_config).where(_entity.uid == uid))


async def state_scheme(connection: AsyncConnection, source_system: str, entity_name: str) -> str | None:
    """The hash scheme of the rows that are known of an entity; None when none are."""
    known = _state.source_system == source_system, _state.entity_name == entity_name
    return (await connection.execute(select(_state.hash_scheme).where(*known).limit(1))).scalar_one_or_none()


async def has_schedule(connection: AsyncConnection, entity_name: str) -> bool:
    """Whether a background schedule works through the entity."""
    scheduled = select(background_sync_schedule.c.uid).where(background_sync_schedule.c.entity_name == entity_name)
    return bool((await connection.execute(select(scheduled.exists()))).scalar_one())


def columns(stored: StoredEntity) -> dict[str, Any]:
    """What an entity is in its table, without its mappings."""
    values: dict[str, Any] = msgspec.to_builtins(stored)
    del values["mappings"]
    return values


def _named(key: str) -> ColumnElement[bool]:
    """A name may look like a uid; the older row wins then."""
    try:
        return or_(_entity.uid == UUID(key), _entity.entity_name == key)
    except ValueError:
        return _entity.entity_name == key


def _wanted(filters: Filters) -> list[ColumnElement[bool]]:
    wanted = []
    if filters.search is not None:
        wanted.append(_entity.entity_name.icontains(filters.search, autoescape=True))
    if filters.sync_enabled is not None:
        wanted.append(_entity.sync_enabled.is_(filters.sync_enabled))
    return wanted


async def _read(connection: AsyncConnection, query: Select[Any]) -> list[SavedEntity]:
    rows = (await connection.execute(query)).mappings().all()
    of = await mappings.by_entity(connection, [row["entity_name"] for row in rows])
    return [_saved(dict(row), of.get(row["entity_name"], ())) for row in rows]


def _saved(row: dict[str, Any], of: Sequence[SavedMapping]) -> SavedEntity:
    about = {name: row.pop(name) for name in ("uid", "sync_enabled", "sync_schedule", "created_at", "updated_at")}
    # SQLAlchemy's names are a kind of str that msgspec takes for none.
    plain = read({str(name): value for name, value in row.items()})
    stored = msgspec.structs.replace(plain, mappings=tuple(mapping.stored for mapping in of))
    return SavedEntity(**about, stored=stored, mappings=tuple(of))
