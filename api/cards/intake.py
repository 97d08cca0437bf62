"""Takes a verified webhook in: inbox, sold copies and quarantine in one transaction, before it is acknowledged."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api.cards.errors import WebhookConflict
from api.cards.senders import Sender
from api.cards.services import CardsServices
from api.cards.transacting import in_transaction
from db.cards import inbox, sales
from db.vault import SecretUnreadable, Vault
from domain.cards.orders import Event, judge


class SecretReplaced(Exception):
    """The webhook was signed with a secret that is not the account's any more."""


class _NotStored(Exception):
    """Nothing may be applied: the webhook is a replay, or its secret was replaced."""


async def take_in(services: CardsServices, sender: Sender, event: Event, body: bytes) -> bool:
    """Store and apply; False for a replay. Raises `WebhookConflict`, `SecretReplaced`, `DatabaseUnavailable`."""
    try:
        await _store(services, sender, event, body)
    except _NotStored:
        async with services.transaction() as connection:
            await _require_replay(connection, services.vault, sender.user_id, event, body)
        return False
    return True


async def _store(services: CardsServices, sender: Sender, event: Event, body: bytes) -> None:
    body_encrypted = services.vault.encrypt_bytes(body)

    async def stored(connection: AsyncConnection) -> None:
        await _apply_and_store(connection, sender, event, body_encrypted)

    # Rows are locked in order here, but a merge writes them in the order of its chunk.
    await in_transaction(services, stored)


async def _apply_and_store(connection: AsyncConnection, sender: Sender, event: Event, body_encrypted: bytes) -> None:
    """The stock first: the row of the inbox then says at once what is left to do, and undoes all when it is refused."""
    applied = await sales.apply(connection, sender.user_id, judge(event))
    webhook = inbox.Webhook(
        webhook_id=event.id,
        cause=event.cause,
        mode=event.mode,
        body_encrypted=body_encrypted,
        blueprint_ids=applied.blueprint_ids,
        unmatched=applied.unmatched,
        outcome=applied.outcome,
    )
    if not await inbox.store(connection, sender.user_id, webhook, secret=sender.secret):
        raise _NotStored


async def _require_replay(connection: AsyncConnection, vault: Vault, user_id: UUID, event: Event, body: bytes) -> None:
    """A replay is the same webhook of the same account, byte for byte."""
    earlier = await inbox.find(connection, event.id)
    if earlier is None:
        raise SecretReplaced
    if earlier.user_id != user_id:
        raise WebhookConflict(webhook_id=event.id)
    try:
        is_same = vault.decrypt_bytes(earlier.body_encrypted) == body
    except SecretUnreadable:
        # Its key is gone; the id alone has to do.
        is_same = True
    if not is_same:
        raise WebhookConflict(webhook_id=event.id)
