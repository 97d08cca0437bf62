"""A webhook by one statement: the same as step by step where it has an effect, and none at all where it has not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import inbox, intake, sales, sellers
from db.cards.inbox import Webhook
from db.cards.tables import user_inventory_items
from db.session import Database
from domain.cards.orders import OrderLine, Verdict

START = 20
SECRET = "s"
BUYERS = 12
LINES = (OrderLine(1, 101, 1, 2, True), OrderLine(2, 101, 1, 1, True), OrderLine(3, 102, 2, 4, False))
LATER = (OrderLine(3, 102, 2, 30, True), OrderLine(4, 103, 3, 1, False))
STORIES: dict[str, tuple[Verdict, ...]] = {
    "a sale": (Verdict(9, LINES),),
    "the same again": (Verdict(9, LINES), Verdict(9, LINES)),
    "what proved nothing is proven": (Verdict(9, LINES), Verdict(9, LATER), Verdict(9, LATER)),
    "two orders": (Verdict(9, LINES), Verdict(10, LATER)),
}
_SEEN = {
    "stock": "SELECT external_stock_id, quantity, sync_state, row_version, content_hash, changed_at > :began"
    " FROM user_inventory_items WHERE user_id = :user ORDER BY 1",
    "lines": "SELECT order_id, order_item_id, blueprint_id, product_id, quantity, decrement_applied"
    " FROM order_lines WHERE user_id = :user ORDER BY 1, 2",
    "inbox": "SELECT cause, mode, body_encrypted, blueprint_ids, unmatched, outcome, processed_at"
    " FROM webhook_inbox WHERE user_id = :user ORDER BY id",
}
Seen = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    """For the whole module."""
    opened = Database.connect(module_database_url)
    yield opened
    await opened.close()


def webhook(webhook_id: str = "") -> Webhook:
    """A webhook of an order."""
    return Webhook(webhook_id or str(uuid4()), "order.create", "live", b"sealed")


async def new_seller(database: Database) -> UUID:
    """A linked seller with products 1, 2 and 3; changes of 2 wait to be sent."""
    user_id = uuid4()
    rows = [
        {
            "user_id": user_id,
            "blueprint_id": product + 100,
            "external_stock_id": str(product),
            "quantity": START,
            "price_cents": 5,
            "content_hash": 1,
            "sync_state": "pending" if product == 2 else "synced",
        }
        for product in (1, 2, 3)
    ]
    async with database.begin() as connection:
        await sellers.link(connection, user_id, token_encrypted="t", secret_encrypted=SECRET, cardtrader_user_id=1)
        await connection.execute(insert(user_inventory_items).values(rows))
    return user_id


async def seen(database: Database, user_id: UUID, began: object) -> Seen:
    """Everything a webhook may touch."""
    async with database.begin() as connection:
        values = {"user": user_id, "began": began}
        return {
            name: [tuple(row) for row in await connection.execute(text(query), values)] for name, query in _SEEN.items()
        }


async def at_once(database: Database, user_id: UUID, verdict: Verdict, told: Webhook) -> intake.Intake:
    """By one statement."""
    async with database.statement() as connection:
        return await intake.take_in(connection, user_id, told, verdict, secret=SECRET)


async def step_by_step(database: Database, user_id: UUID, verdict: Verdict) -> None:
    """By a transaction."""
    async with database.begin() as connection:
        applied = await sales.apply(connection, user_id, verdict)
        told = replace(webhook(), blueprint_ids=applied.blueprint_ids, unmatched=applied.unmatched)
        assert await inbox.store(connection, user_id, told, secret=SECRET)


async def now(connection: AsyncConnection) -> object:
    """The database's clock."""
    return (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
async def test_one_statement_leaves_what_the_steps_leave(database: Database, story: Sequence[Verdict]) -> None:
    stated, stepped = await new_seller(database), await new_seller(database)
    async with database.begin() as connection:
        began = await now(connection)
    for verdict in story:
        assert verdict.is_plain
        assert await at_once(database, stated, verdict, webhook()) == "stored"
        await step_by_step(database, stepped, verdict)
    assert await seen(database, stated, began) == await seen(database, stepped, began)


async def test_a_sale_lowers_and_marks_its_rows_once(database: Database) -> None:
    user_id = await new_seller(database)
    async with database.begin() as connection:
        began = await now(connection)
    await at_once(database, user_id, Verdict(9, LINES), webhook())
    found = await seen(database, user_id, began)
    assert found["stock"] == [
        ("1", START - 3, "uncertain", 2, None, True),
        ("2", START, "pending", 2, None, True),
        ("3", START, "synced", 1, 1, False),
    ]
    assert found["inbox"] == [("order.create", "live", b"sealed", [101, 102], False, None, None)]


@pytest.mark.parametrize("case", ["no row of a product", "the secret was replaced", "a replay"])
async def test_what_must_have_no_effect_has_none(database: Database, case: str) -> None:
    user_id, told = await new_seller(database), webhook()
    if case == "a replay":
        await at_once(database, user_id, Verdict(8, (OrderLine(9, 103, 3, 1, True),)), told)
    async with database.begin() as connection:
        began = await now(connection)
    before = await seen(database, user_id, began)
    lines = (*LINES, OrderLine(5, 105, 5, 1, True)) if case == "no row of a product" else LINES
    async with database.statement() as connection:
        secret = "older" if case == "the secret was replaced" else SECRET
        taken = await intake.take_in(connection, user_id, told, Verdict(9, lines), secret=secret)
    assert taken == ("unmatched" if case == "no row of a product" else "unstored")
    assert await seen(database, user_id, began) == before


async def test_sales_of_one_row_at_the_same_time_all_count(database: Database) -> None:
    user_id = await new_seller(database)
    orders = [Verdict(order, (OrderLine(order, 101, 1, 1, True),)) for order in range(1, BUYERS + 1)]
    taken = await asyncio.gather(*(at_once(database, user_id, order, webhook()) for order in orders))
    assert set(taken) == {"stored"}
    ((_, left, *_), *_) = (await seen(database, user_id, None))["stock"]
    assert left == START - BUYERS


async def test_one_webhook_that_comes_many_times_at_once_counts_once(database: Database) -> None:
    user_id, told = await new_seller(database), webhook()
    taken = await asyncio.gather(*(at_once(database, user_id, Verdict(9, LINES), told) for _ in range(BUYERS)))
    assert sorted(taken) == ["stored", *["unstored"] * (BUYERS - 1)]
    ((_, left, *_), *_) = (await seen(database, user_id, None))["stock"]
    assert left == START - 3
