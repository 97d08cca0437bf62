"""A retry takes each row up at the stage that failed it, with what was kept of it, and obeys the mapping of today."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.helpers.bridge_runs import BridgeRuns

OPTIONS = {"rowversion": {"kind": "integer"}}
FIELDS = [{"name": "price", "type": "NUMBER"}, {"name": "due", "type": "DATE", "date_order": "dmy"}]
COLOUR = {"source_field": "colour", "target_field": "colour", "is_required": True}
# What came is spoilt: only who does not read it again can use the row.
SPOIL = text("""UPDATE failed_records SET raw = '{"number":"spoilt"}'""")


def item(number: int, **fields: Any) -> dict[str, Any]:
    return {"number": f"P-{number}", "rowversion": "1", "colour": "red", "due": "24/12/2025", **fields}


@pytest.fixture
async def items(bridge: BridgeRuns) -> BridgeRuns:
    await bridge.define("items", ["number"], options=OPTIONS, fields=FIELDS, mappings=[COLOUR])
    return bridge


async def change(bridge: BridgeRuns, statement: str) -> None:
    async with bridge.database.begin() as connection:
        await connection.execute(text(statement))


async def test_a_row_that_the_hub_refused_is_told_as_it_was_mapped(items: BridgeRuns) -> None:
    items.hub.refuse = lambda _: "refused"
    items.erp.tables["items"] = [item(1, price="1.50"), item(2, price="2")]
    await items.sync("items")
    await change(items, SPOIL.text)
    items.hub.refuse = lambda _: None
    retry = await items.sync("items", "retry")
    assert (retry.metrics.rows_fetched, retry.metrics.rows_inserted, retry.status) == (2, 2, "completed")
    told = [(row["number"], row["price"], row["due"]) for row in items.at_the_hub("items")]
    assert sorted(told) == [("P-1", 1.5, "2025-12-24"), ("P-2", 2, "2025-12-24")]
    assert all(letter["resolved_at"] for letter in await items.letters())
    # To every later sync the row is what all stages would have made of it.
    again = await items.sync("items", "full")
    assert (again.metrics.rows_skipped, again.metrics.rows_failed) == (2, 0)


async def test_a_row_is_mapped_anew_where_the_mapping_is_another(items: BridgeRuns) -> None:
    items.hub.refuse = lambda record: "refused" if record["colour"] == "red" else None
    items.erp.tables["items"] = [item(1)]
    await items.sync("items")
    assert (await items.sync("items", "retry")).metrics.rows_failed == 1
    await change(items, "UPDATE field_mappings SET transformation = 'uppercase'")
    retry = await items.sync("items", "retry")
    assert (retry.metrics.rows_inserted, items.hub.rows("items")[0]["colour"]) == (1, "RED")


async def test_a_row_that_a_rule_refused_is_asked_again_and_not_read_again(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1, colour=None), item(2, colour=None)]
    await items.sync("items")
    await change(items, SPOIL.text)
    assert (await items.sync("items", "retry")).metrics.rows_failed == 2
    await change(items, "UPDATE field_mappings SET default_value = '\"grey\"'::jsonb")
    retry = await items.sync("items", "retry")
    assert (retry.metrics.rows_inserted, retry.metrics.rows_failed) == (2, 0)
    assert [(row["number"], row["colour"]) for row in items.at_the_hub("items")] == [("P-1", "grey"), ("P-2", "grey")]


async def test_a_row_whose_values_are_read_otherwise_today_starts_over(items: BridgeRuns) -> None:
    items.hub.refuse = lambda record: "refused" if record["due"] == "2025-12-24" else None
    items.erp.tables["items"] = [item(1)]
    await items.sync("items")
    await change(items, "UPDATE entity_config SET fields = '[]'")
    retry = await items.sync("items", "retry")
    assert (retry.metrics.rows_inserted, items.hub.rows("items")[0]["due"]) == (1, "24/12/2025")


async def test_a_child_that_was_given_up_is_resolved_again_and_not_read_again(bridge: BridgeRuns) -> None:
    await bridge.define("sites", ["site"], options=OPTIONS)
    home = {"home": {"parent_entity": "sites", "fields": {"site": "site"}}}
    await bridge.define("items", ["number"], options=OPTIONS, parent_refs_config=home)
    bridge.erp.tables["items"] = [{"number": "P-1", "rowversion": "1", "site": "S"}]
    await bridge.sync("items")
    for _ in range(5):
        await change(bridge, "UPDATE pending_children SET next_retry_at = now()")
        await bridge.run_due()
    [letter] = await bridge.letters()
    assert (letter["stage"], letter["resolved_at"]) == ("resolve", None)
    await change(bridge, SPOIL.text)
    bridge.erp.tables["sites"] = [{"site": "S", "rowversion": "1"}]
    await bridge.sync("sites")
    retry = await bridge.sync("items", "retry")
    assert (retry.metrics.rows_inserted, bridge.is_the_same("items")) == (1, True)


async def test_a_retry_that_dies_before_its_outcome_is_noted_goes_on_alike(items: BridgeRuns) -> None:
    items.hub.refuse = lambda _: "refused"
    items.erp.tables["items"] = [item(number) for number in range(4)]
    await items.sync("items")
    items.hub.refuse = lambda _: None
    items.hub.lose_after = {len(items.hub.calls)}
    retry = await items.sync("items", "retry", page_size=2)
    assert (retry.metrics.rows_fetched, retry.metrics.rows_inserted, retry.metrics.retries) == (4, 4, 1)
    assert len(items.hub.rows("items")) == 4
