"""Deletions only when they are certain: a complete full sync, and not too much at once without a person's word."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from db.bridge import records
from db.bridge.record_state import Scope
from tests.helpers.bridge_runs import BridgeRuns

OPTIONS = {"rowversion": {"kind": "integer"}}


def item(number: int, **fields: Any) -> dict[str, Any]:
    return {"number": f"P-{number:03d}", "rowversion": "1", **fields}


@pytest.fixture
async def items(bridge: BridgeRuns) -> BridgeRuns:
    """Twenty rows are known."""
    price = {"name": "price", "type": "NUMBER"}
    await bridge.define("items", ["number"], options=OPTIONS, fields=[price])
    bridge.erp.tables["items"] = [item(number) for number in range(20)]
    await bridge.sync("items", page_size=10)
    return bridge


async def test_what_is_gone_is_deleted_there_and_kept_here_as_deleted(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(number) for number in range(2, 20)]
    batch = await items.sync("items")
    assert (batch.status, batch.metrics.rows_deleted, items.is_the_same("items")) == ("completed", 2, True)
    items.erp.tables["items"].insert(0, item(1))
    again = await items.sync("items")
    assert (again.metrics.rows_inserted, again.metrics.rows_deleted, items.is_the_same("items")) == (1, 0, True)


async def test_more_than_a_tenth_needs_a_persons_word(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(number) for number in range(3, 20)]
    refused = await items.sync("items")
    assert (refused.status, refused.error_code, refused.deletion_refused) == (
        "completed_with_errors",
        "SHRUNK",
        "SHRUNK",
    )
    assert len(items.at_the_hub("items")) == await items.live_rows("items") == 20
    forced = await items.sync("items", force=True)
    assert (forced.status, forced.metrics.rows_deleted, items.is_the_same("items")) == ("completed", 3, True)


async def test_an_incremental_sync_deletes_nothing(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(3)]
    batch = await items.sync("items", "incremental", force=True)
    assert (batch.status, batch.deletion_refused, len(items.at_the_hub("items"))) == ("completed", None, 20)


async def test_a_failed_row_is_not_gone(items: BridgeRuns) -> None:
    items.erp.tables["items"][5] = item(5, price="none")
    batch = await items.sync("items", force=True)
    assert (batch.metrics.rows_failed, batch.metrics.rows_deleted, batch.deletion_refused) == (1, 0, None)
    assert len(items.at_the_hub("items")) == 20


@pytest.mark.parametrize(
    ("reason", "told"),
    [("TOTAL_UNKNOWN", lambda _: None), ("INCOMPLETE", lambda total: total + 1)],
    ids=["TOTAL_UNKNOWN", "INCOMPLETE"],
)
async def test_a_source_that_cannot_be_believed_loses_nothing(items: BridgeRuns, reason: str, told: Any) -> None:
    items.erp.tables["items"] = [item(number) for number in range(1, 20)]
    items.erp.lie = told
    batch = await items.sync("items", page_size=50, force=True)
    assert (batch.status, batch.error_code, batch.deletion_refused) == ("completed_with_errors", reason, reason)
    assert len(items.at_the_hub("items")) == 20


async def test_rows_without_key_and_keys_that_come_twice_forbid_it(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [*(item(number) for number in range(1, 20)), {"number": None, "rowversion": "1"}]
    batch = await items.sync("items", page_size=50, force=True)
    assert batch.deletion_refused == "KEYS_UNKNOWN"
    # One key for us, two rows for the source, in pages of their own.
    items.erp.tables["items"] = [*(item(number) for number in range(1, 20)), {"number": " P-019", "rowversion": "1"}]
    batch = await items.sync("items", page_size=10, force=True)
    assert (batch.deletion_refused, batch.error_code) == ("KEYS_REPEATED", "KEYS_REPEATED")
    assert len(items.at_the_hub("items")) == 20


async def test_what_the_hub_keeps_is_tried_again(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(number) for number in range(1, 20)]
    items.hub.refuse = lambda record: "refused" if record.get("deleting") else None
    batch = await items.sync("items")
    assert (batch.status, batch.error_code, batch.metrics.rows_deleted) == ("completed_with_errors", "HUB_KEPT_ROWS", 0)
    items.hub.refuse = lambda _: None
    assert (await items.sync("items")).metrics.rows_deleted == 1
    assert items.is_the_same("items")


async def test_a_dry_run_tells_what_would_be_and_does_nothing(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [
        *(item(number) for number in range(1, 19)),
        item(19, name="x"),
        item(30),
        item(31, price="?"),
    ]
    items.erp.tables["items"][18]["rowversion"] = "2"
    writes = len(items.hub.writes)
    batch = await items.sync("items", dry_run=True, page_size=10)
    counted = batch.metrics
    assert (counted.rows_inserted, counted.rows_updated, counted.rows_deleted, counted.rows_failed) == (1, 1, 1, 1)
    assert counted.conserved
    assert (len(items.hub.writes), await items.live_rows("items"), await items.letters()) == (writes, 20, [])
    sample = await items.column(batch.uid, "sample")
    assert sorted(one["change"] for one in sample) == ["failed", "insert", "update"]
    assert [one["record"]["number"] for one in sample if one["change"] == "update"] == ["P-019"]


async def test_two_sources_of_one_name_know_nothing_of_each_other(items: BridgeRuns) -> None:
    """State and watermark are a source's own."""
    async with items.database.begin() as connection:
        await connection.execute(text("UPDATE entity_config SET source_system = 'other'"))
    items.erp.tables["items"] = [item(0)]
    batch = await items.sync("items", source_system="other", force=True)
    assert (batch.metrics.rows_inserted, batch.metrics.rows_deleted) == (1, 0)
    assert await items.live_rows("items") == 21


async def test_a_dry_run_lists_what_it_would_delete_and_deletes_nothing(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(number) for number in range(2, 20)]
    batch = await items.sync("items", dry_run=True)
    scope = Scope("erp", "items")
    async with items.database.begin() as connection:
        listed, total = await records.planned_page(connection, batch.uid, scope, limit=1, offset=1)
        all_listed, _ = await records.planned_page(connection, batch.uid, scope, limit=10, offset=0)
    gone = {record["erp_key_hash"]: record for record in items.hub.rows("items") if record["number"] < "P-002"}
    assert {one.bk_hash.hex() for one in all_listed} == gone.keys()
    assert (total, batch.metrics.rows_deleted, listed) == (2, 2, all_listed[1:])
    assert [one.rowversion for one in all_listed] == ["1", "1"]
    assert len(items.at_the_hub("items")) == 20
    # What the guard would refuse is not listed as if it went.
    items.erp.tables["items"] = []
    refused = await items.sync("items", dry_run=True)
    async with items.database.begin() as connection:
        assert (await records.planned_page(connection, refused.uid, scope, limit=1, offset=0))[1] == 0
