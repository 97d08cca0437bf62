"""Receipts: registered before anything is asked, claimed by whoever asks, settled in one transaction.

A claim is a lease: of all who would ask for one receipt only its holder does, and what he finds counts only while
he holds it. Row, counter and status of the store change together, under the store's lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.marketplace.tables import marketplace_stores, sync_logs
from domain.marketplace.receipts import EXHAUSTED, LATEST, ReceiptState, Settlement, store_status

_log = sync_logs.c
_LONGEST_CLAIM: Final = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it stands; `error_details` is a code of ours, or None."""

    id: UUID
    store_id: UUID
    receipt: str
    status: ReceiptState
    order_id: str | None
    amount: Decimal | None
    currency: str | None
    error_details: str | None
    attempt: int
    next_retry_at: datetime | None
    last_attempt_at: datetime | None
    imported_at: datetime | None
    created_at: datetime


_SHOWN: Final = [_log[name] for name in Receipt.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A receipt that is to be asked for; `attempt` is the number of that attempt, from 1."""

    id: UUID
    store_id: UUID
    receipt: str
    attempt: int
    marketplace: str
    currency: str


async def register(
    connection: AsyncConnection, store_id: UUID, receipt: str, *, log_id: UUID, grace: timedelta
) -> Receipt:
    """The receipt; a new one is `pending`, and everybody's after `grace`, should its import be lost.

    One that was given up is taken up anew: a person asks for it.
    """
    fresh = insert(sync_logs).values(
        id=log_id, store_id=store_id, receipt=receipt, next_retry_at=func.clock_timestamp() + grace
    )
    anew = {"status": "pending", "attempt": 0, "next_retry_at": fresh.excluded.next_retry_at, "error_details": None}
    await connection.execute(
        fresh.on_conflict_do_update(
            constraint="uq_sync_logs_receipt",
            set_=anew,
            where=(_log.status == "failed") & (_log.error_details == EXHAUSTED),
        )
    )
    query = select(*_SHOWN).where(_log.store_id == store_id, _log.receipt == receipt)
    return Receipt(**(await connection.execute(query)).mappings().one())


async def find(connection: AsyncConnection, log_id: UUID) -> Receipt | None:
    """The receipt of that id."""
    row = (await connection.execute(select(*_SHOWN).where(_log.id == log_id))).mappings().one_or_none()
    return None if row is None else Receipt(**row)


async def list_for(
    connection: AsyncConnection,
    store_id: UUID,
    *,
    limit: int,
    status: ReceiptState | None = None,
    before: UUID | None = None,
) -> list[Receipt]:
    """A store's receipts, newest first; `before` is the last id of the page before."""
    query = select(*_SHOWN).where(_log.store_id == store_id).order_by(_log.id.desc()).limit(limit)
    if status is not None:
        query = query.where(_log.status == status)
    if before is not None:
        query = query.where(_log.id < before)
    return [Receipt(**row) for row in (await connection.execute(query)).mappings()]


_COLUMNS: Final = """
    log.id, log.store_id, log.receipt, log.attempt + 1 AS attempt,
    (SELECT marketplace FROM marketplace_stores WHERE id = log.store_id) AS marketplace,
    (SELECT currency FROM marketplace_stores WHERE id = log.store_id) AS currency
"""
# A first attempt need not wait for its grace: that is for others, who find it forgotten.
_CLAIM: Final = text(f"""
    UPDATE sync_logs AS log SET claim = :claim, claimed_until = clock_timestamp() + :lease
    WHERE id = :log_id AND next_retry_at IS NOT NULL AND (status = 'pending' OR next_retry_at <= clock_timestamp())
      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp() OR claim = :claim)
    RETURNING {_COLUMNS}
""")  # noqa: S608 - of constants of this module
_CLAIM_DUE: Final = text(f"""
    UPDATE sync_logs AS log SET claim = :claim, claimed_until = clock_timestamp() + :lease
    FROM (SELECT id FROM sync_logs
           WHERE store_id = :store_id AND next_retry_at <= clock_timestamp()
             AND (claimed_until IS NULL OR claimed_until <= clock_timestamp() OR claim = :claim)
           ORDER BY next_retry_at, id LIMIT :most FOR UPDATE SKIP LOCKED) AS due
    WHERE log.id = due.id
    RETURNING {_COLUMNS}
""")  # noqa: S608 - of constants of this module


async def claim(connection: AsyncConnection, log_id: UUID, holder: UUID, lease: timedelta) -> Claimed | None:
    """Claim one receipt; None when it is settled, not due yet, or someone else's."""
    row = (await connection.execute(_CLAIM, {"log_id": log_id, "claim": holder, "lease": lease})).one_or_none()
    return None if row is None else _claimed(row)


async def claim_due(
    connection: AsyncConnection, store_id: UUID, holder: UUID, lease: timedelta, *, most: int
) -> list[Claimed]:
    """Claim the store's receipts that have been due longest."""
    names = {"store_id": store_id, "claim": holder, "lease": lease, "most": most}
    return [_claimed(row) for row in await connection.execute(_CLAIM_DUE, names)]


async def is_held_by_another(connection: AsyncConnection, log_id: UUID, holder: UUID) -> bool:
    """Whether somebody else asks for the receipt at the moment."""
    query = select(_log.id).where(_log.id == log_id, _log.claim != holder, _log.claimed_until > func.clock_timestamp())
    return (await connection.execute(query)).first() is not None


async def release(connection: AsyncConnection, store_id: UUID, holder: UUID) -> None:
    """Give back what was claimed and not settled."""
    held = update(sync_logs).where(_log.store_id == store_id, _log.claim == holder, _log.claimed_until.is_not(None))
    await connection.execute(held.where(_log.next_retry_at.is_not(None)).values(claim=None, claimed_until=None))


async def settled_by(connection: AsyncConnection, store_id: UUID, holder: UUID) -> dict[ReceiptState, int]:
    """What became of the receipts of a claim, also of those that another attempt of its activity has settled."""
    query = (
        select(_log.status, func.count().label("receipts"))
        .where(_log.store_id == store_id, _log.last_attempt_at > func.clock_timestamp() - _LONGEST_CLAIM)
        .where(_log.claim == holder, _log.claimed_until.is_(None))
        .group_by(_log.status)
    )
    return {row.status: row.receipts for row in await connection.execute(query)}


async def settle(connection: AsyncConnection, claimed: Claimed, holder: UUID, settlement: Settlement) -> bool:
    """Write an attempt down: row, counter and status of the store. False when the claim was lost meanwhile."""
    store = marketplace_stores.c
    locked = select(store.id).where(store.id == claimed.store_id).with_for_update(key_share=True)
    if (await connection.execute(locked)).first() is None:
        return False
    ours = update(sync_logs).where(_log.id == claimed.id, _log.claim == holder, _log.claimed_until.is_not(None))
    settled = await connection.execute(ours.values(_changes(claimed, settlement)).returning(_log.id))
    if settled.first() is None:
        return False
    count = store.imported_success_count + (1 if settlement.state == "success" else 0)
    await connection.execute(
        update(marketplace_stores)
        .where(store.id == claimed.store_id)
        .values(
            imported_success_count=count,
            sync_status=store_status(await _latest(connection, claimed.store_id)),
            last_sync_at=func.clock_timestamp(),
            updated_at=func.now(),
        )
    )
    return True


def _changes(claimed: Claimed, settlement: Settlement) -> dict[str, Any]:
    now = func.clock_timestamp()
    order = settlement.imported
    return {
        "status": settlement.state,
        "error_details": settlement.code or None,
        "attempt": claimed.attempt,
        "next_retry_at": None if settlement.wait is None else now + settlement.wait,
        "order_id": None if order is None else order.order_id,
        "amount": None if order is None else order.amount,
        "currency": None if order is None else order.currency,
        "imported_at": None if order is None else order.imported_at,
        "last_attempt_at": now,
        # Who settled it stays written down: his batch is counted by that.
        "claimed_until": None,
        "updated_at": now,
    }


async def _latest(connection: AsyncConnection, store_id: UUID) -> list[ReceiptState]:
    """What became of the latest attempts, newest first: by activity, not by the age of a receipt."""
    query = (
        select(_log.status)
        .where(_log.store_id == store_id, _log.last_attempt_at.is_not(None))
        .order_by(_log.last_attempt_at.desc(), _log.id.desc())
        .limit(LATEST)
    )
    return list((await connection.execute(query)).scalars())


def _claimed(row: Row[Any]) -> Claimed:
    return Claimed(**row._mapping)
