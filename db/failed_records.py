"""Dead letters, all contexts. The raw record is written but never listed: it may hold an upstream body."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, any_, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.failed_tables import failed_records
from db.keyset import Position, older_than

_record = failed_records.c


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """One dead letter; open while `resolved_at` is None."""

    id: int
    operation_id: str
    subject: str
    stage: str
    reason: str
    retries: int
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None


_SHOWN: Final = [_record[name] for name in FailedRecord.__dataclass_fields__]


async def list_for(
    connection: AsyncConnection,
    user_id: UUID,
    *,
    context: str,
    limit: int,
    stage: str | None = None,
    resolution: Literal["open", "resolved"] | None = None,
    after: Position | None = None,
) -> list[FailedRecord]:
    """One seller's dead letters in one context, newest first."""
    query = (
        select(*_SHOWN)
        .where(_record.context == context, _record.user_id == user_id)
        .order_by(_record.created_at.desc(), _record.id.desc())
        .limit(limit)
    )
    if stage is not None:
        query = query.where(_record.stage == stage)
    if resolution is not None:
        is_open = _record.resolved_at.is_(None)
        query = query.where(is_open if resolution == "open" else ~is_open)
    if after is not None:
        query = query.where(older_than(_record.created_at, _record.id, after))
    return [FailedRecord(**row) for row in (await connection.execute(query)).mappings()]


@dataclass(frozen=True, slots=True)
class Letter:
    """A record to bury: what it is about, why it could not be used, and the record as received."""

    subject: str
    reason: str
    raw: bytes | None


async def bury(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, letters: list[Letter], *, context: str, stage: str
) -> None:
    """Write dead letters. A subject whose letter is still open gets its reason and record renewed instead."""
    if not letters:
        return
    rows = [
        {
            "context": context,
            "user_id": user_id,
            "operation_id": str(operation_id),
            "stage": stage,
            "subject": letter.subject,
            "reason": letter.reason,
            "raw": letter.raw,
        }
        for letter in letters
    ]
    fresh = insert(failed_records).values(rows)
    renewed = {name: fresh.excluded[name] for name in ("operation_id", "reason", "raw")}
    # A chunk may be repeated within one operation; that is not another meeting.
    met_again = case((_record.operation_id != fresh.excluded.operation_id, 1), else_=0)
    await connection.execute(
        fresh.on_conflict_do_update(
            index_elements=["context", "user_id", "stage", "subject"],
            index_where=_record.resolved_at.is_(None),
            set_={**renewed, "retries": _record.retries + met_again, "updated_at": func.now()},
        )
    )


async def find(connection: AsyncConnection, user_id: UUID, record_id: int, *, context: str) -> FailedRecord | None:
    """The seller's dead letter of that id; someone else's is None."""
    return await _one(connection, select(*_SHOWN).where(*_named(user_id, record_id, context)))


async def raw(connection: AsyncConnection, record_id: int) -> bytes:
    """The record as received; b"" when it was not kept. Never for a person's eyes."""
    return (await connection.execute(select(_record.raw).where(_record.id == record_id))).scalar() or b""


async def resolve(
    connection: AsyncConnection, user_id: UUID, record_id: int, *, context: str, by: str
) -> FailedRecord | None:
    """Settle a letter; one that was settled before stays as it is."""
    settled = update(failed_records).where(*_named(user_id, record_id, context), _record.resolved_at.is_(None))
    await connection.execute(settled.values(resolved_at=func.now(), resolved_by=by, updated_at=func.now()))
    return await find(connection, user_id, record_id, context=context)


async def settle_used(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, subjects: list[str], *, context: str, stage: str
) -> None:
    """Resolve open letters about records that this operation has read again and did not renew."""
    await connection.execute(
        update(failed_records)
        .where(_record.context == context, _record.user_id == user_id, _record.resolved_at.is_(None))
        .where(_record.stage == stage, _is_one_of(subjects), _record.operation_id != str(operation_id))
        .values(resolved_at=func.now(), resolved_by=f"re-read {operation_id}", updated_at=func.now())
    )


async def settle_older(connection: AsyncConnection, user_id: UUID, operation_id: UUID, *, context: str) -> None:
    """Resolve open letters that this complete operation did not renew: their records were used, or are gone."""
    await connection.execute(
        update(failed_records)
        .where(_record.context == context, _record.user_id == user_id, _record.resolved_at.is_(None))
        .where(_record.operation_id != str(operation_id), _record.stage.in_(("validate", "apply")))
        .values(resolved_at=func.now(), resolved_by=f"sync {operation_id}", updated_at=func.now())
    )


def _named(user_id: UUID, record_id: int, context: str) -> tuple[ColumnElement[bool], ...]:
    return _record.id == record_id, _record.context == context, _record.user_id == user_id


def _is_one_of(subjects: list[str]) -> ColumnElement[bool]:
    """One bound array, however many there are."""
    return _record.subject == any_(literal(subjects, ARRAY(String)))


async def _one(connection: AsyncConnection, query: Select[Any]) -> FailedRecord | None:
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else FailedRecord(**row)
