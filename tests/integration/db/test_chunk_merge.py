"""The merge of a chunk on real PostgreSQL: its range only, nothing contested, exactly once, whoever else writes."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from activities.cards.errors import OperationClosed
from activities.cards.merging import Incoming, merge
from db.cards import staging
from db.cards import stock as stock_rows
from db.cards.stock import MergeStamp
from domain.cards.chunks import Bound, KeyRange, key_ranges
from domain.cards.products import read_keys
from tests.helpers.stock import BEGAN, KNOWN_BLUEPRINTS, Stock, product

CONTESTED = {
    "pending": {"sync_state": "pending"},
    "uncertain": {"sync_state": "uncertain"},
    "failed": {"sync_state": "failed"},
    "reserved": {"reserved_quantity": 1},
    "changed after the export began": {"changed_at": BEGAN.replace(year=2030)},
}


def conserved(counters: Any) -> bool:
    """Law L6."""
    parts = (counters.created, counters.updated, counters.unchanged, counters.contested, counters.failed)
    return bool(counters.rows == sum(parts))


async def test_new_changed_and_unchanged_rows(stock: Stock) -> None:
    await stock.sync([product(1), product(2), product(3, 500)])
    before = await stock.rows()
    operation_id, _ = await stock.stage([product(1), product(2, quantity=7), product(3, 500), product(4, graded=True)])
    counters = await stock.apply(operation_id)
    assert (counters.created, counters.updated, counters.unchanged, counters.skipped) == (1, 1, 2, 1)
    assert conserved(counters)
    after = await stock.rows()
    assert (after["1"], after["3"]) == (before["1"], before["3"])
    assert (after["2"]["quantity"], after["2"]["row_version"], after["2"]["created_at"]) == (
        *(7, 2, before["2"]["created_at"]),
    )
    assert (after["4"]["print_id"], after["4"]["print_table"], after["4"]["graded"]) == (1001, "cards_prints", True)
    assert (after["3"]["mapping_status"], after["3"]["print_id"]) == ("missing", None)


async def test_a_range_reads_exactly_its_keys_in_byte_order(stock: Stock) -> None:
    random = Random(3)
    keys = sorted(
        {
            (random.choice([1, 2, 3]), int(str(random.randint(1, 2**63 - 1))[: random.randint(1, 19)]))
            for _ in range(300)
        },
        key=lambda key: (key[0], str(key[1])),
    )
    for blueprint, external in keys:
        await stock.add(external, blueprint)
    await stock.add(None, 1)
    chunks = [keys[start : start + 37] for start in range(0, len(keys), 37)]
    stamp = MergeStamp(stock.user_id, stock.user_id, BEGAN)
    async with stock.database.begin() as connection:
        for range_, chunk in zip(key_ranges([Bound(*chunk[0]) for chunk in chunks[1:]]), chunks, strict=True):
            found = await stock_rows.in_range(connection, stamp, range_)
            assert sorted(zip(found.blueprint.tolist(), found.product.tolist(), strict=True)) == sorted(chunk)
        everything = await stock_rows.in_range(connection, stamp, KeyRange(None, None))
    assert len(everything.product) == len(keys)


async def test_applying_one_chunk_touches_no_row_outside_its_range(stock: Stock) -> None:
    products = [product(number, number % 4 + 1) for number in (1, 10, 100, 9, 99, 2, 20, 10**18, 2**63 - 1)]
    await stock.sync(products)
    before = await stock.rows()
    changed = [{**one, "quantity": 50} for one in products]
    operation_id, count = await stock.stage(changed, size=2)
    assert count > 3
    counters = await stock.apply(operation_id, 1)
    after = await stock.rows()
    assert counters.updated == sum(after[key] != row for key, row in before.items()) == 2
    for number in (0, *range(2, count)):
        await stock.apply(operation_id, number)
    assert set((await stock.quantities()).values()) == {50}


async def test_the_extremes_of_keys_are_found_again(stock: Stock) -> None:
    products = [product(1), product(2**63 - 1), product(5, 2**31 - 2), product(2**63 - 2, 2**31 - 2)]
    await stock.sync(products)
    operation_id, _ = await stock.stage(products)
    assert (await stock.apply(operation_id)).unchanged == 4
    operation_id, _ = await stock.stage([*products, product(9, 2**31 - 1)])
    counters = await stock.apply(operation_id)
    assert (counters.unchanged, counters.failed) == (4, 1)


@pytest.mark.parametrize("columns", CONTESTED.values(), ids=CONTESTED.keys())
@pytest.mark.parametrize("exported", [True, False], ids=["exported", "missing"])
async def test_a_contested_row_is_left_alone_and_noted(stock: Stock, columns: dict[str, Any], exported: bool) -> None:
    await stock.add(7, 5, **columns)
    before = await stock.rows()
    operation_id, _ = await stock.stage([product(8, 6), *([product(7, 5)] if exported else [])])
    counters = await stock.apply(operation_id)
    assert (counters.contested, counters.created) == (int(exported), 1)
    assert conserved(counters)
    noted = await stock.one(
        "SELECT contested_blueprints FROM export_chunks WHERE operation_id = :id", id=str(operation_id)
    )
    assert noted == [5]
    await stock.finish(operation_id, force=True)
    assert (await stock.rows())["7"] == before["7"]


async def test_a_stale_row_that_is_exported_again_is_revived(stock: Stock) -> None:
    await stock.sync([product(1), product(2)])
    await stock.sync([product(1)])
    assert (await stock.quantities()) == {"1": 2, "2": 0}
    operation_id, _ = await stock.stage([product(1), product(2)])
    counters = await stock.apply(operation_id)
    assert (counters.updated, counters.unchanged) == (1, 1)
    row = (await stock.rows())["2"]
    assert (row["quantity"], row["stale_since"], row["sync_state"]) == (2, None, "synced")


async def test_a_stale_row_is_revived_even_if_its_hash_is_the_same(stock: Stock) -> None:
    await stock.sync([product(1)])
    await stock.edit("quantity = 0, stale_since = changed_at", 1)
    operation_id, _ = await stock.stage([product(1)])
    assert (await stock.apply(operation_id)).updated == 1
    assert await stock.quantities() == {"1": 2}


async def test_a_row_changed_locally_is_compared_with_nothing(stock: Stock) -> None:
    await stock.sync([product(1)])
    await stock.edit("quantity = 99, content_hash = NULL", 1)
    operation_id, _ = await stock.stage([product(1)])
    assert (await stock.apply(operation_id)).updated == 1
    assert await stock.quantities() == {"1": 2}


async def test_another_sellers_rows_are_neither_read_nor_written(stock: Stock) -> None:
    other = await Stock(stock.database).link()
    await other.sync([product(1), product(2)])
    before = await other.rows()
    result = await stock.sync([product(1, quantity=77)])
    assert (result.totals.created, result.stale) == (1, 0)
    assert await other.rows() == before


EDITS = {
    "edited": "quantity = 33, sync_state = 'pending', content_hash = NULL",
    "sold": "quantity = 33, sync_state = 'uncertain', content_hash = NULL",
    "reserved": "quantity = 33, reserved_quantity = 1",
    "settled meanwhile": "quantity = 33, changed_at = now(), content_hash = NULL",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
async def test_an_edit_between_reading_and_writing_is_not_overwritten(stock: Stock, edit: str) -> None:
    await stock.sync([product(1, 5), product(2, 5)])
    rows = json.dumps([product(1, 5, quantity=4), product(2, 5, quantity=4)]).encode()

    async def json_after_the_edit() -> bytes:
        await stock.edit(edit, 1)
        return rows

    operation_id, _ = await stock.stage([])
    stamp = MergeStamp(stock.user_id, operation_id, stock.began)
    incoming = Incoming(read_keys(rows), KeyRange(None, None), json_after_the_edit)
    async with stock.database.begin() as connection:
        merged = await merge(connection, stamp, incoming, KNOWN_BLUEPRINTS)
    assert await stock.quantities() == {"1": 33, "2": 4}
    assert (merged.counters.updated, merged.counters.contested) == (1, 1)
    assert conserved(merged.counters)
    assert merged.contested_blueprints == [5]


@pytest.mark.parametrize("edit", [EDITS["edited"], EDITS["reserved"], EDITS["settled meanwhile"]])
async def test_an_edit_between_reading_and_retiring_is_not_overwritten(stock: Stock, edit: str) -> None:
    """What a re-read does: rows found missing are retired without having been locked."""
    await stock.sync([product(1, 5), product(2, 5)])
    stamp = MergeStamp(stock.user_id, stock.user_id, BEGAN.replace(year=2026, month=2), settles=True)
    async with stock.database.begin() as connection:
        held = await stock_rows.in_range(connection, stamp, KeyRange(None, None))
        await stock.edit(edit, 1)
        await stock_rows.retire(connection, held.item_id.tolist(), stamp.began)
    assert await stock.quantities() == {"1": 33, "2": 0}


async def test_a_row_that_came_into_being_meanwhile_fails_the_chunk_and_the_repeat_sees_it(stock: Stock) -> None:
    rows = b'[{"id":1,"blueprint_id":5,"quantity":4,"price_cents":4}]'
    operation_id, _ = await stock.stage([])
    stamp = MergeStamp(stock.user_id, operation_id, stock.began)

    async def json_after_the_insert() -> bytes:
        await stock.add(1, 5)
        return rows

    async def plain_json() -> bytes:
        return rows

    async def merged(incoming: Incoming) -> Any:
        async with stock.database.begin() as connection:
            return await merge(connection, stamp, incoming, KNOWN_BLUEPRINTS)

    with pytest.raises(Exception, match="unique"):
        await merged(Incoming(read_keys(rows), KeyRange(None, None), json_after_the_insert))
    again = await merged(Incoming(read_keys(rows), KeyRange(None, None), plain_json))
    assert (again.counters.updated, await stock.quantities()) == (1, {"1": 4})


async def test_two_at_once_have_one_effect_and_one_answer(stock: Stock) -> None:
    await stock.sync([product(number) for number in range(1, 50)])
    operation_id, _ = await stock.stage([product(number, quantity=5) for number in range(25, 90)])
    answers = await asyncio.gather(*(stock.apply(operation_id) for _ in range(4)))
    assert answers == [answers[0]] * 4
    assert (answers[0].created, answers[0].updated) == (40, 25)
    versions = {int(str(key)): row["row_version"] for key, row in (await stock.rows()).items()}
    assert versions == {number: 2 if 25 <= number < 50 else 1 for number in range(1, 90)}
    assert await stock.lose(operation_id) == answers[0]


async def test_a_lost_chunk_stays_lost(stock: Stock) -> None:
    operation_id, _ = await stock.stage([product(1), product(2)])
    lost = await stock.lose(operation_id)
    assert (lost.rows, lost.failed, conserved(lost)) == (2, 2, True)
    assert await stock.apply(operation_id) == lost == await stock.lose(operation_id)
    assert await stock.rows() == {}
    letters = "SELECT count(*) FROM failed_records WHERE user_id = :user AND stage = 'apply' AND reason = 'Why'"
    assert await stock.one(letters) == 1


async def test_poisoned_products_are_buried_and_the_others_merged(stock: Stock) -> None:
    await stock.sync([product(1), product(2)])
    bad = [
        product(1, quantity=-1),
        product(3, description="a\0b"),
        product(4, blueprint_id=0),
        product(5, price_cents="x"),
    ]
    operation_id, _ = await stock.stage([*bad, product(2, quantity=8), product(6)])
    counters = await stock.apply(operation_id)
    assert (counters.rows, counters.failed, counters.updated, counters.created) == (6, 4, 1, 1)
    assert conserved(counters)
    # A product that was known keeps its last good values.
    assert await stock.quantities() == {"1": 2, "2": 8, "6": 2}
    subjects = "SELECT string_agg(subject, ',' ORDER BY subject) FROM failed_records WHERE user_id = :user"
    assert await stock.one(subjects) == "1,3,4,5"


async def test_a_chunk_of_a_closed_operation_is_refused(stock: Stock) -> None:
    operation_id, _ = await stock.stage([product(1)])
    await stock.abort(operation_id)
    with pytest.raises(OperationClosed):
        await stock.apply(operation_id)
    with pytest.raises(OperationClosed):
        await stock.lose(operation_id)
    assert await stock.rows() == {}


async def test_a_chunk_that_breaks_leaves_nothing_behind(stock: Stock) -> None:
    """A row the database refuses rolls the whole chunk back, its note included."""
    await stock.add(1)
    operation_id, _ = await stock.stage([product(1), product(2)])
    await stock.one(
        "UPDATE export_chunks SET payload = ''::bytea WHERE operation_id = :id RETURNING 1", id=str(operation_id)
    )
    with pytest.raises(Exception, match="cannot be decoded"):
        await stock.apply(operation_id)
    assert await stock.quantities() == {"1": 9}
    async with stock.database.begin() as connection:
        claimed = await staging.claim(connection, operation_id, 0)
    assert claimed is not None
    assert not claimed.applied


async def test_the_database_refuses_negative_quantities(stock: Stock) -> None:
    with pytest.raises(DBAPIError, match="ck_user_inventory_items_quantity"):
        await stock.add(1, quantity=-1)
