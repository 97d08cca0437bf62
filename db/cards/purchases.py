"""Purchases: their states on the way to CardTrader, and their end. How one begins: db.cards.reservations.

Every function is one step inside the caller's transaction. A step names the state it starts from, so that of two
executions of one purchase only one takes it; the other gets `PurchaseMoved`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, Update, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import inbox, operations
from db.cards.intent_tables import purchases
from domain.cards.purchases import OPEN, State, sentence

ENDED: Final = "purchase_ended"
"""The channel on which a purchase's end is noticed, by its operation."""

_purchase = purchases.c
_CAUSE: Final = "purchase"


class PurchaseMoved(Exception):
    """The purchase is not in the state this step starts from."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase; `age` since it was reserved, `since_sent` since the copies were asked for, None before."""

    user_id: UUID
    operation_id: UUID
    idempotency_key: str
    item_id: int
    blueprint_id: int
    product_id: int
    quantity: int
    state: State
    local_before: int
    quantity_before: int | None
    remaining: int | None
    reason: str | None
    age: timedelta
    since_sent: timedelta | None

    @property
    def is_open(self) -> bool:
        """Whether it is still undecided."""
        return self.state in OPEN


COLUMNS: Final = (
    *(_purchase[name] for name in Purchase.__dataclass_fields__ if name not in ("age", "since_sent")),
    (func.clock_timestamp() - _purchase.created_at).label("age"),
    (func.clock_timestamp() - _purchase.sent_at).label("since_sent"),
)


def purchase_of(row: Row[Any]) -> Purchase:
    """A row of `COLUMNS`."""
    values = dict(row._mapping)
    return Purchase(**{**values, "operation_id": UUID(values["operation_id"])})


_other = purchases.alias("other")
_BUSY: Final = (
    select(_other.c.id)
    .where(
        _other.c.user_id == _purchase.user_id,
        _other.c.product_id == _purchase.product_id,
        _other.c.state.in_(("taking", "sending")),
    )
    .exists()
)
_NAMED: Final = _purchase.operation_id == bindparam("named")
# Made once: a buyer waits while such a statement is put together.
_FIND: Final = select(*COLUMNS).where(_NAMED)
_TURN: Final = (
    update(purchases).where(_NAMED, _purchase.state == "reserved", ~_BUSY).values(state="taking").returning(*COLUMNS)
)


async def find(connection: AsyncConnection, operation_id: UUID) -> Purchase | None:
    """The purchase of that operation."""
    row = (await connection.execute(_FIND, {"named": str(operation_id)})).one_or_none()
    return None if row is None else purchase_of(row)


async def find_by_key(connection: AsyncConnection, user_id: UUID, key: str) -> Purchase | None:
    """The purchase that was asked for with that key."""
    query = select(*COLUMNS).where(_purchase.user_id == user_id, _purchase.idempotency_key == key)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else purchase_of(row)


async def advance(connection: AsyncConnection, operation_id: UUID) -> Purchase | None:
    """The purchase; a reserved one is `taking` from now on when no other takes from its product.

    Raises:
        IntegrityError: two at once thought that it was their turn; this one has to wait.
    """
    row = (await connection.execute(_TURN, {"named": str(operation_id)})).one_or_none()
    return await find(connection, operation_id) if row is None else purchase_of(row)


async def note_sending(connection: AsyncConnection, purchase: Purchase, before: int) -> None:
    """From now on the copies may have been taken: `before` is what CardTrader had."""
    values = {"state": "sending", "quantity_before": before, "sent_at": func.clock_timestamp()}
    await _move(connection, purchase, "taking", values)


async def note_unsent(connection: AsyncConnection, purchase: Purchase) -> None:
    """The copies were certainly not taken."""
    await _move(connection, purchase, "sending", {"state": "taking", "quantity_before": None, "sent_at": None})


async def _move(connection: AsyncConnection, purchase: Purchase, start: State, values: dict[str, object]) -> None:
    if not (await connection.execute(_moved(purchase, start, values))).rowcount:
        raise PurchaseMoved


async def _end(connection: AsyncConnection, purchase: Purchase, start: State, values: dict[str, object]) -> None:
    """The last move; whoever waits for it is told when it is committed."""
    ended = _moved(purchase, start, {**values, "ended_at": func.clock_timestamp()})
    told = ended.returning(func.pg_notify(ENDED, str(purchase.operation_id)))
    if (await connection.execute(told)).first() is None:
        raise PurchaseMoved


def _moved(purchase: Purchase, start: State, values: dict[str, object]) -> Update:
    named = (_purchase.operation_id == str(purchase.operation_id), _purchase.state == start)
    return update(purchases).where(*named).values(values)


_SOLD = text("""
    SELECT coalesce(sum(line.quantity), 0) AS copies, EXISTS (
        SELECT FROM item_changes AS change
        WHERE change.user_id = mine.user_id AND change.product_id = mine.product_id AND change.delta <> 0
          AND change.sent_at IS NOT NULL AND coalesce(change.ended_at, now()) >= mine.sent_at) AS edited
    FROM purchases AS mine
    LEFT JOIN order_lines AS line ON line.user_id = mine.user_id AND line.product_id = mine.product_id
                                 AND line.decrement_applied AND line.created_at >= mine.sent_at
    WHERE mine.operation_id = :operation_id
    GROUP BY mine.id
""")


async def sold_since_sent(connection: AsyncConnection, purchase: Purchase) -> int | None:
    """Copies of the product that orders told of since; None when edits changed its quantity too."""
    row = (await connection.execute(_SOLD, {"operation_id": str(purchase.operation_id)})).one()
    return None if row.edited else int(row.copies)


# What CardTrader has left is the truth if nothing else was in doubt; it may only lower what we offer. Copies that an
# edit has still to take off there are not offered here any more.
_TAKEN_OFF = """(
    SELECT coalesce(-sum(change.delta), 0) FROM item_changes AS change
    WHERE change.item_id = item.id AND change.ended_at IS NULL AND change.action = 'update' AND change.delta < 0
      AND change.state IN ('waiting', 'held', 'sending'))"""
_TAKE = text(f"""
    UPDATE user_inventory_items AS item
    SET quantity = greatest(least(quantity - :copies, cast(:left AS int) - {_TAKEN_OFF}), 0),
        reserved_quantity = greatest(reserved_quantity - :copies, 0),
        sync_state = CASE WHEN sync_state = 'pending' THEN sync_state
                          WHEN sync_state = 'synced' AND quantity - :copies = :left THEN sync_state
                          ELSE 'uncertain' END,
        content_hash = NULL, row_version = row_version + 1, changed_at = clock_timestamp(),
        updated_at = clock_timestamp()
    WHERE id = :item_id AND user_id = :user_id
    RETURNING quantity, sync_state <> 'synced' OR EXISTS (
        SELECT FROM sync_operations AS sync
        WHERE sync.user_id = :user_id AND sync.operation_type IN ('bulk_sync', 'periodic_sync')
          AND sync.status IN ('pending', 'running')) AS unsettled
""")  # noqa: S608 - constants only
_RELEASE = text(f"""
    UPDATE user_inventory_items AS item
    SET quantity = greatest(least(quantity, coalesce(cast(:left AS int) - {_TAKEN_OFF}, quantity)), 0),
        reserved_quantity = greatest(reserved_quantity - :copies, 0),
        sync_state = CASE WHEN sync_state = 'pending' THEN sync_state ELSE 'uncertain' END,
        content_hash = NULL, row_version = row_version + 1, changed_at = clock_timestamp(),
        updated_at = clock_timestamp()
    WHERE id = :item_id AND user_id = :user_id
""")  # noqa: S608 - constants only


async def confirm(connection: AsyncConnection, purchase: Purchase, left: int) -> None:
    """The copies were taken, and CardTrader has `left`. A row that is in doubt is read again.

    A reserved row is left alone by syncs, so one that runs now may have passed it over: it is read again too.
    """
    row = (await connection.execute(_TAKE, _named(purchase) | {"left": left})).one_or_none()
    remaining = row.quantity if row else 0
    await _end(connection, purchase, "sending", {"state": "purchased", "remaining": remaining})
    story = {"phase": "done", "remaining": remaining}
    await operations.close(connection, purchase.operation_id, "completed", story)
    if row is None or row.unsettled:
        await _read_again(connection, purchase)


async def refuse(connection: AsyncConnection, purchase: Purchase, reason: str, *, left: int | None = None) -> None:
    """Give the copies back, and lower the row to what CardTrader has `left` where that is known."""
    await connection.execute(_RELEASE, _named(purchase) | {"left": left})
    await _end(connection, purchase, purchase.state, {"state": "refused", "reason": reason})
    story = {"phase": "done", "error": {"code": reason, "message": sentence(reason)}}
    await operations.close(connection, purchase.operation_id, "failed", story)
    await _read_again(connection, purchase)


def _named(purchase: Purchase) -> dict[str, object]:
    return {"item_id": purchase.item_id, "user_id": purchase.user_id, "copies": purchase.quantity}


async def _read_again(connection: AsyncConnection, purchase: Purchase) -> None:
    name = f"{_CAUSE}:{purchase.operation_id}"
    blueprints = (purchase.blueprint_id,)
    await inbox.request_reread(connection, purchase.user_id, name, blueprints, cause=_CAUSE, body_encrypted=b"")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An open purchase, named as its workflow is."""

    user_id: UUID
    operation_id: UUID
    idempotency_key: str


async def unfinished(connection: AsyncConnection, *, age: timedelta, most: int) -> list[Unfinished]:
    """Open purchases older than `age`, the oldest first."""
    query = (
        select(_purchase.user_id, _purchase.operation_id, _purchase.idempotency_key)
        .where(_purchase.ended_at.is_(None), _purchase.created_at < func.now() - age)
        .order_by(_purchase.created_at)
        .limit(most)
    )
    rows = await connection.execute(query)
    return [Unfinished(cast("UUID", user), UUID(operation), key) for user, operation, key in rows]
