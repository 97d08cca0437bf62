"""Events to be told, written in the transaction that causes them; the relay starts a workflow for each.

Every endpoint of the organisation and event gets a numbered delivery at once. Its row stays locked until the
caller commits, so numbers are given in the order of the commits, without a gap: who has read number 7 has
read all there will ever be below it. The endpoints are the last rows a transaction locks, in the order of their ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.ids import new_id
from db.marketplace.tables import callback_outbox
from domain.marketplace.events import Event, payload

_event = callback_outbox.c

_NUMBER: Final = text("""
    WITH listening AS (
        SELECT id FROM webhook_endpoints
        WHERE organization_id = :organization_id AND event = :event
          AND (cast(:only AS uuid) IS NULL OR id = cast(:only AS uuid))
        ORDER BY id FOR UPDATE
    ), numbered AS (
        UPDATE webhook_endpoints AS endpoint SET last_sequence = last_sequence + 1
        FROM listening WHERE endpoint.id = listening.id
        RETURNING endpoint.id, endpoint.last_sequence,
                  endpoint.paused_at IS NULL AND endpoint.disabled_at IS NULL AS sends
    )
    INSERT INTO callback_deliveries (endpoint_id, sequence, event_id, state, next_retry_at)
    SELECT id, last_sequence, :event_id, CASE WHEN sends THEN 'waiting' ELSE 'held' END,
           CASE WHEN sends THEN clock_timestamp() END
    FROM numbered
    RETURNING state
""")
_UNTOLD: Final = text("""
    SELECT id, organization_id FROM callback_outbox
    WHERE dispatched_at IS NULL ORDER BY created_at LIMIT :most
""")
# Its workflow was ended from outside: nothing else leaves a delivery waiting for so long after its time.
_FORGOTTEN: Final = text("""
    SELECT DISTINCT event.id, event.organization_id
    FROM (SELECT event_id FROM callback_deliveries
           WHERE state = 'waiting' AND next_retry_at < clock_timestamp() - cast(:age AS interval)
           ORDER BY next_retry_at LIMIT :most) AS late
    JOIN callback_outbox AS event ON event.id = late.event_id
    WHERE event.dispatched_at < clock_timestamp() - cast(:age AS interval)
""")
_PRUNE: Final = text("""
    DELETE FROM callback_outbox WHERE id IN (
        SELECT id FROM callback_outbox
        WHERE status <> 'pending' AND created_at < clock_timestamp() - cast(:age AS interval)
        ORDER BY created_at LIMIT :most)
""")


@dataclass(frozen=True, slots=True)
class Untold:
    """An event whose workflow is to be started."""

    event_id: UUID
    organization_id: str


async def record(
    connection: AsyncConnection,
    event: Event,
    *,
    event_id: UUID | None = None,
    at: datetime | None = None,
    only: UUID | None = None,
    listened_as: str | None = None,
) -> UUID | None:
    """Write an event in the caller's transaction; its id, or None when its cause was told before.

    `only` restricts it to one endpoint, `listened_as` names the event its endpoints have registered for.
    """
    told = event_id or new_id()
    values = {
        "id": told,
        "organization_id": event.organization_id,
        "store_id": event.store_id,
        "event": event.event,
        "cause": event.cause,
        "payload": payload(told, event, at or datetime.now(UTC)),
    }
    fresh = insert(callback_outbox).values(values).on_conflict_do_nothing(constraint="uq_callback_outbox_cause")
    if (await connection.execute(fresh.returning(_event.id))).first() is None:
        return None
    names = {"organization_id": event.organization_id, "event": listened_as or event.event}
    states = list((await connection.execute(_NUMBER, {**names, "only": only, "event_id": told})).scalars())
    if "waiting" not in states:
        # Nobody listens, or nobody at the moment: there is nothing to start.
        status = "pending" if states else "success"
        await _mark(connection, [told], status=status)
    return told


async def was_told(connection: AsyncConnection, cause: str) -> bool:
    """Whether an event of that cause was written."""
    return (await connection.execute(select(_event.id).where(_event.cause == cause))).first() is not None


async def untold(connection: AsyncConnection, *, most: int) -> list[Untold]:
    """Events that no workflow was started for yet, oldest first."""
    return [Untold(*row) for row in await connection.execute(_UNTOLD, {"most": most})]


async def forgotten(connection: AsyncConnection, *, age: timedelta, most: int) -> list[Untold]:
    """Events with a delivery whose time has passed by more than `age`."""
    return [Untold(*row) for row in await connection.execute(_FORGOTTEN, {"age": age, "most": most})]


async def note_dispatched(connection: AsyncConnection, event_ids: list[UUID]) -> None:
    """Their workflows run."""
    await _mark(connection, event_ids)


async def prune(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Forget events that ended longer ago, with their deliveries; how many there were."""
    return (await connection.execute(_PRUNE, {"age": age, "most": most})).rowcount


async def _mark(connection: AsyncConnection, event_ids: list[UUID], **values: str) -> None:
    dispatched = text("clock_timestamp()")
    await connection.execute(
        update(callback_outbox).where(_event.id.in_(event_ids)).values(dispatched_at=dispatched, **values)
    )
