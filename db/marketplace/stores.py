"""Stores of organisations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.marketplace.tables import marketplace_stores, sync_logs
from domain.marketplace.receipts import StoreStatus

_store = marketplace_stores.c


@dataclass(frozen=True, slots=True)
class Store:
    """A store; its tokens are asked for by name only."""

    id: UUID
    organization_id: str
    marketplace: str
    external_store_id: str
    store_name: str
    currency: str
    sync_status: StoreStatus
    last_sync_at: datetime | None
    imported_success_count: int
    created_at: datetime


_SHOWN: Final = [_store[name] for name in Store.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Registration:
    """What names a store, and what may change of it."""

    organization_id: str
    marketplace: str
    external_store_id: str
    store_name: str
    access_token_encrypted: str
    currency: str


async def register(
    connection: AsyncConnection, registration: Registration, *, store_id: UUID, sync_token: UUID
) -> tuple[UUID, UUID]:
    """(id, sync token) of the store, which keeps both for ever; a known one gets its other values renewed."""
    values = {name: getattr(registration, name) for name in Registration.__dataclass_fields__}
    fresh = insert(marketplace_stores).values(id=store_id, sync_token=sync_token, **values)
    renewed = {name: fresh.excluded[name] for name in ("store_name", "access_token_encrypted", "currency")}
    known = fresh.on_conflict_do_update(
        constraint="uq_marketplace_stores_name", set_={**renewed, "updated_at": func.now()}
    )
    row = (await connection.execute(known.returning(_store.id, _store.sync_token))).one()
    return row.id, row.sync_token


async def by_token(connection: AsyncConnection, sync_token: UUID) -> Store | None:
    """The store this token speaks for."""
    return await _one(connection, select(*_SHOWN).where(_store.sync_token == sync_token))


async def find(connection: AsyncConnection, store_id: UUID) -> Store | None:
    """The store of that id."""
    return await _one(connection, select(*_SHOWN).where(_store.id == store_id))


async def list_for(
    connection: AsyncConnection, organization_id: str, *, limit: int, after: UUID | None = None
) -> list[Store]:
    """An organisation's stores, oldest first; `after` is the last id of the page before."""
    query = select(*_SHOWN).where(_store.organization_id == organization_id).order_by(_store.id).limit(limit)
    if after is not None:
        query = query.where(_store.id > after)
    return [Store(**row) for row in (await connection.execute(query)).mappings()]


async def rate_limited(connection: AsyncConnection, store_id: UUID) -> int:
    """Receipts of the store that a marketplace wants to be asked for later."""
    limited = select(func.count()).where(sync_logs.c.store_id == store_id, sync_logs.c.status == "rate_limited")
    return int((await connection.execute(limited)).scalar_one())


_DUE: Final = text("""
    SELECT store_id FROM sync_logs
    WHERE next_retry_at <= clock_timestamp() AND store_id > :after
    GROUP BY store_id ORDER BY store_id LIMIT :most
""")
NO_STORE: Final = UUID(int=0)


async def with_due_receipts(connection: AsyncConnection, *, after: UUID = NO_STORE, most: int) -> list[UUID]:
    """Stores with something to try again, by id: the index of what is open, not the stores, is read."""
    return list((await connection.execute(_DUE, {"after": after, "most": most})).scalars())


async def _one(connection: AsyncConnection, query: Select[Any]) -> Store | None:
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Store(**row)
