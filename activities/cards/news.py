"""What CardTrader's orders tell, asked when a lost answer is judged: a webhook may be later than any wait.

Idempotent: see activities.cards.found_orders. A reading of missed orders finds these counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from activities.cards.found_orders import take_in, untold
from clients.cardtrader import CardTraderClient
from clients.cardtrader.errors import MalformedAnswer, NotFound, Refused
from clients.cardtrader.orders import Order
from db.cards import sellers
from db.session import Database
from db.vault import Vault

SaleTimes = Mapping[tuple[int, int], datetime]
"""By order and item: when CardTrader says that it was sold."""


_log = structlog.get_logger(__name__)


class SaleNews:
    """Reads the orders above the last one that was read for sure."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    async def catch_up(self, client: CardTraderClient, user_id: UUID) -> SaleTimes:
        """Count the sales that nothing told of yet. Raises CardTrader's, limiter or database errors."""
        async with self._database.begin() as connection:
            seller = await sellers.find(connection, user_id)
        times: dict[tuple[int, int], datetime] = {}
        if seller is None or seller.highest_order_id is None:
            # Nobody knows where to begin: all that was ever sold is no news.
            return times
        try:
            async for page in client.orders.pages(from_id=seller.highest_order_id):
                times |= dict(_times(page))
                await self._work_in(user_id, page)
        except (NotFound, Refused, MalformedAnswer) as error:
            # To be answered the same again and again must not keep a lost answer from being judged by webhooks.
            _log.warning("orders.not_read", reason=type(error).__name__)
        return times

    async def _work_in(self, user_id: UUID, page: Sequence[Order]) -> None:
        async with self._database.begin() as connection:
            found = await untold(connection, user_id, page)
        for one in found:
            async with self._database.begin() as connection:
                await take_in(connection, self._vault, user_id, f"settling:{user_id}", one)


def _times(page: Sequence[Order]) -> Iterator[tuple[tuple[int, int], datetime]]:
    for order in page:
        for item in order.order_items:
            if item.created_at is not None:
                yield (order.id, item.id), item.created_at
