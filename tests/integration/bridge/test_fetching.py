"""Stage 1: no row is missed or met twice, whatever comes, goes and changes between two calls; totals are checked."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from clients.apismith import Sort, SourceUnusable
from db.bridge.history import Batch
from db.bridge.tables import sync_batches
from tests.helpers.bridge_runs import BridgeRuns
from workflows.bridge.contracts import BatchRef, PageRef

Row = dict[str, Any]
OPTIONS = {"rowversion": {"kind": "integer"}}


def item(number: int, rowversion: int = 1, **fields: Any) -> Row:
    return {"number": f"P-{number:03d}", "rowversion": str(rowversion), **fields}


@pytest.fixture
async def items(bridge: BridgeRuns) -> BridgeRuns:
    await bridge.define("items", ["number"], options=OPTIONS)
    return bridge


async def test_rows_that_move_between_pages_are_met_once(items: BridgeRuns) -> None:
    """By page number P-004 would be missed for the deletion, and P-003 met twice for the addition."""
    rows = items.erp.tables["items"] = [item(number) for number in range(1, 10)]

    def move(call: int) -> None:
        if call == 3:
            rows.remove(item(1))
        if call == 4:
            rows[:0] = [item(-2), item(-1), item(0)]

    items.erp.before = move
    batch = await items.sync("items", page_size=3)
    assert [row["number"] for row in items.at_the_hub("items")] == [f"P-{number:03d}" for number in range(1, 10)]
    assert batch.metrics.rows_inserted == batch.metrics.rows_fetched == 9
    later = await items.sync("items", page_size=4)
    assert items.is_the_same("items")
    assert (later.metrics.rows_inserted, later.metrics.rows_deleted, later.deletion_refused) == (3, 1, None)


@pytest.mark.parametrize("page_size", [2, 3, 50])
async def test_keys_of_several_fields_are_walked_group_by_group(bridge: BridgeRuns, page_size: int) -> None:
    await bridge.define("stock", ["site", "number"])
    rows = [{"site": site, "number": number} for site in ("A", "B", "C") for number in range(7 if site == "B" else 2)]
    bridge.erp.tables["stock"] = rows[::-1]
    batch = await bridge.sync("stock", page_size=page_size)
    assert bridge.is_the_same("stock")
    assert (batch.status, batch.metrics.rows_inserted, batch.metrics.rows_fetched) == ("completed", 11, 11)


async def test_a_row_that_changes_behind_the_fetch_is_met_by_the_next_incremental(items: BridgeRuns) -> None:
    rows = items.erp.tables["items"] = [item(1, 10), item(2, 11), item(3, 12), item(4, 13)]

    def change(call: int) -> None:
        if call == 3:
            # The first page is through; a later row passes it with a higher rowversion still.
            rows[0], rows[3] = item(1, 20, name="changed"), item(4, 21)

    items.erp.before = change
    first = await items.sync("items", page_size=2)
    assert (first.last_rowversion, items.is_the_same("items")) == ("13", False)
    items.erp.before = lambda _: None
    second = await items.sync("items", "incremental")
    assert items.is_the_same("items")
    assert (second.last_rowversion, second.metrics.rows_fetched) == ("21", 2)


async def test_an_incremental_fetch_starts_at_the_watermark_inclusive(items: BridgeRuns) -> None:
    rows = items.erp.tables["items"] = [item(1, 10), item(2, 11)]
    await items.sync("items")
    rows.append(item(3, 11))
    batch = await items.sync("items", "incremental")
    assert items.is_the_same("items")
    assert (batch.metrics.rows_fetched, batch.metrics.rows_inserted, batch.metrics.rows_skipped) == (2, 1, 1)


async def test_an_overlap_reaches_back_for_rows_that_were_committed_late(bridge: BridgeRuns) -> None:
    await bridge.define("items", ["number"], options={"rowversion": {"kind": "integer", "overlap": 3}})
    rows = bridge.erp.tables["items"] = [item(1, 10), item(2, 20)]
    await bridge.sync("items")
    rows.append(item(3, 17))
    await bridge.sync("items", "incremental")
    assert bridge.is_the_same("items")


async def test_fewer_rows_than_the_source_said_are_not_passed_over(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(number) for number in range(4)]
    items.erp.lie = lambda total: None if total is None else total + (1 if len(items.erp.calls) == 3 else 0)
    batch = await items.sync("items", page_size=2)
    assert (batch.status, batch.error_code, batch.total_reported) == ("completed_with_errors", "TOTAL_DIFFERS", 5)


async def test_without_a_total_pages_end_with_a_short_one(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(number) for number in range(7)]
    items.erp.lie = lambda _: None
    batch = await items.sync("items", page_size=3)
    assert items.is_the_same("items")
    assert (batch.metrics.pages_fetched, batch.total_reported) == (3, None)


async def test_a_source_with_smaller_pages_of_its_own_is_read_to_its_end(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(number) for number in range(7)]
    items.erp.most = 2
    batch = await items.sync("items", page_size=5)
    assert items.is_the_same("items")
    assert batch.status == "completed"


async def test_rows_without_a_key_that_fill_a_page_end_the_batch(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [{"number": None, "rowversion": "1"} for _ in range(5)]
    with pytest.raises(SourceUnusable, match="without key"):
        await items.sync("items", page_size=3)


async def test_a_page_is_fetched_once(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1)]
    uid = await items.register("items")
    await items.activity(items.lifecycle.begin_batch, BatchRef(batch_uid=uid))
    page = PageRef(batch_uid=uid, page_no=1)
    first = await items.activity(items.fetch.fetch_page, page)
    calls = len(items.erp.calls)
    assert await items.activity(items.fetch.fetch_page, page) == first
    assert len(items.erp.calls) == calls


async def test_at_most_so_many_pages_are_no_full_sync(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(number) for number in range(9)]
    batch = await items.sync("items", page_size=3, max_pages=2)
    assert (batch.metrics.rows_fetched, batch.deletion_refused, batch.status) == (6, "NOT_FULL", "completed")
    assert batch.last_rowversion is None


async def test_a_source_without_rowversions_is_compared_by_hash(bridge: BridgeRuns) -> None:
    await bridge.define("sites", ["code"])
    bridge.erp.tables["sites"] = [{"code": "A", "town": "Rome"}, {"code": "B", "town": "Pisa"}]
    await bridge.sync("sites")
    bridge.erp.tables["sites"][1] = {"code": "B", "town": "Siena"}
    batch = await bridge.sync("sites", "incremental")
    assert bridge.is_the_same("sites")
    assert (batch.metrics.rows_updated, batch.metrics.rows_skipped, batch.last_rowversion) == (1, 1, None)
    assert Sort("rowversion", "desc") not in [sort for _, sort in bridge.erp.calls]


async def test_mapped_keys_and_rowversions_are_asked_for_by_their_names_at_the_source(bridge: BridgeRuns) -> None:
    mappings = [
        {"source_field": "ITEM_NO", "target_field": "number"},
        {"source_field": "ORA_ROWSCN", "target_field": "rowversion"},
    ]
    await bridge.define("items", ["number"], options=OPTIONS, mappings=mappings)
    bridge.erp.tables["items"] = [{"ITEM_NO": number, "ORA_ROWSCN": str(number)} for number in range(4)]
    batch = await bridge.sync("items", page_size=3)
    assert (batch.metrics.rows_inserted, batch.last_rowversion) == (4, "3")
    assert (await bridge.sync("items", "incremental")).metrics.rows_fetched == 1


async def a_night(bridge: BridgeRuns, schedule: UUID, after: str | None, page_size: int) -> Batch:
    """One page of a background schedule, from where the one before ended."""
    uid = await bridge.register("items", "background", page_size=page_size, max_pages=1)
    values = {"schedule_uid": schedule, "begins_after": after and {"at": after}}
    async with bridge.database.begin() as connection:
        await connection.execute(update(sync_batches).where(sync_batches.c.uid == uid).values(values))
    return await bridge.run(uid)


async def test_a_week_of_nights_leaves_the_watermark_of_its_first(items: BridgeRuns) -> None:
    """What changed behind the cursor meanwhile is for the incremental sync after it."""
    rows = items.erp.tables["items"] = [item(number, 10 + number) for number in range(6)]
    schedule = uuid4()
    assert (await a_night(items, schedule, None, 3)).last_rowversion is None
    rows[0], rows[5] = item(0, 90), item(5, 91)
    assert (await a_night(items, schedule, "P-002", 3)).last_rowversion == "15"
    await items.sync("items", "incremental")
    assert items.is_the_same("items")


async def test_a_row_that_failed_in_an_earlier_night_holds_the_watermark(bridge: BridgeRuns) -> None:
    await bridge.define("items", ["number"], options=OPTIONS, fields=[{"name": "price", "type": "NUMBER"}])
    bridge.erp.tables["items"] = [item(0, 10), item(1, 11, price="none"), item(2, 12)]
    schedule = uuid4()
    await a_night(bridge, schedule, None, 2)
    batch = await a_night(bridge, schedule, "P-001", 2)
    assert batch.last_rowversion == "11"
