"""Children wait for their parents, go when they come, and are given up with a letter when they never do (law L3)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.helpers.bridge_runs import BridgeRuns

OPTIONS = {"rowversion": {"kind": "integer"}}
LATER = text("UPDATE pending_children SET next_retry_at = now() WHERE next_retry_at IS NOT NULL")
WAIT = text(
    "SELECT round(extract(epoch FROM next_retry_at - coalesce(last_retry_at, created_at)) / 60)"
    " FROM pending_children WHERE resolved_at IS NULL"
)


def refs(**parents: str) -> dict[str, Any]:
    return {ref: {"parent_entity": entity, "fields": {"code": ref}} for ref, entity in parents.items()}


@pytest.fixture
async def family(bridge: BridgeRuns) -> BridgeRuns:
    """Orders have a site and, some of them, a customer."""
    await bridge.define("sites", ["code"], options=OPTIONS)
    await bridge.define("customers", ["code"], options=OPTIONS)
    await bridge.define(
        "orders", ["number"], options=OPTIONS, parent_refs_config=refs(site="sites", customer="customers")
    )
    return bridge


def order(number: int, site: str | None = None, customer: str | None = None, rowversion: int = 1) -> dict[str, Any]:
    return {"number": number, "site": site, "customer": customer, "rowversion": rowversion}


def parent(code: str) -> dict[str, Any]:
    return {"code": code, "rowversion": 1}


async def open_waits(bridge: BridgeRuns) -> list[str]:
    return sorted(wait["ref"] for wait in await bridge.waits() if wait["resolved_at"] is None)


async def test_children_go_when_the_last_of_their_parents_has_come(family: BridgeRuns) -> None:
    family.erp.tables["orders"] = [order(1, "A", "X"), order(2)]
    first = await family.sync("orders")
    assert (first.metrics.rows_pending, first.metrics.rows_inserted, first.status) == (1, 1, "completed")
    assert await open_waits(family) == ["customer", "site"]
    family.erp.tables["sites"] = [parent("A")]
    await family.sync("sites")
    [still] = await family.run_due()
    assert (still.sync_type, still.metrics.rows_pending, await open_waits(family)) == ("children", 1, ["customer"])
    family.erp.tables["customers"] = [parent("X")]
    await family.sync("customers")
    [gone] = await family.run_due()
    assert (gone.metrics.rows_inserted, await open_waits(family)) == (1, [])
    assert family.is_the_same("orders")
    [record] = [one for one in family.hub.rows("orders") if one["number"] == 1]
    assert set(record["parent_refs"]) == {"site", "customer"}


async def test_a_child_whose_parents_are_there_does_not_wait(family: BridgeRuns) -> None:
    family.erp.tables["sites"], family.erp.tables["orders"] = [parent("A")], [order(1, "A")]
    await family.sync("sites")
    assert (await family.sync("orders")).metrics.rows_inserted == 1
    assert await family.waits() == []


async def test_nothing_is_due_before_its_time_unless_a_parent_comes(family: BridgeRuns) -> None:
    family.erp.tables["orders"] = [order(1, "A")]
    await family.sync("orders")
    family.erp.tables["sites"] = [parent("B")]
    await family.sync("sites")
    assert await family.run_due() == []


async def test_the_newest_state_of_a_waiting_child_is_told(family: BridgeRuns) -> None:
    for version in (1, 2):
        family.erp.tables["orders"] = [order(1, "A", rowversion=version)]
        await family.sync("orders")
    family.erp.tables["sites"] = [parent("A")]
    await family.sync("sites")
    await family.run_due()
    assert family.at_the_hub("orders") == [order(1, "A", rowversion=2)]


async def test_a_later_sync_takes_a_waiting_child_along(family: BridgeRuns) -> None:
    family.erp.tables["orders"] = [order(1, "A")]
    await family.sync("orders")
    family.erp.tables["sites"] = [parent("A")]
    await family.sync("sites")
    assert (await family.sync("orders")).metrics.rows_inserted == 1
    assert await open_waits(family) == []
    assert await family.run_due() == []


async def test_a_waiting_child_that_is_gone_from_the_source_waits_no_longer(family: BridgeRuns) -> None:
    family.erp.tables["orders"] = [order(1, "A"), order(2)]
    await family.sync("orders")
    family.erp.tables["orders"] = [order(2)]
    await family.sync("orders")
    assert await open_waits(family) == []


async def test_a_parent_that_never_comes_is_waited_for_five_times(family: BridgeRuns) -> None:
    family.erp.tables["orders"] = [order(1, "A")]
    await family.sync("orders")
    waits, batches = [], []
    for _ in range(5):
        async with family.database.begin() as connection:
            waits.append(await connection.scalar(WAIT))
            await connection.execute(LATER)
        batches += await family.run_due()
    assert waits == [5, 10, 20, 40, 60]
    assert [batch.metrics.rows_pending for batch in batches] == [1, 1, 1, 1, 0]
    assert (batches[-1].metrics.rows_failed, batches[-1].status) == (1, "completed_with_errors")
    [letter] = await family.letters()
    assert (letter["stage"], letter["error_type"], letter["resolved_at"]) == ("resolve", "PARENT_MISSING", None)
    assert await open_waits(family) == []
    # The letter leads back: with the parent there, a retry tells the child.
    family.erp.tables["sites"] = [parent("A")]
    await family.sync("sites")
    assert (await family.sync("orders", "retry")).metrics.rows_inserted == 1
    assert family.is_the_same("orders")


async def test_each_wait_has_its_own_number_of_tries(family: BridgeRuns) -> None:
    family.erp.tables["orders"] = [order(1, "A")]
    await family.sync("orders")
    async with family.database.begin() as connection:
        await connection.execute(text("UPDATE pending_children SET max_retries = 1"))
        await connection.execute(LATER)
    [batch] = await family.run_due()
    assert batch.metrics.rows_failed == 1


async def test_a_parent_that_the_hub_misses_is_waited_for_too(family: BridgeRuns) -> None:
    family.erp.tables["sites"], family.erp.tables["orders"] = [parent("A")], [order(1, "A"), order(2)]
    await family.sync("sites")
    family.hub.refuse = lambda _: "not_found"
    batch = await family.sync("orders")
    assert (batch.metrics.rows_pending, batch.metrics.rows_failed) == (1, 1)
    assert await open_waits(family) == ["site"]
    family.hub.refuse = lambda _: None
    async with family.database.begin() as connection:
        await connection.execute(LATER)
    await family.run_due()
    assert await open_waits(family) == []


async def test_due_batches_come_parents_first_and_once(family: BridgeRuns) -> None:
    await family.define(
        "lines",
        ["number"],
        options=OPTIONS,
        parent_refs_config={"order": {"parent_entity": "orders", "fields": {"number": "order"}}},
    )
    family.erp.tables["lines"], family.erp.tables["orders"] = (
        [{"number": 1, "order": 1, "rowversion": 1}],
        [order(1, "A")],
    )
    await family.sync("lines")
    await family.sync("orders")
    family.erp.tables["sites"] = [parent("A")]
    await family.sync("sites")
    async with family.database.begin() as connection:
        await connection.execute(LATER)
    batches = await family.run_due()
    assert [(batch.entity_name, batch.metrics.rows_inserted) for batch in batches] == [("orders", 1), ("lines", 1)]


async def test_a_repeated_look_answers_the_same_batches(family: BridgeRuns) -> None:
    family.erp.tables["orders"] = [order(1, "A")]
    await family.sync("orders")
    async with family.database.begin() as connection:
        await connection.execute(LATER)
    assert await family.due_batches() == await family.due_batches() != []


async def test_more_children_than_a_page_holds(family: BridgeRuns) -> None:
    family.erp.tables["orders"] = [order(number, "A") for number in range(7)]
    await family.sync("orders")
    family.erp.tables["sites"] = [parent("A")]
    await family.sync("sites")
    batch = await family.sync("orders", "children", page_size=3)
    assert (batch.metrics.rows_inserted, batch.metrics.pages_fetched) == (7, 3)
    assert family.is_the_same("orders")
