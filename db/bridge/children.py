"""Children that wait for their parents (`pending_children`): woken when one arrives, tried again, given up at last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Interval, bindparam, exists, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.record_state import Scope
from db.bridge.tables import pending_children, record_state
from domain.pipeline.backoff import CHILDREN

_child: Final = pending_children.c
_WAITS: Final = [CHILDREN.after(tried) for tried in range(CHILDREN.tries)]
_BYTEAS: Final = ARRAY(BYTEA)


@dataclass(frozen=True, slots=True)
class Wait:
    """One parent that a row waits for; `raw` is the row as received."""

    key: bytes
    raw: bytes
    ref: str
    parent_entity: str
    parent_key: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """The row of a waiting child."""

    key: bytes
    raw: bytes


# `tried`: 1 where the batch was made to try the children again, 0 where it just met them.
_WAIT: Final = text("""
    INSERT INTO pending_children AS wait (batch_uid, source_system, child_entity, child_bk_hash, child_payload, ref,
                                          parent_entity, parent_bk_hash, max_retries, next_retry_at)
    SELECT :batch, :source, :entity, new.key, new.raw, new.ref, new.parent, new.parent_key, :tries,
           now() + (:waits)[1]
    FROM unnest(:keys, :raws, cast(:refs AS text[]), cast(:parents AS text[]), :parent_keys)
         AS new(key, raw, ref, parent, parent_key)
    ON CONFLICT (source_system, child_entity, child_bk_hash, ref) WHERE resolved_at IS NULL DO UPDATE
    SET batch_uid = excluded.batch_uid, child_payload = excluded.child_payload,
        parent_entity = excluded.parent_entity, parent_bk_hash = excluded.parent_bk_hash,
        retry_count = wait.retry_count + :tried,
        last_retry_at = CASE WHEN :tried = 1 THEN now() ELSE wait.last_retry_at END,
        next_retry_at = CASE
            WHEN :tried = 0 THEN wait.next_retry_at
            WHEN wait.retry_count + 1 >= wait.max_retries THEN NULL
            ELSE now() + (:waits)[wait.retry_count + 2] END
    RETURNING wait.child_bk_hash, wait.next_retry_at IS NULL
""").bindparams(
    bindparam("waits", type_=ARRAY(Interval)),
    bindparam("tried", type_=Integer),
    bindparam("keys", type_=_BYTEAS),
    bindparam("raws", type_=_BYTEAS),
    bindparam("parent_keys", type_=_BYTEAS),
)

_SETTLE: Final = text("""
    UPDATE pending_children AS wait SET resolved_at = now(), resolved_by = :by, next_retry_at = NULL
    WHERE source_system = :source AND child_entity = :entity AND resolved_at IS NULL AND child_bk_hash = ANY (:keys)
      AND NOT EXISTS (SELECT 1 FROM unnest(:waiting, cast(:refs AS text[])) AS still(key, ref)
                      WHERE still.key = wait.child_bk_hash AND still.ref = wait.ref)
""").bindparams(bindparam("keys", type_=_BYTEAS), bindparam("waiting", type_=_BYTEAS))


async def wait(
    connection: AsyncConnection, scope: Scope, batch_uid: UUID, waits: Sequence[Wait], *, tried: bool
) -> set[bytes]:
    """Note what rows wait for; returns the keys of children that were tried for the last time."""
    if not waits:
        return set()
    last = list({(one.key, one.ref): one for one in waits}.values())
    columns = {
        "keys": [one.key for one in last],
        "raws": [one.raw for one in last],
        "refs": [one.ref for one in last],
        "parents": [one.parent_entity for one in last],
        "parent_keys": [one.parent_key for one in last],
    }
    rest = {"batch": batch_uid, "tried": int(tried), "waits": _WAITS, "tries": CHILDREN.tries}
    noted = await connection.execute(_WAIT, {**scope.named, **columns, **rest})
    return {key for key, exhausted in noted if exhausted}


async def any_open(connection: AsyncConnection, scope: Scope) -> bool:
    """Whether any row of the entity waits."""
    return bool(await connection.scalar(select(exists().where(*_open(scope)))))


async def settle(
    connection: AsyncConnection, scope: Scope, by: str, keys: Sequence[bytes], waits: Sequence[Wait] = ()
) -> None:
    """Rows of these keys wait no longer, but for what is given as still waited for."""
    still = {"waiting": [one.key for one in waits], "refs": [one.ref for one in waits]}
    await connection.execute(_SETTLE, {**scope.named, "by": by, "keys": list(keys), **still})


async def settle_gone(connection: AsyncConnection, scope: Scope, batch_uid: UUID) -> None:
    """Rows that a complete full sync did not meet wait no longer: the source has them no more."""
    gone = update(pending_children).where(*_open(scope), _child.batch_uid != batch_uid)
    by = f"batch {batch_uid}: gone"
    await connection.execute(gone.values(resolved_at=func.now(), resolved_by=by, next_retry_at=None))


async def wake(connection: AsyncConnection, parents: Scope) -> int:
    """Rows whose parent has come are due at once; how many."""
    state = record_state.c
    here = exists().where(
        state.source_system == _child.source_system,
        state.entity_name == _child.parent_entity,
        state.bk_hash == _child.parent_bk_hash,
        state.deleted_at.is_(None),
    )
    mine = _child.source_system == parents.source_system, _child.parent_entity == parents.entity_name
    woken = update(pending_children).where(*mine, _child.resolved_at.is_(None), here)
    return (await connection.execute(woken.values(next_retry_at=func.now()))).rowcount


async def due_rows(connection: AsyncConnection, scope: Scope, *, after: bytes, most: int) -> list[Kept]:
    """Rows whose time has come, each once, by key."""
    query = (
        select(_child.child_bk_hash, _child.child_payload)
        .distinct(_child.child_bk_hash)
        .where(*_open(scope), _is_due(), _child.child_bk_hash > literal(after, BYTEA))
        .order_by(_child.child_bk_hash, _child.created_at)
        .limit(most)
    )
    return [Kept(*row) for row in await connection.execute(query)]


async def due_scopes(connection: AsyncConnection) -> list[Scope]:
    """Whose rows are due."""
    query = select(_child.source_system, _child.child_entity).where(_child.resolved_at.is_(None), _is_due()).distinct()
    return [Scope(*row) for row in await connection.execute(query)]


def _open(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    mine = _child.source_system == scope.source_system, _child.child_entity == scope.entity_name
    return *mine, _child.resolved_at.is_(None)


def _is_due() -> ColumnElement[bool]:
    return _child.next_retry_at <= func.now()
