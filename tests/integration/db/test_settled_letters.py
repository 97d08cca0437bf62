"""A re-read settles the dead letters of products that can be used now, and of no others."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from activities.cards.merging import Incoming, merge
from db import failed_records
from db.cards.stock import MergeStamp
from db.failed_records import Letter
from domain.cards.chunks import Bound, KeyRange
from domain.cards.products import read_keys
from tests.helpers.stock import BEGAN, KNOWN_BLUEPRINTS, Stock, product

OPEN = text("SELECT stage, subject FROM failed_records WHERE user_id = :user AND resolved_at IS NULL ORDER BY 1, 2")
BY = text("SELECT DISTINCT resolved_by FROM failed_records WHERE user_id = :user AND resolved_at IS NOT NULL")


async def reread(stock: Stock, operation_id: UUID, *products: dict[str, Any], settles: bool = True) -> None:
    """Merge what CardTrader says of blueprint 1 now."""
    data = json.dumps(products).encode()

    async def body() -> bytes:
        return data

    stamp = MergeStamp(stock.user_id, operation_id, BEGAN.replace(year=2030), settles=settles)
    range_ = KeyRange(Bound(1, 0), Bound(2, 0))
    async with stock.database.begin() as connection:
        await merge(connection, stamp, Incoming(read_keys(data), range_, body), KNOWN_BLUEPRINTS)


async def bury(stock: Stock, stage: str, *subjects: str) -> None:
    letters = [Letter(subject, "why", None) for subject in subjects]
    async with stock.database.begin() as connection:
        await failed_records.bury(connection, stock.user_id, uuid4(), letters, context="cards", stage=stage)


async def still_open(stock: Stock) -> list[tuple[str, str]]:
    async with stock.database.begin() as connection:
        return [tuple(row) for row in await connection.execute(OPEN, {"user": stock.user_id})]


async def test_what_can_be_used_now_is_settled(stock: Stock) -> None:
    await bury(stock, "validate", "1", "2", "3")
    await bury(stock, "change", "1")
    operation_id = uuid4()
    await reread(stock, operation_id, product(1), product(2, quantity=-1))
    assert await still_open(stock) == [("change", "1"), ("validate", "2"), ("validate", "3")]
    async with stock.database.begin() as connection:
        assert (await connection.execute(BY, {"user": stock.user_id})).scalars().all() == [f"re-read {operation_id}"]
    assert set(await stock.rows()) == {"1"}


async def test_a_product_that_is_unchanged_again_is_settled(stock: Stock) -> None:
    await reread(stock, uuid4(), product(1))
    await bury(stock, "validate", "1")
    await reread(stock, uuid4(), product(1))
    assert await still_open(stock) == []


async def test_a_repeat_of_the_same_reread_keeps_its_own_letter(stock: Stock) -> None:
    operation_id = uuid4()
    for _ in range(2):
        await reread(stock, operation_id, product(1, quantity=-1))
    assert await still_open(stock) == [("validate", "1")]


async def test_a_chunk_settles_no_letter(stock: Stock) -> None:
    """Its sync does, at its end, when it was complete."""
    await bury(stock, "validate", "1")
    await reread(stock, uuid4(), product(1), settles=False)
    assert await still_open(stock) == [("validate", "1")]
