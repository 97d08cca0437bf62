"""Orders, as far as stock needs them: who bought, where it goes and what was paid is not even decoded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from itertools import pairwise
from typing import Final

import msgspec

from clients.cardtrader.errors import MalformedAnswer
from clients.cardtrader.models import Id
from clients.cardtrader.transport import Params, Transport

_PAGE: Final = 100


class OrderItem(msgspec.Struct, frozen=True):
    """One line. Lines may repeat a product, one per copy; `deleted_at` (ISO 8601) tells that it does not count.

    `created_at` is when it was sold, by CardTrader's clock.
    """

    id: Id
    quantity: int = 1
    product_id: int | None = None
    blueprint_id: int | None = None
    hub_pending_order_id: int | None = None
    deleted_at: str | None = None
    user_data_field: str | None = None
    created_at: datetime | None = None


class Order(msgspec.Struct, frozen=True):
    """One order. `state` is CardTrader's word, known or not; with `order_as` "buyer" it touches no stock of ours."""

    id: Id
    state: str
    via_cardtrader_zero: bool | None = False
    presale: bool | None = None
    order_as: str | None = "seller"
    order_items: list[OrderItem] = []


class Orders:
    """The calls about orders."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def pages(
        self, *, from_id: int = 0, state: str | None = None, page_size: int = _PAGE
    ) -> AsyncIterator[list[Order]]:
        """Sales above `from_id` by rising id, up to 100 (`page_size`) at a time; a request per page and a last one.

        Pages go on from the last id seen, not by number: orders that come, or leave the state, shift nothing.

        Raises:
            MalformedAnswer: CardTrader did not keep to that order, so orders might be missed.
        """
        while page := await self._page(from_id, state, page_size):
            from_id = page[-1].id
            yield page

    async def newest_id(self) -> int:
        """Id of the newest sale; 0 when there is none."""
        newest: Params = {"sort": "id.desc", "order_as": "seller", "limit": 1}
        page = await self._transport.get("orders", list[Order], params=newest)
        return max((order.id for order in page), default=0)

    async def get(self, order_id: int) -> Order:
        """One order.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        return await self._transport.get(f"orders/{order_id}", Order)

    async def _page(self, after: int, state: str | None, size: int) -> list[Order]:
        wanted = {"from_id": after, "state": state, "sort": "id.asc", "order_as": "seller", "limit": size}
        # CardTrader falls back to its defaults where a value is not valid.
        params: Params = {name: value for name, value in wanted.items() if value}
        page = await self._transport.get("orders", list[Order], params=params)
        if any(lower >= higher for lower, higher in pairwise([after, *(order.id for order in page)])):
            raise MalformedAnswer("CardTrader's orders do not come by rising id.")
        return page
