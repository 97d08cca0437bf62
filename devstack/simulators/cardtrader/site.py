"""What buyers and the seller do on CardTrader's site, singly or as random traffic."""

from __future__ import annotations

import asyncio
import random
from typing import Final

import msgspec
import numpy as np

from .market import Market
from .order_shapes import Order
from .orders import SaleLine
from .seller import Seller

_OPEN: Final = ("paid", "hub_pending", "request_for_cancel")


class Site:
    """Actions on one seller's stock and orders. Raises SaleRefusedError where a product is not on sale."""

    def __init__(self, market: Market, seller: Seller) -> None:
        self._market = market
        self._seller = seller

    def sell_random(self, rng: random.Random, lines: int, *, zero: bool, presale: bool = False) -> Order | None:
        """A purchase of random products; None when the shop is empty."""
        picked = {product_id: quantity for _ in range(lines) for product_id, quantity in self._pick(rng)}
        wanted = [SaleLine(product_id, rng.randint(1, quantity)) for product_id, quantity in picked.items()]
        return self._market.orders.sell(self._seller, wanted, zero=zero, presale=presale) if wanted else None

    def edit(
        self, product_id: int, quantity: int | None, price_cents: int | None, description: str | None = None
    ) -> bool:
        """Change a product; quantity 0 removes it. False when it is not on sale."""
        stock = self._seller.stock
        row = stock.find(product_id)
        if row is None:
            return False
        found = stock.read(row)
        texts = found.texts if description is None else msgspec.structs.replace(found.texts, description=description)
        edited = msgspec.structs.replace(found, texts=texts, price_cents=price_cents or found.price_cents)
        stock.write(row, edited)
        if quantity is not None:
            stock.set_quantity(row, quantity)
        self._tell("product.update", product_id)
        return True

    def destroy(self, product_id: int) -> bool:
        """Take a product off sale; False when it is not on sale."""
        row = self._seller.stock.find(product_id)
        if row is None:
            return False
        self._seller.stock.remove(row)
        self._tell("product.destroy", product_id)
        return True

    async def traffic(self, events: int, per_second: float, seed: int, weights: dict[str, float]) -> None:
        """Random events, evenly spaced."""
        rng = random.Random(seed)
        for action in rng.choices(list(weights), list(weights.values()), k=events):
            self.act(action, rng)
            await asyncio.sleep(1 / per_second)

    def act(self, action: str, rng: random.Random) -> None:
        """One random event, counted; nothing happens where it finds no object."""
        if self._act(action, rng):
            self._market.actions[action] += 1

    def _act(self, action: str, rng: random.Random) -> bool:
        match action:
            case "sell" | "sell_zero":
                return self.sell_random(rng, rng.randint(1, 3), zero=action == "sell_zero") is not None
            case "merge":
                return self._market.orders.merge_hub(self._seller) is not None
            case "cancel":
                return self._cancel_random(rng)
            case "edit":
                return any(
                    self.edit(product_id, max(1, quantity + rng.randint(-2, 3)), rng.randint(5, 5000))
                    for product_id, quantity in self._pick(rng)
                )
            case _:
                return any(self.destroy(product_id) for product_id, _ in self._pick(rng))

    def _cancel_random(self, rng: random.Random) -> bool:
        candidates = [order for order in self._seller.orders.values() if order.state in _OPEN]
        if candidates:
            self._market.orders.cancel(self._seller, rng.choice(candidates), relist=rng.random() < 0.7)
        return bool(candidates)

    def _pick(self, rng: random.Random) -> list[tuple[int, int]]:
        """A random product on sale with its quantity; [] when the shop is empty."""
        columns = self._seller.stock.columns
        for _ in range(20):
            row = rng.randrange(len(columns)) if len(columns) else 0
            if len(columns) and columns.alive[row] and columns.quantity[row]:
                return [(int(columns.id[row]), int(columns.quantity[row]))]
        live = np.flatnonzero(columns.alive & (columns.quantity > 0))
        row = int(rng.choice(live)) if len(live) else -1
        return [(int(columns.id[row]), int(columns.quantity[row]))] if row >= 0 else []

    def _tell(self, cause: str, product_id: int) -> None:
        if self._market.knobs.product_events:
            self._market.webhooks.send(self._seller, cause, "Product", product_id, {})
