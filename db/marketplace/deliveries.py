"""Deliveries: one per event and endpoint, each with its own attempts, retries and end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.marketplace import endpoints
from db.marketplace.tables import callback_deliveries, callback_outbox, webhook_endpoints
from domain.marketplace.delivery import Answer, DeliveryState, Verdict, is_worn_out

_delivery = callback_deliveries.c
_event = callback_outbox.c
_endpoint = webhook_endpoints.c

GONE: Final = "gone"
WORN_OUT: Final = "failing for 3 days"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent to one endpoint; `attempts` so far, `age` since it waits."""

    endpoint_id: UUID
    event_id: UUID
    sequence: int
    target_url: str
    secret: str
    previous_secret: str | None
    payload: dict[str, Any]
    attempts: int
    age: timedelta


PARCEL: Final = (
    _delivery.endpoint_id,
    _delivery.event_id,
    _delivery.sequence,
    _endpoint.target_url,
    *endpoints.SIGNING,
    _event.payload,
    _delivery.attempts,
    (func.clock_timestamp() - _delivery.waiting_since).label("age"),
)
PACKED: Final = callback_deliveries.join(callback_outbox, _event.id == _delivery.event_id).join(
    webhook_endpoints, _endpoint.id == _delivery.endpoint_id
)


async def due(connection: AsyncConnection, event_id: UUID) -> list[Parcel]:
    """What of an event is to be sent now."""
    waiting = select(*PARCEL).select_from(PACKED).where(_delivery.event_id == event_id, _delivery.state == "waiting")
    query = waiting.where(_delivery.next_retry_at <= func.clock_timestamp())
    return [Parcel(**row) for row in (await connection.execute(query)).mappings()]


async def settle(connection: AsyncConnection, parcel: Parcel, answer: Answer, verdict: Verdict) -> None:
    """Write down what came of an attempt, and what it says about the endpoint."""
    # The endpoint first: whoever records an event locks it before he adds a delivery.
    if answer.is_success:
        await endpoints.note_success(connection, parcel.endpoint_id)
    else:
        failing = await endpoints.note_failure(connection, parcel.endpoint_id)
        if answer.is_gone:
            await endpoints.disable(connection, parcel.endpoint_id, GONE)
        elif is_worn_out(failing):
            await endpoints.disable(connection, parcel.endpoint_id, WORN_OUT)
            verdict = Verdict("held")
    await _write(
        connection,
        parcel,
        verdict,
        attempts=parcel.attempts + 1,
        last_status=answer.status or None,
        last_error=None if answer.is_success else answer.reason[:255],
        delivered_at=func.clock_timestamp() if answer.is_success else None,
    )


async def postpone(connection: AsyncConnection, parcel: Parcel, verdict: Verdict, reason: str) -> None:
    """Not tried this time."""
    await _write(connection, parcel, verdict, last_error=reason)


async def _write(connection: AsyncConnection, parcel: Parcel, verdict: Verdict, **values: Any) -> None:
    wait = None if verdict.wait is None else func.clock_timestamp() + verdict.wait
    ours = update(callback_deliveries).where(
        _delivery.endpoint_id == parcel.endpoint_id,
        _delivery.sequence == parcel.sequence,
        # Delivered stays delivered; what was paused meanwhile stays held, unless it has arrived all the same.
        _delivery.state.in_(("waiting", "held") if verdict.state in ("delivered", "held") else ("waiting",)),
    )
    await connection.execute(ours.values(state=verdict.state, next_retry_at=wait, **values))


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one event: deliveries by state, and seconds until the next is due (None when none waits)."""

    waiting: int
    held: int
    dead: int
    next_in: float | None


_STANDING: Final = text("""
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'held') AS held,
           count(*) FILTER (WHERE state = 'dead') AS dead,
           cast(extract(epoch FROM min(next_retry_at) FILTER (WHERE state = 'waiting') - clock_timestamp())
                AS float8) AS next_in
    FROM callback_deliveries WHERE event_id = :event_id
""")


async def standing(connection: AsyncConnection, event_id: UUID) -> Standing:
    """How an event stands; one that nothing is owed for any more gets its final status."""
    found = Standing(**(await connection.execute(_STANDING, {"event_id": event_id})).mappings().one())
    if not found.waiting and not found.held:
        status = "failed" if found.dead else "success"
        await connection.execute(update(callback_outbox).where(_event.id == event_id).values(status=status))
    return found


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as the endpoint's owner sees it."""

    sequence: int
    event_id: UUID
    event: str
    state: DeliveryState
    attempts: int
    next_retry_at: datetime | None
    last_status: int | None
    last_error: str | None
    delivered_at: datetime | None
    created_at: datetime


async def list_for(
    connection: AsyncConnection,
    endpoint_id: UUID,
    *,
    limit: int,
    state: DeliveryState | None = None,
    before: int | None = None,
) -> list[Delivery]:
    """An endpoint's deliveries, newest first; `before` is the last number of the page before."""
    shown = [_event.event if name == "event" else _delivery[name] for name in Delivery.__dataclass_fields__]
    query = select(*shown).select_from(PACKED).where(_delivery.endpoint_id == endpoint_id)
    if state is not None:
        query = query.where(_delivery.state == state)
    if before is not None:
        query = query.where(_delivery.sequence < before)
    ordered = query.order_by(_delivery.sequence.desc()).limit(limit)
    return [Delivery(**row) for row in (await connection.execute(ordered)).mappings()]


async def events_after(
    connection: AsyncConnection, endpoint_id: UUID, *, after: int, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    """(number, payload) of what the endpoint was or is to be told, oldest first: what a consumer fills gaps from."""
    query = select(_delivery.sequence, _event.payload).select_from(PACKED)
    ranged = query.where(_delivery.endpoint_id == endpoint_id, _delivery.sequence > after)
    rows = await connection.execute(ranged.order_by(_delivery.sequence).limit(limit))
    return [(row.sequence, row.payload) for row in rows]


async def sequence_of(connection: AsyncConnection, endpoint_id: UUID, event_id: UUID) -> int | None:
    """The number of an event at an endpoint; None when it was never to be told there."""
    query = select(_delivery.sequence).where(_delivery.endpoint_id == endpoint_id, _delivery.event_id == event_id)
    return (await connection.execute(query)).scalar_one_or_none()
