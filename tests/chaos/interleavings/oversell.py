"""Law L2, looked at after every step: nothing is offered here that CardTrader would not sell.

Excused is what we cannot know yet: a sale until its webhook was acknowledged, and an edit on CardTrader's site until
what was being read at that time is done with and the row has caught up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tests.chaos.interleavings.market import SITE, BookedStock, Movement
from tests.chaos.interleavings.seams import Glance

_OFFERED: Final = """
SELECT external_stock_id::bigint AS product, quantity - reserved_quantity AS offered FROM user_inventory_items
WHERE user_id = $1 AND deleted_at IS NULL AND external_stock_id IS NOT NULL AND quantity > reserved_quantity
"""


@dataclass(eq=False)
class _Excuse:
    """`order_id` tells of it, or nothing does; `readers` were reading when it happened."""

    copies: int
    order_id: int | None
    readers: set[object]


class OversellWatch:
    """Compares what we offer with the simulator's books."""

    def __init__(self, glance: Glance, user_id: UUID, stock: BookedStock, readers: Callable[[], set[object]]) -> None:
        self._glance, self._user_id, self._stock, self._readers = glance, user_id, stock, readers
        self._fresh: list[Movement] = []
        self._excuses: defaultdict[int, list[_Excuse]] = defaultdict(list)
        self._announced: set[int] = set()
        self.violations: list[str] = []
        self.changed = False

    def moved(self, movement: Movement) -> None:
        """Something changed at CardTrader."""
        self.changed = True
        if movement.by == SITE and movement.change < 0:
            self._fresh.append(movement)

    def acted(self, order_id: int | None) -> None:
        """The latest movements of the site belong to this order."""
        for movement in self._fresh:
            excuse = _Excuse(-movement.change, order_id, self._readers())
            self._excuses[movement.product_id].append(excuse)
        self._fresh.clear()

    def announced(self, order_id: int) -> None:
        """A webhook about the order was acknowledged."""
        self._announced.add(order_id)
        self.changed = True

    async def check(self, step: str) -> None:
        """Look, if anything has changed."""
        if not self.changed:
            return
        self.changed = False
        offered = {row["product"]: row["offered"] for row in await self._glance.rows(_OFFERED, self._user_id)}
        for product in offered.keys() | self._excuses.keys():
            excess = offered.get(product, 0) - self._stock.on_sale(product)
            if excess > self._allowed(product, excess):
                self.violations.append(
                    f"L2 product {product}: {offered[product]} offered, {self._stock.on_sale(product)} on sale, {step}"
                )

    def _allowed(self, product: int, excess: int) -> int:
        """Copies that may be offered too much; excuses that are over are dropped."""
        running = self._readers()
        excuses = [excuse for excuse in self._excuses[product] if excuse.order_id not in self._announced]
        for excuse in excuses:
            excuse.readers &= running
        if excess <= 0:
            excuses = [excuse for excuse in excuses if excuse.readers]
        self._excuses[product] = excuses
        return sum(excuse.copies for excuse in excuses)
