"""Replays: a range of an endpoint's events sent once more, in order; what was sent is never sent again by the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Select, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.marketplace.deliveries import PACKED, PARCEL, Parcel
from db.marketplace.tables import callback_deliveries, callback_replays

_replay = callback_replays.c
_delivery = callback_deliveries.c

ReplayState = Literal["running", "stopped", "completed"]


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay as it stands; numbers first to last, done up to `after_sequence`."""

    id: UUID
    endpoint_id: UUID
    first_sequence: int
    last_sequence: int
    after_sequence: int
    sent: int
    state: ReplayState
    last_error: str | None
    created_at: datetime


_SHOWN: Final = [_replay[name] for name in Replay.__dataclass_fields__]


async def begin(connection: AsyncConnection, replay_id: UUID, endpoint_id: UUID, first: int, last: int) -> Replay:
    """Write a replay down; its workflow is started afterwards."""
    values = {"id": replay_id, "endpoint_id": endpoint_id, "first_sequence": first, "last_sequence": last}
    fresh = insert(callback_replays).values(**values, after_sequence=first - 1).returning(*_SHOWN)
    return Replay(**(await connection.execute(fresh)).mappings().one())


async def find(connection: AsyncConnection, replay_id: UUID) -> Replay | None:
    """The replay of that id."""
    return await _one(connection, select(*_SHOWN).where(_replay.id == replay_id))


async def forgotten(connection: AsyncConnection, *, age: timedelta, most: int) -> list[UUID]:
    """Running replays that have not moved for `age`."""
    query = select(_replay.id).where(_replay.state == "running", _replay.updated_at < func.clock_timestamp() - age)
    return list((await connection.execute(query.order_by(_replay.updated_at).limit(most))).scalars())


async def next_parcels(connection: AsyncConnection, replay: Replay, *, most: int) -> list[Parcel]:
    """What comes next, in order."""
    query = (
        select(*PARCEL)
        .select_from(PACKED)
        .where(_delivery.endpoint_id == replay.endpoint_id)
        .where(_delivery.sequence > replay.after_sequence, _delivery.sequence <= replay.last_sequence)
        .order_by(_delivery.sequence)
        .limit(most)
    )
    return [Parcel(**row) for row in (await connection.execute(query)).mappings()]


_ARRIVED: Final = text("""
    UPDATE callback_deliveries
    SET state = 'delivered', next_retry_at = NULL, last_error = NULL, last_status = :status,
        delivered_at = coalesce(delivered_at, clock_timestamp())
    WHERE endpoint_id = :endpoint_id AND sequence = :sequence
""")


async def note_sent(connection: AsyncConnection, replay: Replay, parcel: Parcel, status: int) -> None:
    """One more has arrived: the replay goes on behind it, and its delivery is over, dead or not."""
    ours = update(callback_replays).where(_replay.id == replay.id, _replay.after_sequence < parcel.sequence)
    now = func.clock_timestamp()
    await connection.execute(
        ours.values(after_sequence=parcel.sequence, sent=_replay.sent + 1, last_error=None, updated_at=now)
    )
    names = {"endpoint_id": parcel.endpoint_id, "sequence": parcel.sequence, "status": status}
    await connection.execute(_ARRIVED, names)


async def note(connection: AsyncConnection, replay_id: UUID, state: ReplayState, error: str | None = None) -> None:
    """How it goes on, or ends."""
    ours = update(callback_replays).where(_replay.id == replay_id)
    await connection.execute(ours.values(state=state, last_error=error, updated_at=func.clock_timestamp()))


async def _one(connection: AsyncConnection, query: Select[Any]) -> Replay | None:
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Replay(**row)
