"""Purchases without processes: a CardTrader of one shelf, a database that fails on wish, a Temporal that retries."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.testing import ActivityEnvironment

from activities.cards.purchase_waits import Patience
from activities.cards.purchases import Purchases
from clients.cardtrader.answers import Resource
from clients.cardtrader.errors import OutcomeUnknown
from clients.cardtrader.orders import Order, OrderItem
from clients.cardtrader.products import Gone
from db.cards import reservations
from db.cards.purchases import Purchase
from db.cards.reservations import Wanted
from db.session import Database
from domain.cards.products import BadProduct, Product
from tests.helpers.stock import Stock
from workflows.cards.contracts import PurchaseOutcome, PurchaseRef

Point = Callable[[str], Awaitable[None]]
AT_ONCE = Patience(settling=timedelta(0))


class Crash(Exception):
    """The worker ended here."""


@dataclass
class Crashes:
    """Ends the worker at the chosen passings of its points, counted over all attempts; tells how many there were."""

    at: frozenset[int] = frozenset()
    passed: list[str] = field(default_factory=list)

    async def point(self, name: str) -> None:
        """One place where a worker may end."""
        self.passed.append(name)
        if len(self.passed) - 1 in self.at:
            raise Crash(name)


class FragileDatabase(Database):
    """A database whose transactions have three points: before they begin, before and after they are committed."""

    def __init__(self, database: Database, point: Point) -> None:
        super().__init__(database.engine)
        self._point = point

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        await self._point("begin")
        async with super().begin() as connection:
            yield connection
            await self._point("commit")
        await self._point("committed")


async def nothing(_name: str) -> None:
    """A point where nothing happens."""


@dataclass
class Shelf:
    """A CardTrader: copies by product, every one of blueprint 1; what was taken by whom."""

    copies: dict[int, int]
    point: Point = nothing
    taken: dict[int, int] = field(default_factory=dict)
    sold: dict[int, int] = field(default_factory=dict)
    reads: int = 0
    answers: list[Exception] = field(default_factory=list)
    lost: list[Exception] = field(default_factory=list)

    def for_token(self, _token: str, _klass: str) -> Shelf:
        """The client of any account."""
        return self

    @property
    def products(self) -> Shelf:
        """Its product calls."""
        return self

    @property
    def orders(self) -> Shelf:
        """Its calls about orders."""
        return self

    async def pages(self, *, from_id: int) -> AsyncIterator[list[Order]]:
        """Every sale as an order of its own."""
        number = 1_000 + from_id
        sales = [(number + product, product, copies) for product, copies in self.sold.items()]
        if sales:
            yield [
                Order(number, "paid", order_items=[OrderItem(number, copies, product, product)])
                for number, product, copies in sales
            ]

    async def by_blueprint(self, blueprint_id: int) -> list[Product | BadProduct]:
        """What is on sale."""
        await self.point("read")
        if self.answers:
            raise self.answers.pop(0)
        self.reads += 1
        seen = [Product(product, blueprint_id, left, 100) for product, left in self.copies.items() if left > 0]
        await self.point("was read")
        return [*seen]

    async def increment(self, product_id: int, delta: int) -> Resource | Gone:
        """Take copies; like CardTrader it does not care whether there are so many."""
        await self.point("take")
        if self.answers:
            raise self.answers.pop(0)
        if not (left := self.copies.get(product_id, 0)):
            return Gone(already=True)
        self.copies[product_id] = max(left + delta, 0)
        self.taken[product_id] = self.taken.get(product_id, 0) + min(-delta, left)
        if self.lost:
            raise self.lost.pop(0)
        await self.point("was taken")
        now = self.copies[product_id]
        return Resource(product_id, now) if now else Gone(already=False)

    def sell(self, product_id: int, copies: int) -> None:
        """A sale on CardTrader, of which nobody tells."""
        had = self.copies[product_id]
        self.copies[product_id] = had - min(copies, had)
        self.sold[product_id] = self.sold.get(product_id, 0) + min(copies, had)


class OpenVault:
    """Tokens are not secret here."""

    def decrypt(self, text: str) -> str:
        """As it is."""
        return text

    def encrypt_bytes(self, data: bytes) -> bytes:
        """As it is."""
        return data


@dataclass
class Checkout:
    """Reserves purchases of one stock and has them decided; a crash is followed by the next attempt."""

    stock: Stock
    shelf: Shelf
    database: Database
    patience: Patience = AT_ONCE
    writes_enabled: bool = True
    attempts: int = 0

    def __post_init__(self) -> None:
        vault: Any = OpenVault()
        shelf: Any = self.shelf
        self._purchases = Purchases(
            self.database, vault, shelf, writes_enabled=self.writes_enabled, patience=self.patience
        )

    async def reserve(self, item_id: int, quantity: int = 1, key: str = "") -> Purchase:
        """Raises `ReservationError`."""
        wanted = Wanted(self.stock.user_id, item_id, quantity, key or str(uuid4()))
        async with self.stock.database.begin() as connection:
            return await reservations.reserve(connection, wanted, uuid4())

    async def attempt(self, operation_id: UUID, beats: list[Any] | None = None) -> PurchaseOutcome:
        """One attempt, told the heartbeat of the last one, which its own replaces."""
        beats = [] if beats is None else beats
        self.attempts += 1
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, heartbeat_details=list(beats))
        environment.on_heartbeat = lambda *told: beats.__setitem__(slice(None), told)
        ref = PurchaseRef(user_id=self.stock.user_id, operation_id=operation_id)
        return await environment.run(self._purchases.take_copies, ref)

    async def decide(self, operation_id: UUID, *, kill: bool = False) -> PurchaseOutcome:
        """Attempts until it is decided; killed workers cannot tell how far they came."""
        beats: list[Any] = []
        for _ in range(50):
            try:
                return await self.attempt(operation_id, [] if kill else beats)
            except (Crash, OutcomeUnknown):
                continue
        raise AssertionError("never decided")

    async def buy(self, item_id: int, quantity: int = 1) -> PurchaseOutcome:
        """Reserve and decide."""
        return await self.decide((await self.reserve(item_id, quantity)).operation_id)
