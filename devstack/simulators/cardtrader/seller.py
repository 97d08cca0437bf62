"""One seller: identity, stock, export, orders and jobs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .export import BlockStore
from .generator import FORMAT_VERSION, Columns, default_blueprints, generate
from .jobs import Job
from .order_shapes import Order
from .rows import Owner
from .stock import Stock

FIRST_USER_ID: Final = 88_123
FIRST_PRODUCT_ID: Final = 420_000_000
_IDS_PER_SELLER: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class SellerSpec:
    """What makes a seller; `slot` numbers the sellers of a market and fixes the ranges of their ids."""

    slot: int
    products: int
    seed: int
    token: str
    blueprints: int | None = None
    currency: str = "EUR"

    @property
    def user_id(self) -> int:
        """The CardTrader user."""
        return FIRST_USER_ID + self.slot

    @property
    def universe(self) -> int:
        """Blueprints the stock is spread over: ids 1 to this number."""
        return self.blueprints or default_blueprints(self.products)

    @property
    def cache_name(self) -> str:
        """File name of its rendered blocks: everything the bytes depend on."""
        parts = (self.products, self.seed, self.slot, self.universe, self.currency)
        return f"cardtrader-v{FORMAT_VERSION}-" + "-".join(map(str, parts)) + ".blocks"

    def generate(self) -> Columns:
        """The pristine stock."""
        first_id = FIRST_PRODUCT_ID + self.slot * _IDS_PER_SELLER
        return generate(self.products, self.seed, first_id, self.blueprints)


@dataclass(slots=True)
class Seller:
    """A seller's account. `secret` is the shared secret of its webhooks, text."""

    spec: SellerSpec
    stock: Stock
    store: BlockStore
    secret: str
    webhook_url: str = ""
    orders: dict[int, Order] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """The bearer token."""
        return self.spec.token

    @property
    def app_name(self) -> str:
        """The name `/info` shows."""
        return f"Simulated Shop App {self.spec.slot}"


def open_seller(spec: SellerSpec, cache_dir: Path | None) -> Seller:
    """A seller with its stock generated and rendered, or its rendering read from the cache."""
    stock = Stock(spec.generate())
    store = BlockStore(stock, Owner(spec.user_id, spec.currency))
    secret = hashlib.sha256(f"shared-secret:{spec.slot}:{spec.seed}".encode()).hexdigest()[:32]
    cached = cache_dir / spec.cache_name if cache_dir else None
    if cached is None or not store.load(cached):
        store.prepare()
        if cached:
            cached.parent.mkdir(parents=True, exist_ok=True)
            store.save(cached)
            store.load(cached)  # mapped pages can be given back under pressure, bytes on the heap cannot
    return Seller(spec, stock, store, secret)
