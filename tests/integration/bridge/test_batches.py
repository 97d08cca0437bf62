"""Whole batches: what the ERP holds is what the hub holds afterwards, and every row is accounted for (law L6)."""

from __future__ import annotations

from typing import Any

from tests.helpers.bridge_runs import BridgeRuns

INTEGER = {"rowversion": {"kind": "integer"}}


def items(*numbers: int, rowversion: int = 1, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"number": f"P-{number:04d}", "rowversion": str(rowversion), "name": "bolt", **fields} for number in numbers
    ]


async def test_everything_arrives_and_a_second_sync_finds_nothing_to_do(bridge: BridgeRuns) -> None:
    await bridge.define("items", ["number"], options=INTEGER)
    bridge.erp.tables["items"] = items(*range(10))
    first = await bridge.sync("items")
    assert bridge.is_the_same("items")
    assert (first.status, first.metrics.rows_inserted, first.metrics.pages_fetched) == ("completed", 10, 4)
    assert first.metrics.conserved
    writes = len(bridge.hub.writes)
    second = await bridge.sync("items")
    assert (second.metrics.rows_skipped, second.metrics.rows_inserted, len(bridge.hub.writes)) == (10, 0, writes)


async def test_exactly_the_changes_arrive(bridge: BridgeRuns) -> None:
    await bridge.define("items", ["number"], options=INTEGER)
    bridge.erp.tables["items"] = items(*range(30))
    await bridge.sync("items")
    written = len(bridge.hub.writes)
    bridge.erp.tables["items"] = items(*range(4, 29)) + items(29, rowversion=2, colour="red") + items(40)
    again = await bridge.sync("items", force=True)
    assert bridge.is_the_same("items")
    assert sorted(what for what, _ in bridge.hub.writes[written:]) == ["delete"] * 4 + ["insert", "update"]
    assert (again.metrics.rows_inserted, again.metrics.rows_updated, again.metrics.rows_deleted) == (1, 1, 4)
    assert again.metrics.rows_skipped == 25
    assert await bridge.live_rows("items") == 27
