"""What is wrong or waits, counted and listed: dead letters and children without their parents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, Text, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.letters import CONTEXT
from db.bridge.tables import OPEN_STATUSES, pending_children, sync_batches
from db.failed_tables import failed_records

_batch, _letter, _child = sync_batches.c, failed_records.c, pending_children.c

Resolution = Literal["open", "resolved", "all"]


@dataclass(frozen=True, slots=True)
class BatchCount:
    """Batches of one status and entity."""

    status: str
    entity: str
    count: int


@dataclass(frozen=True, slots=True)
class LetterCount:
    """Open dead letters of one kind; `exhausted`: their tries are used up."""

    error_type: str
    stage: str
    entity: str
    exhausted: bool
    count: int


@dataclass(frozen=True, slots=True)
class ChildCount:
    """Waiting children of one kind."""

    parent: str
    entity: str
    exhausted: bool
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything that is counted, at one moment."""

    batches: tuple[BatchCount, ...]
    letters: tuple[LetterCount, ...]
    children: tuple[ChildCount, ...]
    oldest_open_batch: datetime | None


@dataclass(frozen=True, slots=True)
class FailedRow:
    """One dead letter; `raw` is JSON as received, `normalized` and `mapped` JSON as far as the row came."""

    id: int
    operation_id: str
    entity_name: str
    source_system: str
    subject: str
    stage: str
    error_type: str | None
    reason: str
    retries: int
    max_retries: int | None
    last_retry_at: datetime | None
    next_retry_at: datetime | None
    created_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    raw: bytes | None
    normalized: str | None
    mapped: str | None


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """One child and one parent it waits for; `child_payload` is JSON as received."""

    uid: UUID
    batch_uid: UUID
    child_entity: str
    source_system: str
    child_bk_hash: bytes
    child_payload: bytes
    ref: str
    parent_entity: str
    parent_bk_hash: bytes
    retry_count: int
    max_retries: int
    last_retry_at: datetime | None
    next_retry_at: datetime | None
    created_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which dead letters; what is None does not narrow."""

    batch_uid: UUID | None = None
    entity_name: str | None = None
    error_type: str | None = None
    stage: str | None = None
    resolution: Resolution = "open"


@dataclass(frozen=True, slots=True)
class ChildFilter:
    """Which waiting children."""

    parent_entity: str | None = None
    entity_name: str | None = None
    resolution: Resolution = "open"


_AS_TEXT: Final = ("normalized", "mapped")
_LETTER_COLUMNS: Final = [
    # As text: JSON numbers keep every digit.
    cast(_letter[name], Text).label(name) if name in _AS_TEXT else _letter[name]
    for name in FailedRow.__dataclass_fields__
]
_CHILD_COLUMNS: Final = [_child[name] for name in WaitingRow.__dataclass_fields__]


async def counts(connection: AsyncConnection) -> Counts:
    """All counts, in three passes."""
    batches = select(_batch.status, _batch.entity_name, func.count()).group_by(_batch.status, _batch.entity_name)
    exhausted = _letter.retries >= _letter.max_retries
    kinds = _letter.error_type, _letter.stage, _letter.entity_name, exhausted
    is_open = _letter.context == CONTEXT, _letter.resolved_at.is_(None)
    letters = select(*kinds, func.count()).where(*is_open).group_by(*kinds)
    used_up = _child.retry_count >= _child.max_retries
    families = _child.parent_entity, _child.child_entity, used_up
    children = select(*families, func.count()).where(_child.resolved_at.is_(None)).group_by(*families)
    since = func.min(func.coalesce(_batch.started_at, _batch.created_at))
    return Counts(
        batches=tuple(BatchCount(*row) for row in await connection.execute(batches)),
        letters=tuple(_letter_count(*row) for row in await connection.execute(letters)),
        children=tuple(ChildCount(*row) for row in await connection.execute(children)),
        oldest_open_batch=await connection.scalar(select(since).where(_batch.status.in_(OPEN_STATUSES))),
    )


def _letter_count(
    error_type: str | None, stage: str, entity: str | None, exhausted: bool | None, count: int
) -> LetterCount:
    return LetterCount(error_type or "", stage, entity or "", bool(exhausted), count)


async def failed_page(
    connection: AsyncConnection, which: LetterFilter, *, limit: int, offset: int
) -> tuple[list[FailedRow], int]:
    """One page, newest first, and how many there are."""
    filters: list[ColumnElement[bool]] = [_letter.context == CONTEXT, *_resolution(_letter.resolved_at, which)]
    if which.batch_uid is not None:
        filters.append(_letter.operation_id == str(which.batch_uid))
    filters += _equal(failed_records, entity_name=which.entity_name, error_type=which.error_type, stage=which.stage)
    query = select(*_LETTER_COLUMNS).where(*filters).order_by(_letter.created_at.desc(), _letter.id.desc())
    rows = (await connection.execute(query.limit(limit).offset(offset))).mappings()
    return [FailedRow(**row) for row in rows], await _total(connection, failed_records, filters)


async def waiting_page(
    connection: AsyncConnection, which: ChildFilter, *, limit: int, offset: int
) -> tuple[list[WaitingRow], int]:
    """One page, newest first, and how many there are."""
    filters = _resolution(_child.resolved_at, which)
    filters += _equal(pending_children, parent_entity=which.parent_entity, child_entity=which.entity_name)
    query = select(*_CHILD_COLUMNS).where(*filters).order_by(_child.created_at.desc(), _child.uid.desc())
    rows = (await connection.execute(query.limit(limit).offset(offset))).mappings()
    return [WaitingRow(**row) for row in rows], await _total(connection, pending_children, filters)


async def find_letter(connection: AsyncConnection, letter_id: int) -> FailedRow | None:
    """The dead letter of that id."""
    query = select(*_LETTER_COLUMNS).where(_letter.id == letter_id, _letter.context == CONTEXT)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else FailedRow(**row)


async def resolve_letter(connection: AsyncConnection, letter_id: int, *, by: str) -> FailedRow | None:
    """Settle a letter by hand; one that was settled before stays as it is."""
    is_open = _letter.id == letter_id, _letter.context == CONTEXT, _letter.resolved_at.is_(None)
    settled = {"resolved_at": func.now(), "resolved_by": by, "next_retry_at": None, "updated_at": func.now()}
    await connection.execute(update(failed_records).where(*is_open).values(settled))
    return await find_letter(connection, letter_id)


def _resolution(resolved_at: ColumnElement[Any], which: LetterFilter | ChildFilter) -> list[ColumnElement[bool]]:
    if which.resolution == "all":
        return []
    return [resolved_at.is_(None) if which.resolution == "open" else resolved_at.is_not(None)]


def _equal(table: Table, **values: str | None) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in values.items() if value is not None]


async def _total(connection: AsyncConnection, table: Table, filters: Sequence[ColumnElement[bool]]) -> int:
    query: Select[tuple[int]] = select(func.count()).select_from(table).where(*filters)
    return (await connection.execute(query)).scalar_one()
