"""Takes a verified webhook in: inbox, sold copies and quarantine in one transaction, before it is acknowledged.

A plain sale is one statement; whatever that leaves alone is judged step by step.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api.cards.errors import WebhookConflict
from api.cards.senders import Sender
from api.cards.services import CardsServices
from api.cards.transacting import in_statement, in_transaction
from db.cards import inbox, intake, sales
from db.vault import SecretUnreadable, Vault
from domain.cards.orders import Event, Verdict, judge


class SecretReplaced(Exception):
    """The webhook was signed with a secret that is not the account's any more."""


class _NotStored(Exception):
    """Nothing may be applied: the webhook is a replay, or its secret was replaced."""


async def take_in(services: CardsServices, sender: Sender, event: Event, body: bytes) -> bool:
    """Store and apply; False for a replay. Raises `WebhookConflict`, `SecretReplaced`, `DatabaseUnavailable`."""
    if not await _store(services, sender, event, services.vault.encrypt_bytes(body)):
        async with services.transaction() as connection:
            await _require_replay(connection, services.vault, sender.user_id, event, body)
        return False
    return True


async def _store(services: CardsServices, sender: Sender, event: Event, body_encrypted: bytes) -> bool:
    """False when nothing may be applied: the webhook is a replay, or its secret was replaced."""
    verdict = judge(event)
    webhook = inbox.Webhook(event.id, event.cause, event.mode, body_encrypted)
    if verdict.is_plain:
        taken = await in_statement(
            services,
            lambda connection: intake.take_in(connection, sender.user_id, webhook, verdict, secret=sender.secret),
        )
        if taken != "unmatched":
            return taken == "stored"
    try:
        # Rows are locked in order here, but a merge writes them in the order of its chunk.
        await in_transaction(services, lambda connection: _apply_and_store(connection, sender, webhook, verdict))
    except _NotStored:
        return False
    return True


async def _apply_and_store(
    connection: AsyncConnection, sender: Sender, webhook: inbox.Webhook, verdict: Verdict
) -> None:
    """The stock first: the row of the inbox then says at once what is left to do, and undoes all when it is refused."""
    applied = await sales.apply(connection, sender.user_id, verdict)
    done = replace(webhook, blueprint_ids=applied.blueprint_ids, unmatched=applied.unmatched, outcome=applied.outcome)
    if not await inbox.store(connection, sender.user_id, done, secret=sender.secret):
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
