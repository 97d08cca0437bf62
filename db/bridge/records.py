"""What a batch keeps of single rows for people: superseded ones, and those that a dry run would delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.record_state import Scope
from db.bridge.tables import planned_deletions, record_state, superseded_rows

MOST_PLANNED: Final = 100_000
"""Deletions that a dry run lists; it counts all."""
_superseded, _planned, _state = superseded_rows.c, planned_deletions.c, record_state.c


@dataclass(frozen=True, slots=True)
class Superseded:
    """A row of whose key another row of the batch stands. `raw`: JSON as received."""

    page_no: int
    row: int
    bk_hash: bytes
    rowversion: str | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that would be deleted: its key, and what is known of it at the hub."""

    bk_hash: bytes
    target_uid: str | None
    rowversion: str | None


_NOTE_SUPERSEDED: Final = text("""
    INSERT INTO superseded_rows (batch_uid, page_no, row, bk_hash, rowversion, raw)
    SELECT :batch, :page, new.* FROM unnest(cast(:rows AS int[]), cast(:keys AS bytea[]), cast(:rowversions AS text[]),
                                            cast(:raws AS bytea[])) AS new
""")
_PLAN: Final = text("""
    INSERT INTO planned_deletions (batch_uid, bk_hash) SELECT :batch, unnest(cast(:keys AS bytea[]))
    ON CONFLICT DO NOTHING
""")


async def note_superseded(connection: AsyncConnection, batch_uid: UUID, rows: Sequence[Superseded]) -> None:
    """Of one page, once."""
    if rows:
        columns = {
            "rows": [one.row for one in rows],
            "keys": [one.bk_hash for one in rows],
            "rowversions": [one.rowversion for one in rows],
            "raws": [one.raw for one in rows],
        }
        await connection.execute(_NOTE_SUPERSEDED, {"batch": batch_uid, "page": rows[0].page_no, **columns})


async def superseded_page(
    connection: AsyncConnection, batch_uid: UUID, *, limit: int, offset: int
) -> tuple[list[Superseded], int]:
    """One page in the order of the source, and how many there are."""
    mine = select(*(_superseded[name] for name in Superseded.__dataclass_fields__)).where(
        _superseded.batch_uid == batch_uid
    )
    ordered = mine.order_by(_superseded.page_no, _superseded.row).limit(limit).offset(offset)
    return [Superseded(*row) for row in await connection.execute(ordered)], await _count(connection, mine)


async def plan_deletions(connection: AsyncConnection, batch_uid: UUID, keys: Sequence[bytes]) -> None:
    """Note keys that a dry run would delete, as many as are listed; a repeat notes the same."""
    if keys:
        await connection.execute(_PLAN, {"batch": batch_uid, "keys": sorted(keys)[:MOST_PLANNED]})


async def planned_page(
    connection: AsyncConnection, batch_uid: UUID, scope: Scope, *, limit: int, offset: int
) -> tuple[list[Planned], int]:
    """One page by key, and how many are listed."""
    mine = select(_planned.bk_hash).where(_planned.batch_uid == batch_uid)
    known = and_(
        _state.source_system == scope.source_system,
        _state.entity_name == scope.entity_name,
        _state.bk_hash == _planned.bk_hash,
    )
    shown = (
        select(_planned.bk_hash, _state.target_uid, _state.rowversion)
        .join_from(planned_deletions, record_state, known, isouter=True)
        .where(_planned.batch_uid == batch_uid)
        .order_by(_planned.bk_hash)
    )
    rows = await connection.execute(shown.limit(limit).offset(offset))
    return [Planned(*row) for row in rows], await _count(connection, mine)


async def _count(connection: AsyncConnection, every: Select[Any]) -> int:
    return (await connection.execute(select(func.count()).select_from(every.subquery()))).scalar_one()
