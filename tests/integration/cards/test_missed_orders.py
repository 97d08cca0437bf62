"""Orders of which no webhook told: each counts once, whoever tells of it, and none is passed over by a crash."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import msgspec
import pytest
from cryptography.fernet import Fernet
from temporalio.testing import ActivityEnvironment

from activities.cards.errors import OperationClosed
from activities.cards.found_orders import FOUND
from activities.cards.orders import MissedOrders
from activities.cards.rereading import BlueprintReader
from clients.cardtrader.orders import Order
from db.cards import inbox, sales
from db.session import Database
from db.vault import Vault
from domain.cards.orders import Event, judge
from tests.helpers.stock import Stock, product
from workflows.cards.contracts import FoundOrders, OperationRef


def order(number: int, *items: tuple[int, int], state: str = "paid", **fields: Any) -> Order:
    """An order of (product, copies); each product is of the blueprint of the same number."""
    lines = [
        {"id": number * 100 + place, "product_id": one, "blueprint_id": one, "quantity": copies}
        for place, (one, copies) in enumerate(items)
    ]
    return msgspec.convert({"id": number, "state": state, "order_items": lines, **fields}, Order)


class FakeOrders:
    """CardTrader's orders in pages of two; `fails_at` is the page that is not answered."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.fails_at: int | None = None
        self.asked: list[int] = []

    async def newest_id(self) -> int:
        return max((one.id for one in self.orders), default=0)

    async def pages(self, *, from_id: int) -> AsyncIterator[list[Order]]:
        self.asked.append(from_id)
        newer = sorted((one for one in self.orders if one.id > from_id), key=lambda one: one.id)
        for number, start in enumerate(range(0, len(newer), 2)):
            if number == self.fails_at:
                raise OSError
            yield newer[start : start + 2]


class FakeClient:
    """What the reader hands out."""

    def __init__(self, orders: FakeOrders) -> None:
        self.orders = orders

    async def client(self, *_: object) -> FakeClient:
        return self


class Orders:
    """One seller with stock, whose orders are read."""

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self.site = FakeOrders()
        reader = cast("BlueprintReader", FakeClient(self.site))
        self.missed = MissedOrders(stock.database, Vault([Fernet.generate_key().decode()]), reader)

    async def begin(self, *, dry_run: bool = False) -> OperationRef:
        """A reconciliation that runs."""
        operation_id, _ = await self.stock.stage([], mode="periodic_sync", dry_run=dry_run)
        return OperationRef(user_id=self.stock.user_id, operation_id=operation_id)

    async def read(self, ref: OperationRef | None = None, **options: Any) -> FoundOrders:
        """Run the activity."""
        return await ActivityEnvironment().run(self.missed.find_orders, ref or await self.begin(**options))

    async def told(self, one: Order) -> None:
        """A webhook tells of an order."""
        body = msgspec.Raw(msgspec.json.encode(one))
        async with self.stock.database.begin() as connection:
            event = Event("w", "order.create", "Order", one.id, data=body)
            await sales.apply(connection, self.stock.user_id, judge(event))

    @property
    async def highest(self) -> int | None:
        found: int | None = await self.stock.one(
            "SELECT highest_order_id FROM user_sync_settings WHERE user_id = :user"
        )
        return found

    async def events(self) -> int:
        """Events that wait for their re-read."""
        async with self.stock.database.begin() as connection:
            return len(await inbox.take(connection, self.stock.user_id, 100))


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    """The module's database."""
    opened = Database.connect(module_database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def orders(database: Database) -> Orders:
    """Four products, five copies each; no order was read yet, and none is older."""
    stock = await Stock(database).link()
    await stock.sync([product(number, blueprint_id=number, quantity=5) for number in range(1, 5)])
    one = Orders(stock)
    await one.read()
    return one


async def quantities(orders: Orders, *products: int) -> Sequence[int]:
    held = await orders.stock.quantities()
    return [held[str(one)] for one in products]


async def test_reading_begins_after_the_orders_there_are(orders: Orders) -> None:
    assert await orders.highest == 0
    await orders.stock.one("UPDATE user_sync_settings SET highest_order_id = NULL WHERE user_id = :user RETURNING 1")
    orders.site.orders = [order(70, (1, 1)), order(80, (2, 1))]
    assert await orders.read() == FoundOrders()
    assert (await orders.highest, await quantities(orders, 1, 2)) == (80, [5, 5])
    assert await orders.read() == FoundOrders()
    assert orders.site.asked == [80]


async def test_a_sale_nobody_told_of_is_taken_off_and_waits_for_its_reread(orders: Orders) -> None:
    orders.site.orders = [order(10, (1, 2)), order(11, (2, 5), state="hub_pending", via_cardtrader_zero=True)]
    assert await orders.read() == FoundOrders(read=2, missed=2)
    assert await quantities(orders, 1, 2, 3) == [3, 0, 5]
    rows = await orders.stock.rows()
    assert (rows["1"]["sync_state"], rows["3"]["sync_state"]) == ("uncertain", "synced")
    assert (await orders.events(), await orders.highest) == (2, 11)
    causes = await orders.stock.one("SELECT DISTINCT cause FROM webhook_inbox WHERE user_id = :user")
    assert causes == FOUND
    sold = await orders.stock.one(
        "SELECT string_agg(quantity_before::text, ' ' ORDER BY order_id) FROM found_sales WHERE user_id = :user"
    )
    assert sold == "5 5"


async def test_orders_that_were_told_or_prove_nothing_have_no_effect(orders: Orders) -> None:
    known = order(10, (1, 2))
    await orders.told(known)
    orders.site.orders = [
        known,
        order(11, (2, 1), state="canceled"),
        order(12, (2, 1), via_cardtrader_zero=True),
        order(13, (3, 1), order_as="buyer"),
    ]
    assert await orders.read() == FoundOrders(read=4)
    assert await quantities(orders, 1, 2, 3) == [3, 5, 5]
    assert (await orders.events(), await orders.highest) == (0, 13)


async def test_only_the_items_that_nobody_told_of_count(orders: Orders) -> None:
    await orders.told(order(10, (1, 1)))
    orders.site.orders = [order(10, (1, 1), (2, 1))]
    assert (await orders.read()).missed == 1
    assert await quantities(orders, 1, 2) == [4, 4]
    assert await orders.stock.one("SELECT array_agg(product_id) FROM found_sales WHERE user_id = :user") == [2]


async def test_a_late_webhook_of_a_found_order_counts_nothing(orders: Orders) -> None:
    late = order(10, (1, 2))
    orders.site.orders = [late]
    await orders.read()
    await orders.told(late)
    assert await quantities(orders, 1) == [3]


async def test_a_crash_between_two_pages_goes_on_after_the_committed_one(orders: Orders) -> None:
    orders.site.orders = [order(number, (1, 1)) for number in range(10, 15)]
    ref = await orders.begin()
    orders.site.fails_at = 1
    with pytest.raises(OSError):  # noqa: PT011 - its type is all there is
        await orders.read(ref)
    assert (await orders.highest, await quantities(orders, 1)) == (11, [3])
    orders.site.fails_at = None
    assert await orders.read(ref) == FoundOrders(read=3, missed=3)
    assert (await orders.highest, await quantities(orders, 1)) == (14, [0])
    assert await orders.stock.one("SELECT count(*) FROM found_sales WHERE user_id = :user") == 5


async def test_a_crash_within_a_page_loses_and_doubles_nothing(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    orders.site.orders = [order(10, (1, 1)), order(11, (1, 1))]
    ref = await orders.begin()
    work_in = orders.missed._work_in

    async def crash_at_the_second(ref: OperationRef, sale: Any, *, dry_run: bool) -> bool:
        if sale.order.id == 11:
            raise OSError
        return await work_in(ref, sale, dry_run=dry_run)

    monkeypatch.setattr(orders.missed, "_work_in", crash_at_the_second)
    with pytest.raises(OSError):  # noqa: PT011 - its type is all there is
        await orders.read(ref)
    assert (await orders.highest, await quantities(orders, 1)) == (0, [4])
    monkeypatch.setattr(orders.missed, "_work_in", work_in)
    assert await orders.read(ref) == FoundOrders(read=2, missed=1)
    assert (await orders.highest, await quantities(orders, 1), await orders.events()) == (11, [3], 2)


async def test_a_dry_run_notes_the_sales_and_moves_nothing(orders: Orders) -> None:
    orders.site.orders = [order(10, (1, 2))]
    ref = await orders.begin(dry_run=True)
    for _ in range(2):
        assert await orders.read(ref) == FoundOrders(read=1, missed=1)
    assert (await orders.highest, await quantities(orders, 1), await orders.events()) == (0, [5], 0)
    assert await orders.stock.one("SELECT count(*) FROM order_lines WHERE user_id = :user") == 0
    assert await orders.stock.one("SELECT count(*) FROM found_sales WHERE user_id = :user") == 1


async def test_an_operation_that_has_ended_reads_nothing(orders: Orders) -> None:
    ref = await orders.begin()
    await orders.stock.abort(ref.operation_id)
    with pytest.raises(OperationClosed):
        await orders.read(ref)


async def test_the_highest_order_never_moves_back(orders: Orders) -> None:
    orders.site.orders = [order(10, (1, 1))]
    await orders.stock.one("UPDATE user_sync_settings SET highest_order_id = 5 WHERE user_id = :user RETURNING 1")
    ref = await orders.begin()
    await orders.read(ref)
    assert await orders.highest == 10
    orders.site.orders = []
    await orders.read()
    assert await orders.highest == 10
