"""The end of a sync in SQL: two misses, the shrink guard, dead letters, fences; each step has one effect."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy.exc import IntegrityError

from activities.cards.errors import OperationClosed
from db import failed_records
from db.cards import lifecycle, operations, staging
from db.failed_records import Letter
from domain.cards.chunks import KEY, KeyRange
from tests.helpers.stock import Stock, product
from workflows.cards.contracts import OperationRef

MANY = [product(number) for number in range(1, 101)]


async def metadata(stock: Stock, operation_id: object) -> dict[str, object]:
    """The operation's record."""
    found: dict[str, object] = await stock.one(
        "SELECT operation_metadata || jsonb_build_object('status', status) FROM sync_operations"
        " WHERE operation_id = :id",
        id=str(operation_id),
    )
    return found


async def test_missing_once_is_stale_missing_twice_is_removed(stock: Stock) -> None:
    await stock.sync(MANY)
    first = await stock.sync(MANY[:-2])
    assert (first.stale, first.removed, first.held) == (2, 0, 0)
    row = (await stock.rows())["100"]
    assert (row["quantity"], row["stale_since"], row["content_hash"]) == (0, stock.began, None)
    second = await stock.sync(MANY[:-2])
    assert (second.stale, second.removed) == (0, 2)
    assert len(await stock.rows()) == 98
    third = await stock.sync(MANY[:-2])
    assert (third.stale, third.removed, third.totals.unchanged) == (0, 0, 98)


async def test_a_product_that_moved_to_another_blueprint_is_one_row_in_the_end(stock: Stock) -> None:
    await stock.sync([product(1, 5), product(2, 6)])
    moved = [product(1, 7), product(2, 6)]
    await stock.sync(moved)
    available = "SELECT sum(quantity) FROM user_inventory_items WHERE user_id = :user AND external_stock_id = '1'"
    assert await stock.one(available) == 2
    await stock.sync(moved)
    assert await stock.one("SELECT count(*) FROM user_inventory_items WHERE user_id = :user") == 2


async def test_a_suspicious_drop_is_held_then_agreed_upon(stock: Stock) -> None:
    await stock.sync(MANY)
    held = await stock.sync(MANY[:50])
    assert (held.stale, held.removed, held.held) == (0, 0, 50)
    assert set((await stock.quantities()).values()) == {2}
    remark = await stock.one("SELECT sync_status || ': ' || last_error FROM user_sync_settings WHERE user_id = :user")
    assert remark.startswith("active: The export lacks unusually many products")
    agreed = await stock.sync(MANY[:50])
    assert (agreed.stale, agreed.held) == (50, 0)
    assert await stock.one("SELECT last_error IS NULL FROM user_sync_settings WHERE user_id = :user")


async def test_a_drop_that_disagrees_with_the_held_one_is_held_again(stock: Stock) -> None:
    await stock.sync(MANY)
    assert (await stock.sync(MANY[:50])).held == 50
    assert (await stock.sync(MANY[:20])).held == 80
    assert (await stock.sync(MANY)).held == 0
    assert (await stock.sync(MANY[:20])).held == 80


async def test_a_drop_may_be_forced(stock: Stock) -> None:
    await stock.sync(MANY)
    forced = await stock.sync(MANY[:10], force=True)
    assert (forced.stale, forced.held) == (90, 0)


async def test_an_empty_export_is_held_too(stock: Stock) -> None:
    await stock.sync(MANY)
    assert (await stock.sync([])).held == 100
    assert set((await stock.quantities()).values()) == {2}


async def test_rows_created_by_this_sync_do_not_hide_the_drop(stock: Stock) -> None:
    await stock.sync(MANY)
    others = [product(number) for number in range(1000, 2000)]
    assert (await stock.sync([*MANY[:70], *others])).held == 30


async def test_an_incomplete_export_retires_nothing(stock: Stock) -> None:
    await stock.sync(MANY)
    result = await stock.sync(MANY[:-1], complete=False)
    assert (result.stale, result.held) == (0, 0)
    assert (await stock.quantities())["100"] == 2


@pytest.mark.parametrize("change", ["sync_state = 'pending'", "reserved_quantity = 1", "changed_at = now()"])
async def test_a_missing_row_that_moved_after_the_merge_is_not_retired(stock: Stock, change: str) -> None:
    await stock.sync(MANY)
    operation_id, _ = await stock.stage(MANY[:-1])
    await stock.apply(operation_id)
    await stock.edit(change, 100)
    assert (await stock.finish(operation_id)).stale == 0
    assert (await stock.quantities())["100"] == 2


async def test_a_row_without_an_external_id_is_never_missing(stock: Stock) -> None:
    await stock.add(None, 3)
    await stock.sync([product(1)])
    await stock.sync([product(1)])
    assert (await stock.quantities())[None] == 9


async def test_a_product_that_could_not_be_read_is_not_missing_and_its_letter_settles_later(stock: Stock) -> None:
    await stock.sync([product(1, 5), product(2, 5)])
    broken = [{**product(1), "blueprint_id": "?"}, product(2, 5)]
    open_letters = "SELECT count(*) FROM failed_records WHERE user_id = :user AND resolved_at IS NULL"
    for _ in range(3):
        result = await stock.sync(broken)
        assert (result.status, result.stale, result.totals.failed) == ("completed_with_errors", 0, 1)
        assert await stock.one(open_letters) == 1
    assert (await stock.quantities()) == {"1": 2, "2": 2}
    assert (await stock.sync([product(1, 5), product(2, 5)])).status == "completed"
    assert await stock.one(open_letters) == 0


async def test_letters_of_other_contexts_and_stages_are_not_settled(stock: Stock) -> None:
    async with stock.database.begin() as connection:
        for context, stage in (("bridge", "validate"), ("cards", "webhook"), ("cards", "validate")):
            letters = [Letter("s", "r", b"raw")]
            await failed_records.bury(connection, stock.user_id, uuid4(), letters, context=context, stage=stage)
    await stock.sync([product(1)])
    left = (
        "SELECT string_agg(context || '/' || stage, ' ' ORDER BY context) FROM failed_records"
        " WHERE resolved_at IS NULL AND user_id = :user"
    )
    assert await stock.one(left) == "bridge/validate cards/webhook"


async def test_two_finishes_at_once_have_one_effect_and_one_answer(stock: Stock) -> None:
    await stock.sync(MANY)
    operation_id, _ = await stock.stage(MANY[:-3])
    await stock.apply(operation_id)
    answers = await asyncio.gather(*(stock.finish(operation_id) for _ in range(3)))
    assert answers == [answers[0]] * 3
    assert answers[0].stale == 3
    assert (await stock.rows())["100"]["row_version"] == 2
    assert await stock.one("SELECT count(*) FROM export_chunks WHERE operation_id = :id", id=str(operation_id)) == 0


async def test_lost_chunks_finish_with_errors(stock: Stock) -> None:
    await stock.sync(MANY)
    operation_id, count = await stock.stage(MANY, size=50)
    assert count == 2
    await stock.apply(operation_id, 0)
    await stock.lose(operation_id, 1)
    result = await stock.finish(operation_id, failed_chunks=1)
    assert (result.status, result.stale, result.totals.rows, result.totals.failed) == (
        *("completed_with_errors", 0, 100, 50),
    )
    assert (await metadata(stock, operation_id))["processed"] == 100


async def test_an_aborted_sync_keeps_what_it_merged_and_its_numbers(stock: Stock) -> None:
    operation_id, _ = await stock.stage(MANY, size=50)
    await stock.apply(operation_id, 0)
    await stock.abort(operation_id, "SYNC_CANCELLED", cancelled=True)
    await stock.abort(operation_id, "SYNC_FAILED")
    found = await metadata(stock, operation_id)
    assert (found["status"], found["processed"], found["processed_chunks"]) == ("cancelled", 50, 1)
    assert len(await stock.rows()) == 50
    with pytest.raises(OperationClosed):
        await stock.finish(operation_id)
    error = await stock.one("SELECT sync_status || ' ' || last_error FROM user_sync_settings WHERE user_id = :user")
    assert error.startswith("error SYNC_CANCELLED: ")
    assert (await stock.sync(MANY)).totals.created == 50


async def test_finish_after_an_abort_and_abort_after_a_finish_change_nothing(stock: Stock) -> None:
    operation_id, _ = await stock.stage([product(1)])
    await stock.apply(operation_id)
    await stock.finish(operation_id)
    before = await metadata(stock, operation_id)
    await stock.abort(operation_id)
    assert await metadata(stock, operation_id) == before


async def test_beginning_closes_orphans_of_the_same_seller_only(stock: Stock) -> None:
    other = await Stock(stock.database).link()
    orphan, _ = await stock.stage([product(1)])
    theirs, _ = await other.stage([product(1)])
    current, _ = await stock.stage([product(1)])
    assert (await metadata(stock, orphan))["status"] == "failed"
    assert (await metadata(stock, theirs))["status"] == "running"
    with pytest.raises(OperationClosed):
        await stock.apply(orphan)
    staged = "SELECT count(*) FROM export_chunks WHERE operation_id = :id"
    assert [await stock.one(staged, id=str(one)) for one in (orphan, theirs, current)] == [0, 1, 1]
    ref = OperationRef(user_id=stock.user_id, operation_id=orphan)
    with pytest.raises(OperationClosed):
        await stock.operations.begin_sync(ref)
    before = await metadata(stock, current)
    await stock.operations.begin_sync(OperationRef(user_id=stock.user_id, operation_id=current))
    assert await metadata(stock, current) == before


async def test_a_chunk_of_an_operation_that_was_closed_from_outside_is_refused(stock: Stock) -> None:
    """The facade closes syncs whose workflow is gone; their chunks may still be there."""
    operation_id, _ = await stock.stage([product(1)])
    async with stock.database.begin() as connection:
        assert await operations.close(connection, operation_id, "failed")
    with pytest.raises(OperationClosed):
        await stock.apply(operation_id)
    assert await stock.rows() == {}
    await stock.sync([product(1)])
    assert await stock.one("SELECT count(*) FROM export_chunks WHERE operation_id = :id", id=str(operation_id)) == 0


async def test_the_fence_lets_only_the_newest_attempt_of_an_open_operation_pass(stock: Stock) -> None:
    operation_id, _ = await stock.stage([product(1)])
    async with stock.database.begin() as connection:
        assert not await staging.fence(connection, operation_id, "full-1")
        await lifecycle.note(connection, operation_id, {"staging_attempt": "full-2"})
        assert not await staging.fence(connection, operation_id, "full-1")
        assert await staging.fence(connection, operation_id, "full-2")
        assert not await staging.fence(connection, uuid4(), "full-2")
    await stock.abort(operation_id)
    async with stock.database.begin() as connection:
        assert not await staging.fence(connection, operation_id, "full-2")


async def test_a_takeover_waits_for_the_writes_of_the_attempt_before(stock: Stock) -> None:
    operation_id, _ = await stock.stage([product(1)])
    async with stock.database.begin() as connection:
        await lifecycle.note(connection, operation_id, {"staging_attempt": "full-1"})

    async def take_over() -> None:
        async with stock.database.begin() as connection:
            await lifecycle.operation(connection, operation_id, lock=True)
            await lifecycle.note(connection, operation_id, {"staging_attempt": "full-2"})

    async with stock.database.begin() as writing:
        assert await staging.fence(writing, operation_id, "full-1")
        successor = asyncio.create_task(take_over())
        done, _ = await asyncio.wait({successor}, timeout=0.3)
        assert not done
    await successor
    async with stock.database.begin() as connection:
        assert not await staging.fence(connection, operation_id, "full-1")


async def test_a_chunk_is_staged_once(stock: Stock) -> None:
    operation_id, _ = await stock.stage([product(1)])
    repeated = staging.StagedChunk(0, KeyRange(None, None), np.empty(0, dtype=KEY), b"")
    async with stock.database.begin() as connection:
        assert await staging.staged(connection, operation_id) == {0}
    with pytest.raises(IntegrityError):
        async with stock.database.begin() as connection:
            await staging.add(connection, operation_id, [repeated])


async def test_blueprints_to_read_again_are_those_whose_rows_may_be_settled(stock: Stock) -> None:
    await stock.add(1, 5, sync_state="uncertain")
    await stock.add(2, 6, sync_state="pending")
    await stock.add(3, 7, sync_state="uncertain", reserved_quantity=1)
    await stock.add(4, 8)
    operation_id, _ = await stock.stage([])
    await stock.apply(operation_id)

    async def found(*, and_missing: bool, most: int = 10) -> list[int]:
        async with stock.database.begin() as connection:
            return await staging.to_read_again(
                connection, stock.user_id, operation_id, and_missing=and_missing, most=most
            )

    assert await found(and_missing=False) == [5]
    assert await found(and_missing=True) == [5, 8]
    assert await found(and_missing=True, most=1) == [5]


async def test_totals_are_the_sums_of_what_was_applied(stock: Stock) -> None:
    operation_id, _ = await stock.stage(MANY, size=30)
    async with stock.database.begin() as connection:
        assert await staging.totals(connection, operation_id) == (0, staging.ChunkCounters())
    await stock.apply(operation_id, 0)
    await stock.apply(operation_id, 3)
    async with stock.database.begin() as connection:
        merged, sums = await staging.totals(connection, operation_id)
        live = await operations.live_counts(connection, str(operation_id))
    assert (merged, sums.rows, sums.created) == (2, 40, 40)
    assert (live.processed_chunks, live.processed, live.created) == (2, 40, 40)
