"""Takes the copies of a purchase off CardTrader, or gives them back here.

Idempotent: the purchase's state is committed before and after each step that cannot be repeated, and an attempt goes
on where the last one stopped. CardTrader does not refuse to take more copies than it has, it only ends the product:
so its quantity is read first, and of the purchases of one product only one at a time is between that and its end.
What a lost answer meant is told by reading again; where that does not tell, nothing is sold (law L2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.cards.errors import AccountNotLinked, OperationClosed
from activities.cards.news import SaleNews
from activities.cards.purchase_waits import AwaitingTurn, Patience, Unsettled, WritesStopped
from activities.support import beating, postponing
from clients.cardtrader import CardTrader, CardTraderClient
from clients.cardtrader.errors import (
    AccessDenied,
    MalformedAnswer,
    NotFound,
    OutcomeUnknown,
    Refused,
    TokenRejected,
)
from clients.cardtrader.products import Gone
from clients.errors import ClientError
from db import failed_records
from db.cards import purchases, sellers
from db.cards.purchases import Purchase
from db.cards.sellers import Seller
from db.session import Database
from db.vault import Vault
from domain.cards.products import BadProduct
from domain.cards.purchases import Reason, outcome_of_taking, sentence
from workflows.cards.contracts import PurchaseOutcome, PurchaseRef

_Look = Callable[[AsyncConnection, UUID], Awaitable[Purchase | None]]

_TAKEN: Final = "taken"
_LOOKS: Final = 100
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class _Turn:
    """A purchase with its seller, as of one moment."""

    purchase: Purchase
    seller: Seller


class Purchases:
    """The activity of the purchase workflow."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        cardtrader: CardTrader,
        *,
        writes_enabled: bool = True,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._database, self._vault, self._cardtrader = database, vault, cardtrader
        self._patience, self._sleep = patience or Patience(), sleep
        self._writes_enabled = writes_enabled
        self._news = SaleNews(database, vault)

    @activity.defn
    async def take_copies(self, ref: PurchaseRef) -> PurchaseOutcome:
        """Decide a reserved purchase. Raises whatever keeps it undecided; the next attempt goes on."""
        async with beating():
            with postponing():
                turn = await self._in_turn(ref)
                if turn.purchase.is_open:
                    return await self._decide(turn)
                reason = turn.purchase.reason or ""
                return PurchaseOutcome(purchased=turn.purchase.state == "purchased", reason=reason)

    async def _in_turn(self, ref: PurchaseRef) -> _Turn:
        """The purchase once no other takes from its product; still `reserved` when that lasts."""
        turn = await self._look(ref, purchases.advance)
        for _ in range(_LOOKS):
            if turn.purchase.state != "reserved":
                break
            await self._sleep(_LOOK_SECONDS)
            turn = await self._look(ref, purchases.advance)
        return turn

    async def _look(self, ref: PurchaseRef, look: _Look) -> _Turn:
        try:
            async with self._database.begin() as connection:
                purchase = await look(connection, ref.operation_id)
                seller = await sellers.find(connection, ref.user_id)
        except IntegrityError:
            # Two saw that it was nobody's turn; the other was faster.
            return await self._look(ref, purchases.find)
        if purchase is None or seller is None:
            raise OperationClosed
        return _Turn(purchase, seller)

    async def _decide(self, turn: _Turn) -> PurchaseOutcome:
        purchase = turn.purchase
        try:
            if purchase.state == "sending":
                return await self._settle(turn)
            if purchase.age > self._patience.asking:
                return await self._refuse(purchase, "PURCHASE_EXPIRED")
            if purchase.state == "reserved":
                raise AwaitingTurn(retry_after=0.5)
            if not self._writes_enabled:
                raise WritesStopped(retry_after=5)
            return await self._take(turn)
        except (AccountNotLinked, TokenRejected, AccessDenied):
            return await self._refuse(purchase, _unless_sent(purchase, "ACCOUNT_UNUSABLE"))
        except (NotFound, Refused):
            return await self._refuse(purchase, _unless_sent(purchase, "CARDTRADER_REFUSED"))

    async def _take(self, turn: _Turn) -> PurchaseOutcome:
        purchase, client = turn.purchase, self._client(turn)
        before = await _on_sale(client, purchase) or 0
        if before < purchase.quantity:
            return await self._refuse(purchase, "NOT_AVAILABLE_ON_CARDTRADER", left=before)
        async with self._database.begin() as connection:
            await purchases.note_sending(connection, purchase, before)
        sent = replace(purchase, state="sending", quantity_before=before)
        left = await self._send(client, sent, before)
        if left is None:
            return await self._refuse(sent, "NOT_AVAILABLE_ON_CARDTRADER", left=0)
        return await self._confirm(sent, left)

    async def _send(self, client: CardTraderClient, purchase: Purchase, before: int) -> int | None:
        """How many are left; None when the product was gone, so that nothing was taken."""
        try:
            answer = await client.products.increment(purchase.product_id, -purchase.quantity)
        except OutcomeUnknown:
            # It may have been made, so it must not be repeated: the next attempt finds `sending`, and reads.
            raise
        except ClientError:
            async with self._database.begin() as connection:
                await purchases.note_unsent(connection, purchase)
            raise
        if not isinstance(answer, Gone):
            return before - purchase.quantity if answer.quantity is None else answer.quantity
        if answer.already:
            return None
        if before > purchase.quantity:
            # Sold out beside us: whether there were still enough for us is not in the answer.
            raise OutcomeUnknown
        return 0

    async def _settle(self, turn: _Turn) -> PurchaseOutcome:
        """Find out what became of copies that were asked for by an earlier attempt."""
        purchase = turn.purchase
        if (left := _carried()) is not None:
            return await self._confirm(purchase, left)
        if purchase.since_sent is None or purchase.quantity_before is None:
            raise AssertionError("unreachable: both are committed with the state")
        if (early := self._patience.settling - purchase.since_sent) > timedelta():
            raise Unsettled(retry_after=early.total_seconds())
        client = self._client(turn)
        before = await self._sold(client, purchase)
        now = await _on_sale(client, purchase)
        sold = await self._sold(client, purchase)
        if sold != before:
            # Of a sale that was told meanwhile nobody knows whether this stock shows it.
            raise Unsettled(retry_after=1)
        if sold is None:
            return await self._refuse(purchase, "OUTCOME_UNKNOWN", left=now or 0)
        outcome = outcome_of_taking(before=purchase.quantity_before, copies=purchase.quantity, now=now, sold=sold)
        if outcome == "applied":
            return await self._confirm(purchase, now or 0)
        if outcome == "undecided":
            return await self._refuse(purchase, "OUTCOME_UNKNOWN", left=now or 0)
        async with self._database.begin() as connection:
            await purchases.note_unsent(connection, purchase)
        unsent = replace(purchase, state="taking", quantity_before=None, since_sent=None)
        return await self._decide(replace(turn, purchase=unsent))

    async def _sold(self, client: CardTraderClient, purchase: Purchase) -> int | None:
        """Copies sold since the request, also those whose webhook is still to come; None: edits changed it too."""
        await self._news.catch_up(client, purchase.user_id)
        async with self._database.begin() as connection:
            return await purchases.sold_since_sent(connection, purchase)

    async def _confirm(self, purchase: Purchase, left: int) -> PurchaseOutcome:
        try:
            async with self._database.begin() as connection:
                await purchases.confirm(connection, purchase, left)
        except BaseException:
            # CardTrader has given the copies: the next attempt has to know it, not to find it out.
            if not activity.info().is_local:
                activity.heartbeat(_TAKEN, left)
            raise
        return PurchaseOutcome(purchased=True)

    async def _refuse(self, purchase: Purchase, reason: Reason, *, left: int | None = None) -> PurchaseOutcome:
        async with self._database.begin() as connection:
            await purchases.refuse(connection, purchase, reason, left=left)
            if reason == "OUTCOME_UNKNOWN":
                letter = failed_records.Letter(str(purchase.operation_id), sentence(reason), None)
                await failed_records.bury(
                    connection, purchase.user_id, purchase.operation_id, [letter], context="cards", stage="purchase"
                )
        return PurchaseOutcome(reason=reason)

    def _client(self, turn: _Turn) -> CardTraderClient:
        """CardTrader as the seller; a suspended one is only asked what became of a request."""
        seller = turn.seller
        suspended = seller.suspended_at is not None and turn.purchase.state != "sending"
        token = "" if suspended else self._vault.decrypt(seller.cardtrader_token_encrypted)
        if not token:
            raise AccountNotLinked
        return self._cardtrader.for_token(token, "interactive")


def _unless_sent(purchase: Purchase, reason: Reason) -> Reason:
    return "OUTCOME_UNKNOWN" if purchase.state == "sending" else reason


def _carried() -> int | None:
    """What CardTrader had left, if the last attempt could take the copies but not commit it."""
    details = activity.info().heartbeat_details
    return int(details[1]) if details and details[0] == _TAKEN else None


async def _on_sale(client: CardTraderClient, purchase: Purchase) -> int | None:
    """Copies that CardTrader has on sale of the product; None when it lists none. A row it garbles is not zero."""
    for product in await client.products.by_blueprint(purchase.blueprint_id):
        if isinstance(product, BadProduct):
            if product.product_id == purchase.product_id:
                raise MalformedAnswer
        elif product.id == purchase.product_id:
            return product.quantity
    return None
