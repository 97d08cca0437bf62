"""Linking a CardTrader account: the token is proven at CardTrader before it is stored, encrypted."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from api.cards.deps import ServicesDep
from api.cards.errors import AccountMismatch, SyncInProgress
from api.cards.models import Linked, LinkRequest, SetupRequest
from api.cards.parameters import PREFIX
from api.cards.services import CardsServices
from api.cards.state import latest_sync
from api.cards.verification import LinkedAccount
from api.deps import OwnerDep
from api.errors import documented
from db.cards import sellers
from db.cards.sellers import Seller

router = APIRouter(prefix=PREFIX, tags=["link"])
development_router = APIRouter(prefix=PREFIX, tags=["link"])


@router.post("/link/{user_id}", responses=documented(400, 401, 403, 409, 413, 422, 429, 502))
async def link(user_id: OwnerDep, body: LinkRequest, services: ServicesDep) -> Linked:
    """Link the seller's CardTrader account, or replace its token."""
    return await _link(services, user_id, body.cardtrader_token.get_secret_value())


@development_router.post("/setup-test-user", responses=documented(400, 409, 413, 422, 429, 502))
async def setup_test_user(body: SetupRequest, services: ServicesDep) -> Linked:
    """Link any seller without a JWT. Exists in development and test only."""
    return await _link(services, body.user_id, body.cardtrader_token.get_secret_value())


async def _link(services: CardsServices, user_id: UUID, token: str) -> Linked:
    await _refuse_while_running(services, user_id)
    account = await services.verifier.verify(token)
    seller = await _store(services, user_id, account)
    # What came while the account could not be worked on waits for this.
    services.signals.notify(user_id, "events")
    services.signals.notify(user_id, "changes")
    return Linked(
        user_id=user_id,
        sync_status=seller.sync_status,
        cardtrader_user_id=account.cardtrader_user_id,
        webhook_secret_configured=seller.webhook_secret is not None,
    )


async def _refuse_while_running(services: CardsServices, user_id: UUID) -> None:
    newest = await latest_sync(services, user_id)
    if newest is not None and newest.is_open:
        raise SyncInProgress(user_id=str(user_id), current_status="initial_sync", task_id=newest.operation_id)


async def _store(services: CardsServices, user_id: UUID, account: LinkedAccount) -> Seller:
    async with services.transaction() as connection:
        # The lock orders us against a sync being registered: its row refers to this one.
        known = await sellers.find(connection, user_id, lock=True)
        if _is_other_account(known, account) and await sellers.has_stock(connection, user_id):
            raise AccountMismatch(user_id=str(user_id))
        return await sellers.link(
            connection,
            user_id,
            token_encrypted=services.vault.encrypt(account.token),
            secret_encrypted=services.vault.encrypt(account.webhook_secret),
            cardtrader_user_id=account.cardtrader_user_id,
            newest_order_id=account.newest_order_id,
        )


def _is_other_account(known: Seller | None, account: LinkedAccount) -> bool:
    return known is not None and known.cardtrader_user_id not in (None, account.cardtrader_user_id)
