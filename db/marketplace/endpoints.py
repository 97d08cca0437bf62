"""Endpoints of organisations: where call-backs go, and whether they do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Interval, Select, case, delete, func, literal_column, select, text, type_coerce, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.marketplace.tables import webhook_endpoints

_endpoint = webhook_endpoints.c


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as its owner sees it."""

    id: UUID
    organization_id: str
    event: str
    target_url: str
    last_sequence: int
    failing_since: datetime | None
    paused_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime

    @property
    def is_active(self) -> bool:
        """Whether events are sent to it."""
        return self.paused_at is None and self.disabled_at is None


_SHOWN: Final = [_endpoint[name] for name in Endpoint.__dataclass_fields__]
_ON: Final[dict[str, Any]] = dict.fromkeys(("paused_at", "disabled_at", "disabled_reason", "failing_since"))


async def register(
    connection: AsyncConnection,
    organization_id: str,
    event: str,
    target_url: str,
    *,
    endpoint_id: UUID,
    secret_encrypted: str,
) -> tuple[Endpoint, bool]:
    """The endpoint, and whether it is new; a known one is switched on again and keeps its secret."""
    fresh = insert(webhook_endpoints).values(
        id=endpoint_id,
        organization_id=organization_id,
        event=event,
        target_url=target_url,
        secret_encrypted=secret_encrypted,
    )
    known = fresh.on_conflict_do_update(
        constraint="uq_webhook_endpoints_target", set_={**_ON, "updated_at": func.now()}
    )
    # PostgreSQL's own mark of a row that was updated, not inserted.
    returning = known.returning(*_SHOWN, literal_column("(xmax = 0)").label("is_new"))
    row = dict((await connection.execute(returning)).mappings().one())
    is_new = bool(row.pop("is_new"))
    endpoint = Endpoint(**row)
    if not is_new:
        await _wake(connection, endpoint.id)
    return endpoint, is_new


async def find(connection: AsyncConnection, endpoint_id: UUID) -> Endpoint | None:
    """The endpoint of that id."""
    return await _one(connection, select(*_SHOWN).where(_endpoint.id == endpoint_id))


async def list_for(connection: AsyncConnection, organization_id: str) -> list[Endpoint]:
    """An organisation's endpoints, by event and address."""
    query = select(*_SHOWN).where(_endpoint.organization_id == organization_id)
    ordered = query.order_by(_endpoint.event, _endpoint.target_url)
    return [Endpoint(**row) for row in (await connection.execute(ordered)).mappings()]


async def unregister(connection: AsyncConnection, endpoint_id: UUID) -> None:
    """Forget the endpoint and all that was to be told it."""
    await connection.execute(delete(webhook_endpoints).where(_endpoint.id == endpoint_id))


async def pause(connection: AsyncConnection, endpoint_id: UUID) -> Endpoint | None:
    """Keep its events until it is resumed."""
    paused = update(webhook_endpoints).where(_endpoint.id == endpoint_id)
    paused_at = func.coalesce(_endpoint.paused_at, func.now())
    await connection.execute(paused.values(paused_at=paused_at, updated_at=func.now()))
    await hold(connection, endpoint_id)
    return await find(connection, endpoint_id)


async def resume(connection: AsyncConnection, endpoint_id: UUID) -> Endpoint | None:
    """Send to it again, and first what was kept."""
    on = update(webhook_endpoints).where(_endpoint.id == endpoint_id).values(**_ON, updated_at=func.now())
    await connection.execute(on)
    await _wake(connection, endpoint_id)
    return await find(connection, endpoint_id)


async def disable(connection: AsyncConnection, endpoint_id: UUID, reason: str) -> None:
    """Switch it off; its events are kept."""
    off = update(webhook_endpoints).where(_endpoint.id == endpoint_id, _endpoint.disabled_at.is_(None))
    await connection.execute(off.values(disabled_at=func.now(), disabled_reason=reason, updated_at=func.now()))
    await hold(connection, endpoint_id)


async def note_success(connection: AsyncConnection, endpoint_id: UUID) -> None:
    """It answers; the row is only touched when it had failed."""
    well = update(webhook_endpoints).where(_endpoint.id == endpoint_id, _endpoint.failing_since.is_not(None))
    await connection.execute(well.values(failing_since=None))


async def note_failure(connection: AsyncConnection, endpoint_id: UUID) -> timedelta:
    """For how long it has failed, without a success in between."""
    since = func.coalesce(_endpoint.failing_since, func.now())
    failing = update(webhook_endpoints).where(_endpoint.id == endpoint_id).values(failing_since=since)
    lasted = type_coerce(func.now() - _endpoint.failing_since, Interval)
    return (await connection.execute(failing.returning(lasted))).scalar_one_or_none() or timedelta()


async def rotate(connection: AsyncConnection, endpoint_id: UUID, secret_encrypted: str, overlap: timedelta) -> None:
    """A new secret; the one before signs as well for `overlap`."""
    await connection.execute(
        update(webhook_endpoints)
        .where(_endpoint.id == endpoint_id)
        .values(
            previous_secret_encrypted=_endpoint.secret_encrypted,
            previous_secret_until=func.now() + overlap,
            secret_encrypted=secret_encrypted,
            updated_at=func.now(),
        )
    )


SIGNING: Final = (
    _endpoint.secret_encrypted.label("secret"),
    case((_endpoint.previous_secret_until > func.now(), _endpoint.previous_secret_encrypted)).label("previous_secret"),
)
"""Columns of a query over endpoints: the secret, and the one before while it still signs."""

_HOLD: Final = text("""
    UPDATE callback_deliveries SET state = 'held', next_retry_at = NULL
    WHERE endpoint_id = :endpoint_id AND state = 'waiting'
""")
_WAKE: Final = text("""
    WITH woken AS (
        UPDATE callback_deliveries
        SET state = 'waiting', attempts = 0, next_retry_at = clock_timestamp(), waiting_since = clock_timestamp()
        WHERE endpoint_id = :endpoint_id AND state = 'held' RETURNING event_id
    )
    UPDATE callback_outbox SET dispatched_at = NULL, status = 'pending' WHERE id IN (SELECT event_id FROM woken)
""")


async def hold(connection: AsyncConnection, endpoint_id: UUID) -> None:
    """Keep what waits."""
    await connection.execute(_HOLD, {"endpoint_id": endpoint_id})


async def _wake(connection: AsyncConnection, endpoint_id: UUID) -> None:
    await connection.execute(_WAKE, {"endpoint_id": endpoint_id})


async def _one(connection: AsyncConnection, query: Select[Any]) -> Endpoint | None:
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Endpoint(**row)
