"""CardTrader for one seed at a time: the simulator, with books of every movement and webhooks that wait to be sent."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import httpx
import msgspec
from starlette.types import ASGIApp

from devstack.simulators.cardtrader.app import create_app
from devstack.simulators.cardtrader.clock import Ids
from devstack.simulators.cardtrader.export import BlockStore
from devstack.simulators.cardtrader.knobs import Knobs
from devstack.simulators.cardtrader.market import Market, MarketSpec
from devstack.simulators.cardtrader.rows import Owner
from devstack.simulators.cardtrader.seller import Seller, SellerSpec
from devstack.simulators.cardtrader.stock import Listing, Stock
from devstack.simulators.cardtrader.webhooks import Delivery, Webhooks
from tests.chaos.interleavings.schedule import PROCESS

TOKEN: Final = "token-of-an-interleaved-seller"
SITE: Final = "site"
_NOWHERE: Final = "http://127.0.0.1/"


@dataclass(frozen=True)
class Movement:
    """One product's quantity on sale changed, by which process ("site": by a buyer, or by the seller there).

    `asked` is by how much it was to change; `removed`: it was taken off sale, whatever its quantity.
    """

    product_id: int
    before: int
    after: int
    by: str
    asked: int
    removed: bool
    at: datetime

    @property
    def change(self) -> int:
        """Copies gained or lost."""
        return self.after - self.before


class BookedStock(Stock):
    """A stock that books its movements."""

    def __init__(self, pristine: Stock, book: Callable[[Movement], None]) -> None:
        super().__init__(pristine.columns)
        self._book = book

    def on_sale(self, product_id: int) -> int:
        """Copies on sale."""
        row = self.find(product_id)
        return 0 if row is None else int(self._columns.quantity[row])

    def write(self, row: int, listing: Listing) -> None:
        """As `Stock.write`, booked."""
        before = self.on_sale(listing.id)
        super().write(row, listing)
        self._note(listing.id, before)

    def set_quantity(self, row: int, quantity: int) -> None:
        """As `Stock.set_quantity`, booked."""
        product_id = int(self._columns.id[row])
        before = self.on_sale(product_id)
        super().set_quantity(row, quantity)
        self._note(product_id, before, asked=quantity - before)

    def remove(self, row: int) -> None:
        """As `Stock.remove`, booked."""
        product_id = int(self._columns.id[row])
        before = self.on_sale(product_id)
        super().remove(row)
        self._note(product_id, before, removed=True)

    def _note(self, product_id: int, before: int, *, asked: int | None = None, removed: bool = False) -> None:
        after = self.on_sale(product_id)
        if after != before:
            process = PROCESS.get()
            by = process.name if process else SITE
            change = after - before if asked is None else asked
            self._book(Movement(product_id, before, after, by, change, removed, datetime.now(UTC)))


class _Post(Webhooks):
    """Keeps what is to be delivered; the seed's postman decides what becomes of it."""

    mail: list[Delivery]

    def _schedule(self, delivery: Delivery, cause: str) -> None:
        self.mail.append(delivery)


@dataclass
class _Numbers(Iterator[int]):
    """Ids that begin anew with every seed."""

    first: int
    given: int = 0

    def __next__(self) -> int:
        self.given += 1
        return self.first + self.given


@dataclass
class Books:
    """What CardTrader did: movements, and who listens to them."""

    movements: list[Movement] = field(default_factory=list)
    listener: Callable[[Movement], None] = lambda _: None

    def note(self, movement: Movement) -> None:
        """Book it."""
        self.movements.append(movement)
        self.listener(movement)


class Bazaar:
    """One simulator, opened anew for each seed: building its application takes longer than playing a seed."""

    def __init__(self) -> None:
        self._numbers = (_Numbers(3_000_000_000), _Numbers(39_000_000), _Numbers(111_000_000))
        self._random = random.Random(0)
        ids = Ids(*self._numbers, unique=self._unique)
        self.market = Market(MarketSpec((SellerSpec(0, 1, 0, TOKEN),)), ids=ids)
        self.market.webhooks = self._post = _Post(self.market.clock, ids, lambda: self.market.knobs, self.market.faults)
        self.app: ASGIApp = create_app(self.market)
        self.books = Books()

    def open(self, seed: int, products: int, blueprints: int, knobs: Knobs) -> Seller:
        """A new day: one seller with a pristine stock, no orders, empty books."""
        self._random.seed(seed)
        for numbers in self._numbers:
            numbers.given = 0
        self._post.mail = []
        self.books = Books()
        self.market.spec = MarketSpec((SellerSpec(0, products, seed, TOKEN, blueprints),), None, blueprints, knobs)
        self.market.random.seed(seed)
        self.market.reset()
        seller = self.market.sellers[TOKEN]
        seller.stock = BookedStock(seller.stock, self.books.note)
        seller.store = BlockStore(seller.stock, Owner(seller.spec.user_id, seller.spec.currency))
        seller.webhook_url = _NOWHERE
        return seller

    @property
    def transport(self) -> httpx.ASGITransport:
        """The way to its API."""
        return httpx.ASGITransport(self.app)

    def collect(self) -> list[Delivery]:
        """The webhooks sent since the last time."""
        mail, self._post.mail = self._post.mail, []
        return mail

    def _unique(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


def stock_of(seller: Seller) -> BookedStock:
    """The seller's stock, which `Bazaar.open` made a booked one."""
    stock = seller.stock
    assert isinstance(stock, BookedStock)
    return stock


def truth(seller: Seller) -> dict[int, Listing]:
    """Everything on sale."""
    return {(listing := seller.stock.read(int(row))).id: listing for row in seller.stock.live_rows()}


def event_of(delivery: Delivery) -> dict[str, object]:
    """The body of a webhook."""
    found: dict[str, object] = msgspec.json.decode(delivery.body)
    return found
