"""A movement on its way to central: claimed, sent elsewhere, settled. Each function is one short transaction's work.

The item is locked first. `attempts` is the fence: whoever claims a movement again is the only one who may settle it,
so that an activity that was given up on and its successor do no harm to each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal
from uuid import UUID, uuid5

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.store.tables import store_changes, store_inventory, stores
from domain.store.conflicts import version_to_send
from domain.store.stock import CentralStock, after_push, moved_elsewhere
from domain.store.vocabulary import Reason, Strategy

_item, _change = store_inventory.c, store_changes.c
_NAMESPACE: Final = UUID("4a6f7d52-8b1e-5c0d-9a57-2f0f0d3a7c11")


@dataclass(frozen=True, slots=True)
class Claim:
    """The oldest movement of an item that central does not have, about to be sent on `version`.

    `uncertain`: it was sent before, and what became of that is not known.
    """

    change_id: int
    store_id: str
    item_id: int
    sku: str
    operation_id: UUID
    delta: int
    version: int
    attempt: int
    strategy: Strategy
    approved: bool
    uncertain: bool


async def claim(connection: AsyncConnection, item_id: int) -> Claim | None:
    """Take the head of an item's queue; None when there is none, or it waits for its time or for a person."""
    item = await _locked(connection, item_id)
    head = await _head(connection, item_id) if item else None
    if item is None or head is None or head.status not in ("pending", "in_progress") or not head.due:
        return None
    version = head.sent_version
    if version is None:
        version = version_to_send(
            item.strategy, head.base_central_version, known=item.central_version, chained=item.chained_version
        )
    await connection.execute(
        update(store_changes)
        .where(_change.id == head.id)
        # Committed before it is sent: whoever comes after a crash repeats the very same request.
        .values(status="in_progress", sent_version=version, attempts=_change.attempts + 1, next_attempt_at=None)
    )
    return Claim(
        head.id, item.store_id, item_id, item.sku, head.operation_id, head.delta, version, head.attempts + 1,
        item.strategy, head.approved, head.status == "in_progress",
    )  # fmt: skip


async def pushed(connection: AsyncConnection, sent: Claim, told: CentralStock) -> bool:
    """Central took it. False when somebody else settles it."""
    item = await _locked(connection, sent.item_id)
    if item is None or not await _settle(connection, sent, status="completed", error=None, completed_at=func.now()):
        return False
    known = None if item.central_version is None else CentralStock(item.central_version, item.central_quantity)
    central = after_push(known, sent.version, sent.delta, told)
    await _learn(connection, item, central, chained_version=told.version, last_synced_at=func.now())
    return True


async def rebased(connection: AsyncConnection, sent: Claim, central: CentralStock) -> bool:
    """It is to be sent on central's version next."""
    item = await _locked(connection, sent.item_id)
    # A rebased request is another request: it is sent by whoever claims it.
    if item is None or not await _settle(connection, sent, status="pending", sent_version=central.version):
        return False
    await _learn(connection, item, central)
    return True


async def compensated(connection: AsyncConnection, sent: Claim, central: CentralStock) -> bool:
    """Central has too little: the movement ends as a conflict, and a row beside it takes it back here."""
    item = await _locked(connection, sent.item_id)
    reason: Reason = "CENTRAL_TOO_LITTLE"
    if item is None or not await _settle(connection, sent, status="conflict", error=reason, completed_at=func.now()):
        return False
    item = await _take_back(connection, item, sent.operation_id, sent.delta)
    await _learn(connection, item, central)
    return True


async def asked(connection: AsyncConnection, sent: Claim, central: CentralStock, reason: Reason) -> bool:
    """A person has to decide; what comes after it waits as well."""
    item = await _locked(connection, sent.item_id)
    held = {"status": "conflict", "error": reason, "sent_version": None, "approved": False}
    if item is None or not await _settle(connection, sent, **held):
        return False
    await _learn(connection, item, central)
    return True


async def refused(connection: AsyncConnection, sent: Claim, reason: Reason) -> bool:
    """Central does not want it, and never will until a person helps."""
    return await _settle(connection, sent, status="failed", error=reason, sent_version=None)


async def postponed(
    connection: AsyncConnection, sent: Claim, reason: Reason, wait: timedelta, *, unknown: bool
) -> bool:
    """Later. With its outcome `unknown` it stays in progress, to be repeated as it was sent."""
    values: dict[str, Any] = {"error": reason, "next_attempt_at": func.clock_timestamp() + wait}
    if not unknown:
        values |= {"status": "pending", "sent_version": None}
    return await _settle(connection, sent, **values)


async def decided(
    connection: AsyncConnection, store_id: str, operation_id: UUID, decision: Literal["retry", "discard"]
) -> bool:
    """A person's word on a movement that waits for one. False when it does not, or no longer."""
    found = (
        await connection.execute(
            select(_change.item_id, _change.delta).where(
                _change.store_id == store_id, _change.operation_id == operation_id
            )
        )
    ).one_or_none()
    item = await _locked(connection, found.item_id) if found else None
    if found is None or item is None:
        return False
    waiting = (
        update(store_changes)
        .where(_change.store_id == store_id, _change.operation_id == operation_id, _change.completed_at.is_(None))
        .where(_change.status.in_(("conflict", "failed")))
        .returning(_change.id)
    )
    if decision == "retry":
        again = waiting.values(status="pending", approved=True, error=None, sent_version=None, next_attempt_at=None)
        return (await connection.execute(again)).scalar_one_or_none() is not None
    ended = waiting.values(error="DISCARDED", completed_at=func.now())
    if (await connection.execute(ended)).scalar_one_or_none() is None:
        return False
    await _take_back(connection, item, operation_id, found.delta)
    return True


async def read_back(connection: AsyncConnection, item_id: int, known_version: int | None, central: CentralStock) -> int:
    """Central was read while nothing was in flight; the difference somebody else made.

    Nothing is done when something was sent, or central was heard of, since `known_version` was looked up: what was
    read may then be older than what is known.
    """
    item = await _locked(connection, item_id)
    if item is None or item.central_version != known_version or await _is_in_flight(connection, item_id):
        return 0
    return await _learn(connection, item, central, read_due=False, last_synced_at=func.now())


async def _locked(connection: AsyncConnection, item_id: int) -> Row[Any] | None:
    query = (
        select(
            _item.id, _item.store_id, _item.sku, _item.quantity, _item.version, _item.central_version,
            _item.central_quantity, _item.chained_version, stores.c.strategy,
        )
        .join_from(store_inventory, stores, stores.c.store_id == _item.store_id)
        .where(_item.id == item_id)
        .with_for_update(of=store_inventory)
    )  # fmt: skip
    return (await connection.execute(query)).one_or_none()


async def _head(connection: AsyncConnection, item_id: int) -> Row[Any] | None:
    due = func.coalesce(_change.next_attempt_at <= func.clock_timestamp(), True).label("due")
    query = (
        select(
            _change.id, _change.operation_id, _change.delta, _change.status, _change.base_central_version,
            _change.sent_version, _change.attempts, _change.approved, due,
        )
        .where(_change.item_id == item_id, _change.completed_at.is_(None))
        .order_by(_change.id)
        .limit(1)
    )  # fmt: skip
    return (await connection.execute(query)).one_or_none()


async def _is_in_flight(connection: AsyncConnection, item_id: int) -> bool:
    head = await _head(connection, item_id)
    return head is not None and head.status == "in_progress"


async def _settle(connection: AsyncConnection, sent: Claim, **values: Any) -> bool:
    fenced = (
        update(store_changes)
        .where(_change.id == sent.change_id, _change.status == "in_progress", _change.attempts == sent.attempt)
        .values(**values)
        .returning(_change.id)
    )
    return (await connection.execute(fenced)).scalar_one_or_none() is not None


async def _learn(connection: AsyncConnection, item: Row[Any], central: CentralStock, **values: Any) -> int:
    """Note what central has, and bring the quantity here to the law; the difference somebody else made."""
    unpushed = select(func.coalesce(func.sum(_change.delta), 0)).where(
        _change.item_id == item.id, _change.completed_at.is_(None)
    )
    waiting = int((await connection.execute(unpushed)).scalar_one())
    difference = moved_elsewhere(item.quantity, central, waiting)
    heard = {"central_version": central.version, "central_quantity": central.quantity, "read_due": True}
    await connection.execute(
        update(store_inventory)
        .where(_item.id == item.id)
        .values(
            quantity=_item.quantity + difference,
            version=_item.version + int(difference != 0),
            updated_at=func.now() if difference else _item.updated_at,
            **heard | values,
        )
    )
    if difference:
        version = item.version + 1
        await _record(connection, item, "pulled", difference, uuid5(_NAMESPACE, f"{item.id}:{version}"), version)
    return difference


async def _take_back(connection: AsyncConnection, item: Row[Any], operation_id: UUID, delta: int) -> Row[Any]:
    """Undo a movement here; the item as it is then."""
    back = update(store_inventory).where(_item.id == item.id)
    await connection.execute(
        back.values(quantity=_item.quantity - delta, version=_item.version + 1, updated_at=func.now())
    )
    name = uuid5(operation_id, "compensation")
    await _record(connection, item, "compensation", -delta, name, item.version + 1, compensates=operation_id)
    again = await _locked(connection, item.id)
    return again if again is not None else item


async def _record(
    connection: AsyncConnection,
    item: Row[Any],
    kind: Literal["pulled", "compensation"],
    delta: int,
    operation_id: UUID,
    version: int,
    compensates: UUID | None = None,
) -> None:
    """A movement that central need not hear of."""
    await connection.execute(
        insert(store_changes).values(
            store_id=item.store_id,
            item_id=item.id,
            operation_id=operation_id,
            kind=kind,
            delta=delta,
            local_version=version,
            status="completed",
            compensates=compensates,
            completed_at=func.now(),
        )
    )
