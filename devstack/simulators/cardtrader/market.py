"""The whole simulated marketplace: its sellers, behaviour, faults, limits, orders and webhooks."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from .clock import Clock, Ids, new_ids
from .connections import Connections
from .faults import FaultBox
from .knobs import Knobs
from .limits import Limiter
from .order_shapes import Order
from .orders import OrderDesk
from .products import Products
from .seller import Seller, SellerSpec, open_seller
from .webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """What a market starts with. `universe` is the number of blueprints, by default the first seller's."""

    sellers: tuple[SellerSpec, ...]
    cache_dir: Path | None = None
    universe: int | None = None
    knobs: Knobs = field(default_factory=Knobs)
    seed: int = 0


class Market:
    """State of one simulator, an async context manager. Not thread-safe: everything happens on one event loop."""

    def __init__(self, spec: MarketSpec, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.spec = spec
        self.clock = clock or Clock()
        self.ids = ids or new_ids()
        self.knobs = spec.knobs
        self.random = random.Random(spec.seed)
        self.faults = FaultBox()
        self.connections = Connections()
        self.limiter = Limiter(lambda: self.knobs, self.clock.monotonic)
        self.webhooks = Webhooks(self.clock, self.ids, lambda: self.knobs, self.faults)
        self.orders = OrderDesk(self.clock, self.ids, lambda: self.knobs, self._notify)
        self.sellers: dict[str, Seller] = {}
        self.actions: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self.reset()

    @property
    def universe(self) -> int:
        """Blueprint ids run from 1 to this number."""
        return self.spec.universe or max((seller.spec.universe for seller in self.sellers.values()), default=1)

    @property
    def background(self) -> int:
        """Jobs and random traffic still running."""
        return len(self._tasks)

    def reset(self) -> None:
        """Back to the start: the first sellers with pristine stocks, no orders, faults or books, default knobs."""
        self.knobs = self.spec.knobs
        self.faults.clear()
        self.limiter.reset()
        self.webhooks.outcomes.clear()
        self.actions.clear()
        self.sellers = {spec.token: open_seller(spec, self.spec.cache_dir) for spec in self.spec.sellers}

    async def add_seller(self, spec: SellerSpec) -> Seller:
        """Open one more seller; its stock is generated beside the event loop."""
        seller = await asyncio.to_thread(open_seller, spec, self.spec.cache_dir)
        self.sellers[spec.token] = seller
        return seller

    def products(self, seller: Seller) -> Products:
        """API changes to a seller's products."""
        return Products(seller, self.ids, self.knobs, self.universe)

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run something in the background until it ends or the market closes."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def __aenter__(self) -> Self:
        await self.webhooks.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything that runs in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.webhooks.__aexit__()

    def _notify(self, seller: Seller, cause: str, order: Order) -> None:
        self.webhooks.order_event(seller, cause, order)
