"""Dead letters of rows (`failed_records`, context `bridge`), set by set: one open letter per row, whatever its stage.

A row's subject is its source, entity and key; where no key is known, a digest of the row as received.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, String, any_, bindparam, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.record_state import Scope
from db.failed_tables import failed_records
from domain.pipeline.backoff import FAILED

CONTEXT: Final = "bridge"
_letter: Final = failed_records.c
_WAITS: Final = [FAILED.after(tried) for tried in range(FAILED.tries)]


@dataclass(frozen=True, slots=True)
class Letter:
    """A row that failed. `normalized` and `mapped` are JSON, as far as it came, for people; `kept` is what a retry
    goes on with (`domain.pipeline.kept`); `again`: it may go by itself later."""

    subject: str
    stage: str
    code: str
    reason: str
    raw: bytes | None
    normalized: str | None = None
    mapped: str | None = None
    kept: bytes | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """The row of an open letter."""

    id: int
    subject: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Selection:
    """Which open letters a retry takes; all fields narrow. `due`: those whose time has come."""

    batch_uid: UUID | None = None
    letter_ids: Sequence[int] | None = None
    max_retries: int | None = None
    due: bool = False


# A letter that is open is renewed, and counted if another batch meets the row again.
_BURY: Final = text("""
    WITH new AS (
        SELECT * FROM unnest(cast(:subjects AS text[]), cast(:stages AS text[]), cast(:codes AS text[]),
                             cast(:reasons AS text[]), cast(:raws AS bytea[]), cast(:normalized AS text[]),
                             cast(:mapped AS text[]), cast(:kept AS bytea[]), cast(:again AS boolean[]))
            AS new(subject, stage, code, reason, raw, normalized, mapped, kept, again)
    ), renewed AS (
        UPDATE failed_records AS letter
        SET operation_id = :batch, stage = new.stage, error_type = new.code, reason = new.reason,
            raw = coalesce(new.raw, letter.raw), normalized = new.normalized::jsonb, mapped = new.mapped::jsonb,
            kept = new.kept, updated_at = now(), last_retry_at = now(),
            retries = letter.retries + cast(letter.operation_id <> :batch AS int),
            next_retry_at = CASE
                WHEN NOT new.again OR letter.retries + cast(letter.operation_id <> :batch AS int) >= letter.max_retries
                    THEN NULL
                ELSE now() + (:waits)[letter.retries + cast(letter.operation_id <> :batch AS int) + 1] END
        FROM new
        WHERE letter.context = 'bridge' AND letter.entity_name = :entity AND letter.subject = new.subject
          AND letter.resolved_at IS NULL
        RETURNING letter.subject
    )
    INSERT INTO failed_records (context, operation_id, subject, stage, reason, raw, entity_name, source_system,
                                error_type, normalized, mapped, kept, max_retries, next_retry_at)
    SELECT 'bridge', :batch, subject, stage, reason, raw, :entity, :source, code, normalized::jsonb, mapped::jsonb,
           kept, :tries, CASE WHEN again THEN now() + (:waits)[1] END
    FROM new WHERE subject NOT IN (SELECT subject FROM renewed)
""").bindparams(
    bindparam("waits", type_=ARRAY(Interval)),
    bindparam("raws", type_=ARRAY(BYTEA)),
    bindparam("kept", type_=ARRAY(BYTEA)),
    *(bindparam(name, type_=String) for name in ("batch", "entity", "source")),
)


async def bury(connection: AsyncConnection, scope: Scope, batch_uid: UUID, letters: Sequence[Letter]) -> None:
    """Write dead letters; of several about one row the last."""
    if not letters:
        return
    last = list({letter.subject: letter for letter in letters}.values())
    columns = {
        "subjects": [letter.subject for letter in last],
        "stages": [letter.stage for letter in last],
        "codes": [letter.code for letter in last],
        "reasons": [letter.reason for letter in last],
        "raws": [letter.raw for letter in last],
        "normalized": [letter.normalized for letter in last],
        "mapped": [letter.mapped for letter in last],
        "kept": [letter.kept for letter in last],
        "again": [letter.again for letter in last],
    }
    rest = {"batch": str(batch_uid), "waits": _WAITS, "tries": FAILED.tries}
    await connection.execute(_BURY, {**scope.named, **columns, **rest})


async def any_open(connection: AsyncConnection, scope: Scope) -> bool:
    """Whether there is any letter to be settled."""
    return bool(await connection.scalar(select(select(_letter.id).where(*_open(scope)).exists())))


async def settle(connection: AsyncConnection, scope: Scope, batch_uid: UUID, subjects: Sequence[str]) -> None:
    """Resolve the letters of rows that this batch could use."""
    await _resolve(connection, f"batch {batch_uid}", *_open(scope), _is_one_of(subjects))


async def settle_gone(connection: AsyncConnection, scope: Scope, batch_uid: UUID) -> None:
    """Resolve letters that a complete full sync did not renew: their rows were used, or are gone from the source."""
    met_before = _letter.operation_id != str(batch_uid)
    await _resolve(connection, f"batch {batch_uid}: gone", *_open(scope), met_before)


async def settle_ids(connection: AsyncConnection, batch_uid: UUID, ids: Sequence[int]) -> None:
    """Resolve letters by id."""
    mine = _letter.id == any_(literal(list(ids), ARRAY(_letter.id.type)))
    await _resolve(connection, f"batch {batch_uid}", mine, _letter.resolved_at.is_(None))


# Of several letters about one row, one takes its name: it is the one that is renewed.
_RENAME: Final = text("""
    UPDATE failed_records AS letter SET subject = new.subject
    FROM (SELECT DISTINCT ON (subject) id, subject
          FROM unnest(cast(:ids AS bigint[]), cast(:subjects AS text[])) AS every(id, subject)
          ORDER BY subject, id DESC) AS new
    WHERE letter.id = new.id AND letter.subject <> new.subject AND letter.resolved_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM failed_records AS other
                      WHERE other.context = 'bridge' AND other.entity_name = letter.entity_name
                        AND other.subject = new.subject AND other.resolved_at IS NULL)
""")


async def rename(connection: AsyncConnection, ids: Sequence[int], subjects: Sequence[str]) -> None:
    """Give letters the subject under which their rows are known now, unless another open letter has or gets it."""
    await connection.execute(_RENAME, {"ids": list(ids), "subjects": list(subjects)})


async def select_rows(
    connection: AsyncConnection, scope: Scope, selection: Selection, *, after: int, most: int
) -> list[Kept]:
    """Rows of open letters, by id."""
    query = (
        select(_letter.id, _letter.subject, _letter.raw)
        .where(*_open(scope), _letter.raw.is_not(None), _letter.id > after, *_narrowed(selection))
        .order_by(_letter.id)
        .limit(most)
    )
    return [Kept(*row) for row in await connection.execute(query)]


async def kept_of(connection: AsyncConnection, ids: Sequence[int]) -> list[bytes | None]:
    """What was kept of the rows of letters, in the order of the ids."""
    mine = _letter.id == any_(literal(list(ids), ARRAY(_letter.id.type)))
    found: dict[int, bytes | None] = {
        row[0]: row[1] for row in await connection.execute(select(_letter.id, _letter.kept).where(mine))
    }
    return [found.get(one) for one in ids]


async def due_scopes(connection: AsyncConnection) -> list[Scope]:
    """Whose letters are due."""
    query = (
        select(_letter.source_system, _letter.entity_name)
        .where(_letter.context == CONTEXT, _letter.resolved_at.is_(None), _letter.next_retry_at <= func.now())
        .distinct()
    )
    return [Scope(*row) for row in await connection.execute(query)]


def _narrowed(selection: Selection) -> list[ColumnElement[bool]]:
    narrowed: list[ColumnElement[bool]] = []
    if selection.batch_uid is not None:
        narrowed.append(_letter.operation_id == str(selection.batch_uid))
    if selection.letter_ids is not None:
        narrowed.append(_letter.id == any_(literal(list(selection.letter_ids), ARRAY(_letter.id.type))))
    if selection.max_retries is not None:
        narrowed.append(_letter.retries < selection.max_retries)
    if selection.due:
        narrowed.append(_letter.next_retry_at <= func.now())
    return narrowed


def _open(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return (
        _letter.context == CONTEXT,
        _letter.entity_name == scope.entity_name,
        _letter.source_system == scope.source_system,
        _letter.resolved_at.is_(None),
    )


def _is_one_of(subjects: Sequence[str]) -> ColumnElement[bool]:
    return _letter.subject == any_(literal(list(subjects), ARRAY(String)))


async def _resolve(connection: AsyncConnection, by: str, *which: Any) -> None:
    now: ColumnElement[datetime] = func.now()
    resolved = update(failed_records).where(*which)
    await connection.execute(resolved.values(resolved_at=now, resolved_by=by, next_retry_at=None, updated_at=now))
