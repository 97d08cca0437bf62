"""Buyers on CardTrader, and the seller on CardTrader's site; each action is one step."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from devstack.simulators.cardtrader.market import Market
from devstack.simulators.cardtrader.order_shapes import Order
from devstack.simulators.cardtrader.orders import SaleLine
from devstack.simulators.cardtrader.seller import Seller
from devstack.simulators.cardtrader.site import Site
from tests.chaos.interleavings.market import truth
from tests.chaos.interleavings.schedule import pause

_OPEN: Final = ("paid", "hub_pending", "request_for_cancel")
_NEXT: Final = {"paid": "sent", "sent": "arrived", "arrived": "done"}


class Crowd:
    """`acted` hears of every action, with the order that tells of it (None: nothing does)."""

    def __init__(
        self, market: Market, seller: Seller, rng: random.Random, acted: Callable[[str, int | None], None]
    ) -> None:
        self._market, self._seller, self._rng, self._acted = market, seller, rng, acted
        self._site = Site(market, seller)
        self.bought = 0

    async def play(self, actions: Sequence[str]) -> None:
        """One after the other, with anything in between."""
        for action in actions:
            await pause(f"site: {action}")
            self.act(action)

    def act(self, action: str) -> None:
        """Do it, where there is something to do it to."""
        order = self._act(action)
        self._acted(action, order.id if order else None)

    def _act(self, action: str) -> Order | None:
        match action:
            case "sell" | "sell_zero":
                return self._sell(self._rng.randint(1, 3), zero=action == "sell_zero")
            case "sell_last":
                return self._sell_out()
            case "merge":
                return self._market.orders.merge_hub(self._seller)
            case "edit" | "take_off":
                self._edit() if action == "edit" else self._take_off()
                return None
            case _:
                return self._change_order(action)

    def _sell(self, lines: int, *, zero: bool) -> Order | None:
        on_sale = list(truth(self._seller).values())
        chosen = self._rng.sample(on_sale, min(lines, len(on_sale)))
        wanted = [SaleLine(listing.id, self._rng.randint(1, min(3, listing.quantity))) for listing in chosen]
        return self.sell(wanted, zero=zero)

    def sell(self, wanted: list[SaleLine], *, zero: bool = False) -> Order | None:
        """An order over these lines."""
        if not wanted:
            return None
        self.bought += 1
        return self._market.orders.sell(self._seller, wanted, zero=zero)

    def _sell_out(self) -> Order | None:
        on_sale = sorted(truth(self._seller).values(), key=lambda listing: listing.quantity)[:3]
        if not on_sale:
            return None
        listing = self._rng.choice(on_sale)
        return self.sell([SaleLine(listing.id, listing.quantity)], zero=self._rng.random() < 0.3)

    def _edit(self) -> None:
        if on_sale := list(truth(self._seller).values()):
            listing = self._rng.choice(on_sale)
            quantity = max(1, listing.quantity + self._rng.randint(-2, 3))
            self._site.edit(listing.id, quantity, self._rng.randint(5, 5000), self._rng.choice((None, "nuovo")))

    def _take_off(self) -> None:
        if on_sale := list(truth(self._seller)):
            self._site.destroy(self._rng.choice(on_sale))

    def _change_order(self, action: str) -> Order | None:
        candidates = [order for order in self._seller.orders.values() if _suits(order, action)]
        if not candidates:
            return None
        order = self._rng.choice(candidates)
        if action == "cancel":
            if self._rng.random() < 0.3:
                self._market.orders.set_state(self._seller, order, "request_for_cancel")
            self._market.orders.cancel(self._seller, order, relist=self._rng.random() < 0.7)
        elif action == "advance":
            self._market.orders.set_state(self._seller, order, _NEXT[order.state])
        else:
            self._market.orders.destroy(self._seller, order)
        return order


def _suits(order: Order, action: str) -> bool:
    match action:
        case "cancel":
            return order.state in _OPEN
        case "advance":
            return order.state in _NEXT
        case _:
            return order.state in ("canceled", "done")
