"""A sale told of before an export brings its product: the row that comes does not offer what is sold (law L2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import sales
from db.session import Database
from domain.cards.orders import Event, judge
from tests.helpers import eventually
from tests.helpers.stock import Stock, product

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def tell(connection: AsyncConnection, stock: Stock, *items: tuple[int, int], order_id: int = 9) -> None:
    """What the facade does with a webhook about a paid order over (product, copies), all of blueprint 1."""
    lines = [
        {"id": 100 * order_id + number, "product_id": sold, "blueprint_id": 1, "quantity": copies}
        for number, (sold, copies) in enumerate(items)
    ]
    data = msgspec.Raw(msgspec.json.encode({"state": "paid", "order_items": lines}))
    event = Event(f"{stock.user_id}-{order_id}", "order.create", "Order", order_id, "live", data)
    applied = await sales.apply(connection, stock.user_id, judge(event))
    assert applied.unmatched


async def test_rows_an_export_brings_lack_what_was_sold_since_it_began(stock: Stock) -> None:
    operation_id, _ = await stock.stage([product(1, quantity=3), product(2, quantity=3), product(3, quantity=1)])
    async with stock.database.begin() as connection:
        await tell(connection, stock, (1, 1), (1, 1), (3, 2))
    await stock.apply(operation_id)
    rows = await stock.rows()
    assert {key: (row["quantity"], row["sync_state"]) for key, row in rows.items()} == {
        "1": (1, "uncertain"),
        "2": (3, "synced"),
        "3": (0, "uncertain"),
    }
    assert rows["1"]["content_hash"] is None


async def test_a_sale_older_than_the_export_is_in_it(stock: Stock) -> None:
    async with stock.database.begin() as connection:
        await tell(connection, stock, (1, 1))
        await connection.execute(text("UPDATE order_lines SET created_at = '2025-12-31'"))
    await stock.sync([product(1, quantity=3)])
    assert await stock.quantities() == {"1": 3}


async def test_a_sale_is_taken_off_once_however_many_chunks_follow(stock: Stock) -> None:
    products = [product(1, quantity=3), product(2, quantity=3)]
    operation_id, count = await stock.stage(products, size=1)
    async with stock.database.begin() as connection:
        await tell(connection, stock, (1, 1))
    for number in range(count):
        await stock.apply(operation_id, number)
    assert await stock.quantities() == {"1": 2, "2": 3}


async def test_neither_misses_what_the_other_has_not_committed(stock: Stock) -> None:
    """The webhook has looked for a row, in vain, when the chunk comes to bring it."""
    operation_id, _ = await stock.stage([product(1, quantity=3)])
    async with stock.database.begin() as connection:
        await tell(connection, stock, (1, 2))
        chunk = asyncio.create_task(stock.apply(operation_id))

        async def waits() -> None:
            assert (await connection.execute(text(WAITING))).scalar_one() == 1

        await eventually(waits)
    await chunk
    assert await stock.quantities() == {"1": 1}


async def test_a_row_that_was_not_committed_when_the_sale_looked_is_lowered(stock: Stock) -> None:
    """The chunk has brought the row and looked for sales, in vain, when the webhook comes."""
    operation_id, _ = await stock.stage([product(1, quantity=3)])
    at_its_end, may_end = asyncio.Event(), asyncio.Event()

    class Slow(Database):
        @asynccontextmanager
        async def begin(self) -> AsyncIterator[AsyncConnection]:
            async with self.engine.begin() as connection:
                yield connection
                at_its_end.set()
                await may_end.wait()

    slow = Stock(Slow(stock.database.engine), stock.user_id)
    chunk = asyncio.create_task(slow.apply(operation_id))
    await at_its_end.wait()

    async def sell() -> None:
        async with stock.database.begin() as connection:
            await tell(connection, stock, (1, 2))

    sale = asyncio.create_task(sell())

    async def waits() -> None:
        async with stock.database.begin() as connection:
            assert (await connection.execute(text(WAITING))).scalar_one() == 1

    try:
        await eventually(waits)
    finally:
        may_end.set()
    await asyncio.gather(chunk, sale)
    assert await stock.quantities() == {"1": 1}
