"""Which open dead letters a person may try again, by whose batch it would be."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.letters import CONTEXT
from db.bridge.record_state import Scope
from db.failed_tables import failed_records

_letter = failed_records.c


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is None does not narrow; without `max_retries` each letter's own limit counts."""

    batch_uid: UUID | None = None
    entity_name: str | None = None
    max_retries: int | None = None


async def candidates(connection: AsyncConnection, wanted: Wanted, *, most: int) -> dict[Scope, list[int]]:
    """Ids of open letters whose row was kept and whose tries are not used up, oldest first."""
    tries = _letter.max_retries if wanted.max_retries is None else wanted.max_retries
    query = (
        select(_letter.source_system, _letter.entity_name, _letter.id)
        .where(_letter.context == CONTEXT, _letter.resolved_at.is_(None), _letter.raw.is_not(None))
        .where(_letter.retries < func.coalesce(tries, 0))
        .order_by(_letter.id)
        .limit(most)
    )
    if wanted.batch_uid is not None:
        query = query.where(_letter.operation_id == str(wanted.batch_uid))
    if wanted.entity_name is not None:
        query = query.where(_letter.entity_name == wanted.entity_name)
    found: dict[Scope, list[int]] = {}
    for source_system, entity_name, letter_id in await connection.execute(query):
        found.setdefault(Scope(source_system, entity_name), []).append(letter_id)
    return found
