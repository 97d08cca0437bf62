"""Sellers: the rows of `user_sync_settings`. Secrets enter and leave encrypted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import case, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.tables import sync_status_enum, user_inventory_items, user_sync_settings

SyncStatus = Literal["idle", "initial_sync", "active", "error"]


@dataclass(frozen=True, slots=True)
class Seller:
    """One linked account; `sync_status` is one of `SYNC_STATUSES`."""

    user_id: UUID
    cardtrader_token_encrypted: str = field(repr=False)
    webhook_secret: str | None = field(repr=False)
    webhook_id: UUID = field(repr=False)
    cardtrader_user_id: int | None
    sync_status: SyncStatus
    last_sync_at: datetime | None
    last_error: str | None
    highest_order_id: int | None
    suspended_at: datetime | None
    created_at: datetime
    updated_at: datetime


async def find(connection: AsyncConnection, user_id: UUID, *, lock: bool = False) -> Seller | None:
    """The seller, or None when the account was never linked. `lock` holds the row until the transaction ends."""
    query = select(user_sync_settings).where(user_sync_settings.c.user_id == user_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else Seller(**row)


async def find_by_webhook(connection: AsyncConnection, webhook_id: UUID) -> Seller | None:
    """The seller whose webhook address bears that id."""
    query = select(user_sync_settings).where(user_sync_settings.c.webhook_id == webhook_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Seller(**row)


async def link(
    connection: AsyncConnection,
    user_id: UUID,
    *,
    token_encrypted: str,
    secret_encrypted: str,
    cardtrader_user_id: int,
    newest_order_id: int | None = None,
) -> Seller:
    """Store a verified token and webhook secret. A new token for the same active account keeps it `active`;
    otherwise the account starts as `idle`. Linking lifts a suspension.

    Orders are read from `newest_order_id` on; an account that stays active goes on where it was.
    """
    values = {
        "cardtrader_token_encrypted": token_encrypted,
        "webhook_secret": secret_encrypted,
        "cardtrader_user_id": cardtrader_user_id,
    }
    fresh = insert(user_sync_settings).values(user_id=user_id, highest_order_id=newest_order_id, **values)
    stays_active = (user_sync_settings.c.sync_status == "active") & (
        user_sync_settings.c.cardtrader_user_id == cardtrader_user_id
    )
    status = case((stays_active, user_sync_settings.c.sync_status), else_=cast("idle", sync_status_enum))
    # An idle account begins with a sync, which holds all older sales; an active one has none to hold them.
    read = case((stays_active, user_sync_settings.c.highest_order_id))
    relinked = {
        **values,
        "highest_order_id": func.coalesce(read, fresh.excluded.highest_order_id),
        "sync_status": status,
        "suspended_at": None,
        "last_error": None,
        "updated_at": func.now(),
    }
    upsert = fresh.on_conflict_do_update(index_elements=["user_id"], set_=relinked).returning(*user_sync_settings.c)
    return Seller(**(await connection.execute(upsert)).mappings().one())


async def has_stock(connection: AsyncConnection, user_id: UUID) -> bool:
    """Whether any row of stock belongs to the seller."""
    rows = select(user_inventory_items.c.id).where(user_inventory_items.c.user_id == user_id).limit(1)
    return (await connection.execute(rows)).first() is not None
