"""The webhook inbox: every verified webhook, stored before it is acknowledged, until its blueprints were read again.

An account that must be linked again, or was suspended, keeps its events; they are taken up once it is linked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.tables import webhook_inbox
from domain.cards.sync_errors import BLOCKING

_MOST_BLUEPRINTS: Final = 1_000
_inbox = webhook_inbox.c

# An event whose product had no row waits for the end of a bulk sync after its re-read: the export may be older than
# the sale, and a chunk of it may still bring the product.
_ACTIONABLE: Final = """
    event.processed_at IS NULL AND seller.suspended_at IS NULL
    AND NOT (seller.sync_status = 'error' AND seller.last_error = ANY (cast(:blocking AS text[])))
    AND (event.reread_at IS NULL OR NOT EXISTS (
        SELECT 1 FROM sync_operations AS sync
        WHERE sync.user_id = event.user_id AND sync.operation_type IN ('bulk_sync', 'periodic_sync')
          AND sync.status IN ('pending', 'running') AND NOT sync.operation_metadata ? 'blueprint_id'))
"""
# A batch is bounded in blueprints too, so that its re-read fits into one attempt; the oldest event is always in it.
_TAKE = text(f"""
    SELECT id FROM (
        SELECT oldest.id, row_number() OVER by_age AS place, sum(cardinality(oldest.blueprint_ids)) OVER by_age AS load
        FROM (SELECT event.id, event.blueprint_ids
              FROM webhook_inbox AS event JOIN user_sync_settings AS seller USING (user_id)
              WHERE event.user_id = :user_id AND {_ACTIONABLE} ORDER BY event.id LIMIT :most) AS oldest
        WINDOW by_age AS (ORDER BY oldest.id)) AS batch
    WHERE place = 1 OR load <= :most_blueprints ORDER BY id
""")  # noqa: S608 - constants only
_WAITING = text(f"""
    SELECT DISTINCT event.user_id FROM webhook_inbox AS event JOIN user_sync_settings AS seller USING (user_id)
    WHERE event.received_at < now() - cast(:age AS interval) AND {_ACTIONABLE} LIMIT :most
""")  # noqa: S608 - constants only
_BLUEPRINTS = text("""
    SELECT DISTINCT unnest(blueprint_ids) AS id FROM webhook_inbox
    WHERE user_id = :user_id AND id = ANY (cast(:ids AS bigint[])) AND processed_at IS NULL ORDER BY id
""")
_SETTLE = text("""
    UPDATE webhook_inbox AS event
    SET reread_at = now(), outcome = 'read again', processed_at = CASE
        WHEN unmatched AND EXISTS (
            SELECT 1 FROM sync_operations AS sync
            WHERE sync.user_id = event.user_id AND sync.operation_type IN ('bulk_sync', 'periodic_sync')
              AND sync.status IN ('pending', 'running') AND NOT sync.operation_metadata ? 'blueprint_id') THEN NULL
        ELSE now() END
    WHERE user_id = :user_id AND id = ANY (cast(:ids AS bigint[])) AND processed_at IS NULL
    RETURNING processed_at IS NOT NULL AS settled
""")


# The secret is that of the signature: replaced meanwhile, it proves nothing any more.
_STORE = text("""
    INSERT INTO webhook_inbox
        (user_id, webhook_id, cause, mode, body_encrypted, blueprint_ids, unmatched, outcome, processed_at)
    SELECT user_id, :webhook_id, :cause, :mode, :body_encrypted, cast(:blueprint_ids AS int[]), :unmatched,
           nullif(:outcome, ''), CASE WHEN :outcome <> '' THEN now() END
    FROM user_sync_settings WHERE user_id = :user_id AND webhook_secret = :secret
    ON CONFLICT (webhook_id) DO NOTHING RETURNING id
""")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A verified webhook and what is left to do about it: blueprints to read again, or an outcome when nothing is."""

    webhook_id: str
    cause: str
    mode: str
    body_encrypted: bytes
    blueprint_ids: Collection[int] = ()
    unmatched: bool = False
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook that was stored before."""

    user_id: UUID
    body_encrypted: bytes


async def receive(
    connection: AsyncConnection, user_id: UUID, webhook_id: str, *, cause: str, mode: str, body_encrypted: bytes
) -> int | None:
    """Store a webhook; its id, or None when one of that webhook id is there already."""
    row = {
        "user_id": user_id,
        "webhook_id": webhook_id,
        "cause": cause,
        "mode": mode,
        "body_encrypted": body_encrypted,
    }
    stored = insert(webhook_inbox).values(row).on_conflict_do_nothing(index_elements=["webhook_id"])
    event_id: int | None = (await connection.execute(stored.returning(_inbox.id))).scalar_one_or_none()
    return event_id


async def store(connection: AsyncConnection, user_id: UUID, webhook: Webhook, *, secret: str) -> bool:
    """Store a webhook; False when one of its id is there, or `secret` (encrypted) is not the account's any more."""
    values = {name: getattr(webhook, name) for name in Webhook.__dataclass_fields__}
    values |= {"blueprint_ids": sorted(webhook.blueprint_ids), "user_id": user_id, "secret": secret}
    return (await connection.execute(_STORE, values)).first() is not None


async def request_reread(
    connection: AsyncConnection,
    user_id: UUID,
    request_id: str,
    blueprint_ids: Collection[int],
    *,
    cause: str,
    body_encrypted: bytes,
) -> None:
    """Have blueprints read again as a webhook would; a request of the same id is one request."""
    event_id = await receive(connection, user_id, request_id, cause=cause, mode="live", body_encrypted=body_encrypted)
    if event_id is not None:
        await await_reread(connection, event_id, blueprint_ids, unmatched=False)


async def find(connection: AsyncConnection, webhook_id: str) -> Received | None:
    """The webhook of that id, of whichever seller."""
    query = select(_inbox.user_id, _inbox.body_encrypted).where(_inbox.webhook_id == webhook_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Received(row.user_id, row.body_encrypted)


async def await_reread(
    connection: AsyncConnection, event_id: int, blueprint_ids: Collection[int], *, unmatched: bool
) -> None:
    """Note what is to be read again."""
    values = {"blueprint_ids": sorted(blueprint_ids), "unmatched": unmatched}
    await connection.execute(update(webhook_inbox).where(_inbox.id == event_id).values(values))


async def conclude(connection: AsyncConnection, event_id: int, outcome: str) -> None:
    """Nothing is left to do about it."""
    values = {"processed_at": func.now(), "outcome": outcome}
    await connection.execute(update(webhook_inbox).where(_inbox.id == event_id).values(values))


async def take(connection: AsyncConnection, user_id: UUID, most: int) -> list[int]:
    """Ids of the seller's oldest events that can be acted upon, with about a thousand blueprints at most."""
    values = {"user_id": user_id, "most": most, "most_blueprints": _MOST_BLUEPRINTS, "blocking": list(BLOCKING)}
    return list((await connection.execute(_TAKE, values)).scalars())


async def blueprints(connection: AsyncConnection, user_id: UUID, event_ids: Sequence[int]) -> list[int]:
    """What these events want read again, ascending."""
    found = await connection.execute(_BLUEPRINTS, {"user_id": user_id, "ids": list(event_ids)})
    return list(found.scalars())


async def settle(connection: AsyncConnection, user_id: UUID, event_ids: Sequence[int]) -> int:
    """Note that their blueprints were read again; how many of them are processed by that."""
    settled = await connection.execute(_SETTLE, {"user_id": user_id, "ids": list(event_ids)})
    return sum(settled.scalars())


async def sellers_waiting(connection: AsyncConnection, *, age: timedelta, most: int) -> list[UUID]:
    """Sellers with events older than `age` that can be acted upon."""
    found = await connection.execute(_WAITING, {"age": age, "most": most, "blocking": list(BLOCKING)})
    return list(found.scalars())
