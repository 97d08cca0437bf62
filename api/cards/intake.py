"""Takes a verified webhook in: inbox, sold copies and quarantine in one transaction, before it is acknowledged."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.errors import WebhookConflict
from api.services import Services
from db.cards import inbox, sales
from db.vault import SecretUnreadable, Vault
from domain.cards.orders import Event, judge

_TRIES: Final = 4
_DEADLOCK: Final = "40P01"


async def take_in(services: Services, user_id: UUID, event: Event, body: bytes) -> bool:
    """Store and apply; False for a replay. Raises `WebhookConflict`, `DatabaseUnavailable`."""
    for attempt in range(1, _TRIES + 1):
        try:
            async with services.transaction() as connection:
                return await _take_in(connection, services.vault, user_id, event, body)
        except DBAPIError as error:
            # Rows are locked in order here, but a merge writes them in the order of its chunk.
            if attempt == _TRIES or getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise
    raise AssertionError("unreachable")


async def _take_in(connection: AsyncConnection, vault: Vault, user_id: UUID, event: Event, body: bytes) -> bool:
    event_id = await inbox.receive(
        connection,
        user_id,
        event.id,
        cause=event.cause,
        mode=event.mode,
        body_encrypted=vault.encrypt_bytes(body),
    )
    if event_id is None:
        await _refuse_another(connection, vault, user_id, event, body)
        return False
    applied = await sales.apply(connection, user_id, judge(event))
    if applied.outcome:
        await inbox.conclude(connection, event_id, applied.outcome)
    else:
        await inbox.await_reread(connection, event_id, applied.blueprint_ids, unmatched=applied.unmatched)
    return True


async def _refuse_another(connection: AsyncConnection, vault: Vault, user_id: UUID, event: Event, body: bytes) -> None:
    """A replay is the same webhook of the same account, byte for byte."""
    earlier = await inbox.find(connection, event.id)
    if earlier is None or earlier.user_id != user_id:
        raise WebhookConflict(webhook_id=event.id)
    try:
        is_same = vault.decrypt_bytes(earlier.body_encrypted) == body
    except SecretUnreadable:
        # Its key is gone; the id alone has to do.
        is_same = True
    if not is_same:
        raise WebhookConflict(webhook_id=event.id)
