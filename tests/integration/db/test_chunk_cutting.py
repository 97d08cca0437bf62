"""Chunks cut against a stock that exists: only what differs is staged, and what moves afterwards is decided anew."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities.cards.cutting import ChunkCutter, NumberedChunk
from activities.cards.spool import SpooledChunk
from db.cards import staging
from db.cards.stock import MergeStamp
from domain.cards.chunks import Ints, KeyRange
from domain.cards.products import read_keys
from tests.helpers.stock import KNOWN_BLUEPRINTS, Stock, product

STOCK = [product(1, 5), product(2, 5), product(3, 200)]


class Staging:
    """One chunk of an export, cut and staged for a new operation."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self.taken: list[int] = []

    def _chunk(self, products: list[dict[str, Any]]) -> NumberedChunk:
        raws = [json.dumps(one).encode() for one in products]

        def take(positions: Ints) -> list[bytes]:
            self.taken += positions.tolist()
            return [raws[position] for position in positions.tolist()]

        rows = SpooledChunk(read_keys(b"[" + b",".join(raws) + b"]"), take)
        return NumberedChunk(0, KeyRange(None, None), rows)

    async def stage(self, products: list[dict[str, Any]]) -> Any:
        """The operation."""
        stock = self._stock
        operation_id, _ = await stock.stage([])
        async with stock.database.begin() as connection:
            await staging.drop(connection, operation_id)
        stamp = MergeStamp(stock.user_id, operation_id, stock.began)
        chunk = await ChunkCutter(stock.database, KNOWN_BLUEPRINTS, stamp, sparse=True).cut(self._chunk(products))
        async with stock.database.begin() as connection:
            await staging.add(connection, operation_id, [chunk])
        return operation_id


@pytest.fixture
async def staged(stock: Stock) -> Staging:
    await stock.sync(STOCK)
    return Staging(stock)


async def test_a_chunk_that_changes_nothing_is_settled_without_its_rows(stock: Stock, staged: Staging) -> None:
    before = await stock.rows()
    counters = await stock.apply(await staged.stage(STOCK))
    assert (counters.rows, counters.unchanged, counters.skipped) == (3, 3, 1)
    assert not staged.taken
    assert await stock.rows() == before


async def test_only_the_rows_that_differ_are_staged(stock: Stock, staged: Staging) -> None:
    export = [product(1, 5), product(2, 5, quantity=9), product(3, 200), product(4, 300)]
    counters = await stock.apply(await staged.stage(export))
    assert staged.taken == [1, 3]
    assert (counters.created, counters.updated, counters.unchanged) == (1, 1, 2)
    assert await stock.quantities() == {"1": 2, "2": 9, "3": 2, "4": 2}


async def test_a_row_edited_after_staging_stays_as_it_is(stock: Stock, staged: Staging) -> None:
    operation_id = await staged.stage([product(1, 5), product(2, 5, quantity=9), product(3, 200)])
    for product_id in (1, 2):
        await stock.edit("quantity = 33, sync_state = 'pending', content_hash = NULL, changed_at = now()", product_id)
    counters = await stock.apply(operation_id)
    assert (counters.contested, counters.unchanged, counters.updated) == (2, 1, 0)
    assert await stock.quantities() == {"1": 33, "2": 33, "3": 2}


async def test_a_row_removed_after_staging_is_contested(stock: Stock, staged: Staging) -> None:
    operation_id = await staged.stage([product(1, 5), product(2, 5, quantity=9), product(3, 200)])
    await stock.one("DELETE FROM user_inventory_items WHERE user_id = :user AND external_stock_id = '1' RETURNING id")
    counters = await stock.apply(operation_id)
    assert (counters.rows, counters.contested, counters.updated, counters.unchanged) == (3, 1, 1, 1)
    assert await stock.quantities() == {"2": 9, "3": 2}


async def test_a_missing_row_keeps_its_chunk_from_being_settled(stock: Stock, staged: Staging) -> None:
    operation_id = await staged.stage(STOCK[:2])
    await stock.apply(operation_id)
    assert (await stock.finish(operation_id)).stale == 1
