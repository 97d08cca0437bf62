"""Exports cut against a stock that exists: chunks of differences, and what moves afterwards is decided anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from activities.cards.cutting import CutRange, DifferenceCutter, Ranges, WholeCutter
from activities.cards.spool import SpooledChunk
from db.cards import staging
from db.cards.stock import MergeStamp
from domain.cards.chunks import Bound, Ints, KeyRange
from domain.cards.products import read_keys
from tests.helpers.stock import KNOWN_BLUEPRINTS, Stock, product

STOCK = [product(1, 5), product(2, 5), product(3, 200)]
Products = Sequence[dict[str, Any]]


class Staging:
    """Exports, given in index order and by ranges, cut and staged for a new operation."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self.taken: list[int] = []

    def _spooled(self, products: Products) -> SpooledChunk:
        raws = [json.dumps(one).encode() for one in products]

        def take(positions: Ints) -> list[bytes]:
            chosen: list[int] = positions.tolist()
            self.taken += [products[position]["id"] for position in chosen]
            return [raws[position] for position in chosen]

        return SpooledChunk(read_keys(b"[" + b",".join(raws) + b"]"), take)

    def ranges(self, *parts: Products) -> Iterator[CutRange]:
        """Each part is the whole truth of its range."""
        return Ranges(map(self._spooled, parts))

    async def stage(self, *parts: Products, size: int = 1000) -> tuple[UUID, list[int]]:
        """The operation, and how many rows each chunk merges."""
        stock = self._stock
        operation_id, _ = await stock.stage([])
        stamp = MergeStamp(stock.user_id, operation_id, stock.began)
        cutter = DifferenceCutter(stock.database, KNOWN_BLUEPRINTS, stamp, size=size)
        chunks = [chunk for cut in self.ranges(*parts) for chunk in await cutter.cut([cut])] + cutter.rest()
        assert [chunk.chunk_no for chunk in chunks] == list(range(cutter.count))
        async with stock.database.begin() as connection:
            await staging.drop(connection, operation_id)
            await staging.add(connection, operation_id, chunks)
        return operation_id, [len(chunk.keys) for chunk in chunks]


@pytest.fixture
async def staged(stock: Stock) -> Staging:
    await stock.sync(STOCK)
    return Staging(stock)


async def test_an_export_without_differences_is_one_chunk_without_rows(stock: Stock, staged: Staging) -> None:
    before = await stock.rows()
    operation_id, merged = await staged.stage(STOCK[:2], STOCK[2:])
    assert merged == [0]
    assert not staged.taken
    counters = await stock.apply(operation_id)
    assert (counters.rows, counters.unchanged, counters.skipped) == (3, 3, 1)
    assert await stock.apply(operation_id) == counters
    assert await stock.rows() == before


async def test_only_the_rows_that_differ_are_merged_and_all_are_counted(stock: Stock, staged: Staging) -> None:
    export = [product(1, 5), product(2, 5, quantity=9), product(3, 200), product(4, 300)]
    operation_id, merged = await staged.stage(export)
    assert (staged.taken, merged) == ([2, 4], [2])
    counters = await stock.apply(operation_id)
    assert (counters.rows, counters.created, counters.updated, counters.unchanged) == (4, 1, 1, 2)
    assert counters.skipped == 2
    assert await stock.quantities() == {"1": 2, "2": 9, "3": 2, "4": 2}


async def test_differences_of_many_ranges_share_chunks_that_are_not_too_large(stock: Stock, staged: Staging) -> None:
    changed = [product(1, 5, quantity=7), product(2, 5, quantity=8), product(3, 200, quantity=9), product(4, 300)]
    operation_id, merged = await staged.stage(*([one] for one in changed), size=3)
    assert merged == [3, 1]
    sums = [await stock.apply(operation_id, number) for number in range(2)]
    assert [(one.rows, one.updated, one.created) for one in sums] == [(3, 3, 0), (1, 0, 1)]
    assert await stock.quantities() == {"1": 7, "2": 8, "3": 9, "4": 2}


async def test_a_row_that_is_merged_is_contested_if_it_moved_after_staging(stock: Stock, staged: Staging) -> None:
    operation_id, _ = await staged.stage([product(1, 5), product(2, 5, quantity=9), product(3, 200)])
    for product_id in (1, 2):
        await stock.edit("quantity = 33, sync_state = 'pending', content_hash = NULL, changed_at = now()", product_id)
    counters = await stock.apply(operation_id)
    assert (counters.contested, counters.unchanged, counters.updated) == (1, 2, 0)
    assert await stock.quantities() == {"1": 33, "2": 33, "3": 2}


async def test_a_row_that_came_into_being_after_staging_is_not_created_again(stock: Stock, staged: Staging) -> None:
    operation_id, _ = await staged.stage([*STOCK, product(4, 300)])
    await stock.add(4, 300, quantity=33, sync_state="pending")
    counters = await stock.apply(operation_id)
    assert (counters.rows, counters.contested, counters.created, counters.unchanged) == (4, 1, 0, 3)
    assert (await stock.quantities())["4"] == 33


async def test_a_row_removed_after_staging_stays_removed_until_the_next_sync(stock: Stock, staged: Staging) -> None:
    operation_id, _ = await staged.stage([product(1, 5), product(2, 5, quantity=9), product(3, 200)])
    await stock.one("DELETE FROM user_inventory_items WHERE user_id = :user AND external_stock_id = '1' RETURNING id")
    await stock.apply(operation_id)
    assert await stock.quantities() == {"2": 9, "3": 2}


async def test_rows_contested_while_staging_are_counted_and_read_again(stock: Stock, staged: Staging) -> None:
    await stock.edit("sync_state = 'uncertain', content_hash = NULL", 1)
    operation_id, merged = await staged.stage([product(1, 5, quantity=8)], [product(2, 5), product(3, 200, quantity=9)])
    assert (merged, staged.taken) == ([1], [3])
    counters = await stock.apply(operation_id)
    assert (counters.rows, counters.contested, counters.unchanged, counters.updated) == (3, 1, 1, 1)
    async with stock.database.begin() as connection:
        again = await staging.to_read_again(connection, stock.user_id, operation_id, and_missing=False, most=9)
    assert again == [5]
    assert await stock.quantities() == {"1": 2, "2": 2, "3": 9}


async def test_rows_missing_while_staging_are_retired(stock: Stock, staged: Staging) -> None:
    operation_id, _ = await staged.stage(STOCK[:1], [product(3, 200, quantity=9)])
    await stock.apply(operation_id)
    assert (await stock.finish(operation_id)).stale == 1
    assert await stock.quantities() == {"1": 2, "2": 0, "3": 9}


async def test_missing_rows_alone_fill_chunks_too(stock: Stock, staged: Staging) -> None:
    # The second range has neither row of the stock that lies in it.
    operation_id, merged = await staged.stage([product(1, 5, quantity=3)], [product(4, 300)], size=2)
    assert merged == [1, 1]
    for number in range(2):
        await stock.apply(operation_id, number)
    assert (await stock.finish(operation_id)).stale == 2


async def test_an_empty_export_is_one_chunk_that_misses_everything(stock: Stock, staged: Staging) -> None:
    operation_id, merged = await staged.stage([])
    assert merged == [0]
    assert (await stock.apply(operation_id)).rows == 0
    assert (await stock.finish(operation_id, force=True)).stale == 3


async def test_a_lost_chunk_fails_with_what_it_had_to_merge(stock: Stock, staged: Staging) -> None:
    operation_id, _ = await staged.stage([product(1, 5), product(2, 5, quantity=9), product(4, 300)])
    counters = await stock.lose(operation_id)
    assert (counters.rows, counters.unchanged, counters.failed) == (3, 1, 2)
    assert await stock.apply(operation_id) == counters


async def test_without_a_stock_every_range_is_a_chunk_with_all_its_rows(stock: Stock) -> None:
    staged, cutter = Staging(stock), WholeCutter()
    parts = [STOCK[:2], STOCK[2:]]
    chunks = [*await cutter.cut(list(staged.ranges(*parts))[:1]), *await cutter.cut(list(staged.ranges(*parts))[1:])]
    assert [(chunk.chunk_no, len(chunk.keys), chunk.compared) for chunk in chunks] == [(0, 2, None), (1, 1, None)]
    border = Bound(200, 3)
    assert [chunk.range for chunk in chunks] == [KeyRange(None, border), KeyRange(border, None)]
    assert not cutter.rest()


def test_the_checksum_is_of_all_rows_in_order(stock: Stock) -> None:
    def checksum(*parts: Products) -> str:
        ranges = Ranges(map(Staging(stock)._spooled, parts))
        assert len(list(ranges)) == len(parts)
        return ranges.checksum

    assert checksum(STOCK[:2], STOCK[2:]) == checksum(STOCK[:1], STOCK[1:])
    assert checksum(STOCK) != checksum([*STOCK[:2], product(3, 200, quantity=9)])
