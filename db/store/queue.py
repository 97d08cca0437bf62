"""A shop's queue as a whole: what is due, when the next pass may be, and what passes have come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, any_, delete, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from db.store.tables import store_changes, store_inventory, stores
from domain.store.pushing import PassCounts, Queued

_item, _change, _store = store_inventory.c, store_changes.c, stores.c
_LOOK: Final = 1000


def _open() -> ColumnElement[bool]:
    return _change.completed_at.is_(None)


def _held() -> ColumnElement[bool]:
    """It waits for a person, or for its time; only the head of an item's queue ever does."""
    return or_(_change.status.in_(("conflict", "failed")), _change.next_attempt_at > func.clock_timestamp())


@dataclass(frozen=True, slots=True)
class Work:
    """What a pass has before it. `wait` until it may begin; `resumes` when the earliest movement is due again."""

    queue: list[Queued]
    blocked: frozenset[int]
    wait: timedelta
    resumes: timedelta | None
    failed_passes: int
    to_read: bool


async def look(connection: AsyncConnection, store_id: str) -> Work | None:
    """What is to be done for a shop; None when there is no such shop."""
    waits = _store.next_pass_at - func.clock_timestamp()
    store = (
        await connection.execute(select(waits.label("wait"), _store.failed_passes).where(_store.store_id == store_id))
    ).one_or_none()
    if store is None:
        return None
    blocked = await _blocked(connection, store_id)
    return Work(
        await _queue(connection, store_id, blocked),
        blocked,
        max(store.wait or timedelta(0), timedelta(0)),
        await _resumes(connection, store_id),
        store.failed_passes,
        await _reads(connection, store_id),
    )


async def _blocked(connection: AsyncConnection, store_id: str) -> frozenset[int]:
    query = select(_change.item_id).where(_change.store_id == store_id, _open(), _held())
    return frozenset((await connection.execute(query)).scalars())


async def _queue(connection: AsyncConnection, store_id: str, blocked: frozenset[int]) -> list[Queued]:
    query = select(_change.id, _change.item_id).where(_change.store_id == store_id, _open())
    if blocked:
        query = query.where(~(_change.item_id == any_(literal(sorted(blocked), ARRAY(_change.item_id.type)))))
    rows = await connection.execute(query.order_by(_change.id).limit(_LOOK))
    return [Queued(row.id, row.item_id) for row in rows]


async def _resumes(connection: AsyncConnection, store_id: str) -> timedelta | None:
    earliest = func.min(_change.next_attempt_at) - func.clock_timestamp()
    waits = select(earliest).where(
        _change.store_id == store_id, _open(), _change.status.in_(("pending", "in_progress")), _held()
    )
    found: timedelta | None = (await connection.execute(waits)).scalar_one()
    return found


async def _reads(connection: AsyncConnection, store_id: str) -> bool:
    query = select(exists().where(_item.store_id == store_id, _item.read_due))
    return bool((await connection.execute(query)).scalar_one())


@dataclass(frozen=True, slots=True)
class ToRead:
    """An item whose central stock is to be read, and what was known of it before."""

    item_id: int
    sku: str
    known_version: int | None


async def to_read(connection: AsyncConnection, store_id: str, *, after: int, most: int) -> list[ToRead]:
    """Items that are to be read by id, none with a movement of unknown outcome."""
    flying = exists().where(_change.item_id == _item.id, _open(), _change.status == "in_progress")
    query = (
        select(_item.id, _item.sku, _item.central_version)
        .where(_item.store_id == store_id, _item.read_due, _item.id > after, ~flying)
        .order_by(_item.id)
        .limit(most)
    )
    return [ToRead(row.id, row.sku, row.central_version) for row in await connection.execute(query)]


async def unreadable(connection: AsyncConnection, item_id: int) -> None:
    """Central does not know the item: it is asked again with the schedule."""
    await connection.execute(update(store_inventory).where(_item.id == item_id).values(read_due=False))


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass came to; seconds of the whole, and of central's answers added up."""

    counts: PassCounts
    seconds: float
    responses: int
    response_seconds: float


async def book(connection: AsyncConnection, store_id: str, done: Pass, *, wait: timedelta | None) -> None:
    """Add a pass to the totals. `wait` until the next one, central being away; None: it answered."""
    away = wait is not None
    counts = done.counts
    await connection.execute(
        update(stores)
        .where(_store.store_id == store_id)
        .values(
            last_pass_at=func.now(),
            passes=_store.passes + 1,
            pass_seconds=_store.pass_seconds + done.seconds,
            attempts=_store.attempts + counts.attempts,
            pushed=_store.pushed + counts.pushed,
            conflicts=_store.conflicts + counts.conflicts,
            failures=_store.failures + counts.failures,
            responses=_store.responses + done.responses,
            response_seconds=_store.response_seconds + done.response_seconds,
            failed_passes=_store.failed_passes + 1 if away else 0,
            next_pass_at=func.clock_timestamp() + wait if away else None,
        )
    )


async def away(connection: AsyncConnection, store_id: str, wait: timedelta) -> None:
    """Central could not be read: nothing is asked of it until then."""
    gate = {"failed_passes": _store.failed_passes + 1, "next_pass_at": func.clock_timestamp() + wait}
    await connection.execute(update(stores).where(_store.store_id == store_id).values(gate))


async def failed_passes(connection: AsyncConnection, store_id: str) -> int:
    """How many in a row found central away."""
    query = select(_store.failed_passes).where(_store.store_id == store_id)
    return (await connection.execute(query)).scalar_one_or_none() or 0


async def hurry(connection: AsyncConnection, store_id: str, *, reading: bool) -> int:
    """Everything that waits for its time is due now, and `reading`, every item is to be read; how many wait."""
    await connection.execute(update(stores).where(_store.store_id == store_id).values(next_pass_at=None))
    waiting = _change.status.in_(("pending", "in_progress"))
    await connection.execute(
        update(store_changes)
        .where(_change.store_id == store_id, _open(), waiting, _change.next_attempt_at.is_not(None))
        .values(next_attempt_at=None)
    )
    if reading:
        await connection.execute(
            update(store_inventory).where(_item.store_id == store_id, ~_item.read_due).values(read_due=True)
        )
    count = select(func.count()).where(_change.store_id == store_id, _open())
    return int((await connection.execute(count)).scalar_one())


async def stores_after(connection: AsyncConnection, after: str, most: int) -> list[str]:
    """Shops by id, a page at a time."""
    query = select(_store.store_id).where(_store.store_id > after).order_by(_store.store_id).limit(most)
    return list((await connection.execute(query)).scalars())


async def stores_waiting(connection: AsyncConnection, *, age: timedelta, most: int) -> list[str]:
    """Shops with something due that nobody has taken up for that long."""
    old = func.clock_timestamp() - age
    owed = exists().where(
        _change.store_id == _store.store_id,
        _open(),
        _change.status.in_(("pending", "in_progress")),
        func.coalesce(_change.next_attempt_at, _change.created_at) < old,
    )
    unread = exists().where(_item.store_id == _store.store_id, _item.read_due, _item.updated_at < old)
    may_begin = func.coalesce(_store.next_pass_at < old, True)
    query = select(_store.store_id).where(may_begin, or_(owed, unread)).order_by(_store.store_id).limit(most)
    return list((await connection.execute(query)).scalars())


async def prune(connection: AsyncConnection, store_id: str, *, age: timedelta, most: int) -> int:
    """Delete the oldest ended movements, their sum kept in `opening`; how many."""
    ended: Any = (
        select(_change.id)
        .where(_change.store_id == store_id, _change.completed_at < func.now() - age)
        .order_by(_change.id)
        .limit(most)
        .scalar_subquery()
    )
    # The item first, as everywhere.
    items = select(_change.item_id).where(_change.id.in_(ended))
    await connection.execute(select(_item.id).where(_item.id.in_(items)).order_by(_item.id).with_for_update())
    gone = delete(store_changes).where(_change.id.in_(ended)).returning(_change.item_id, _change.delta).cte("gone")
    sums = select(gone.c.item_id, func.sum(gone.c.delta).label("delta"), func.count().label("rows"))
    grouped = sums.group_by(gone.c.item_id).cte("sums")
    kept = (
        update(store_inventory)
        .where(_item.id == grouped.c.item_id)
        .values(opening=_item.opening + grouped.c.delta)
        .returning(grouped.c.rows)
    )
    return sum((await connection.execute(kept)).scalars())
