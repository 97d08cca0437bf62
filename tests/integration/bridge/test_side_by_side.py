"""Pages side by side, attempts given up for dead, stops: one outcome for each row, and the hub is told in one order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError

from activities.bridge.errors import BatchClosed, BatchIncomplete, EntityDisabled, EntityUnknown, EntityUnusable
from clients.schedulehub import RowFailure
from tests.helpers.bridge_neighbours import FakeHub
from tests.helpers.bridge_runs import BridgeRuns
from workflows.bridge.contracts import BatchRef, PageCounts, PageRef

OPTIONS = {"rowversion": {"kind": "integer"}}


def item(number: str, rowversion: int = 1, **fields: Any) -> dict[str, Any]:
    return {"number": number, "rowversion": str(rowversion), **fields}


@pytest.fixture
async def items(bridge: BridgeRuns) -> BridgeRuns:
    await bridge.define("items", ["number"], options=OPTIONS)
    return bridge


async def fetched(bridge: BridgeRuns, pages: int, **changes: Any) -> list[PageRef]:
    """A batch whose pages wait to be processed."""
    uid = await bridge.register("items", **changes)
    await bridge.activity(bridge.lifecycle.begin_batch, BatchRef(batch_uid=uid))
    refs = [PageRef(batch_uid=uid, page_no=number + 1) for number in range(pages)]
    for ref in refs:
        await bridge.activity(bridge.fetch.fetch_page, ref)
    return refs


async def test_a_page_waits_for_another_that_has_one_of_its_keys(items: BridgeRuns) -> None:
    """ " A" and "A" are two rows for the source and one for us: the newer is to stand, whichever page comes first."""
    items.erp.tables["items"] = [item(" A", 5, name="old"), item("A", 7, name="new")]
    first, second = await fetched(items, 2, page_size=1)
    blocked: list[str | None] = []

    class Hub(FakeHub):
        async def insert(self, entity: str, records: Sequence[bytes]) -> list[RowFailure]:
            if not blocked:
                blocked.append(None)
                with pytest.raises(ApplicationError) as waiting:
                    await items.activity(items.process.process_page, first)
                blocked.append(waiting.value.type)
            return await super().insert(entity, records)

    items.hub = Hub()
    newer = await items.activity(items.process.process_page, second)
    older = await items.activity(items.process.process_page, first)
    assert blocked == [None, "KeysUnderWay"]
    assert (newer.inserted, older.skipped) == (1, 1)
    assert items.at_the_hub("items") == [item("A", 7, name="new")]


async def test_an_attempt_that_was_given_up_for_dead_cannot_commit(items: BridgeRuns) -> None:
    """Else its successor, which Temporal listens to, would be told that somebody else was there first."""
    items.erp.tables["items"] = [item("A")]
    [page] = await fetched(items, 1)
    second_tells, first_is_over = asyncio.Event(), asyncio.Event()
    successor: list[asyncio.Task[PageCounts]] = []

    class Hub(FakeHub):
        async def insert(self, entity: str, records: Sequence[bytes]) -> list[RowFailure]:
            if not successor:
                successor.append(asyncio.create_task(items.activity(items.process.process_page, page)))
                await second_tells.wait()
            else:
                second_tells.set()
                await first_is_over.wait()
            return await super().insert(entity, records)

    items.hub = Hub()
    with pytest.raises(BatchClosed):
        await items.activity(items.process.process_page, page)
    first_is_over.set()
    assert (await successor[0]).inserted == 1
    batch = await items.run(page.batch_uid)
    assert (batch.metrics.rows_inserted, batch.metrics.retries, items.is_the_same("items")) == (1, 1, True)


async def test_a_stopped_batch_commits_no_page_more(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item("A"), item("B")]
    first, second = await fetched(items, 2, page_size=1)
    await items.activity(items.process.process_page, first)
    await items.abort(first.batch_uid, "BATCH_CANCELLED", cancelled=True)
    with pytest.raises(BatchClosed):
        await items.activity(items.process.process_page, second)
    with pytest.raises(BatchClosed):
        await items.activity(items.fetch.fetch_page, PageRef(batch_uid=first.batch_uid, page_no=3))
    with pytest.raises(BatchClosed):
        await items.finish(first.batch_uid)
    batch = await items.batch(first.batch_uid)
    assert (batch.status, batch.error_code, batch.metrics.rows_inserted) == ("cancelled", "BATCH_CANCELLED", 1)
    assert batch.last_rowversion is None
    await items.abort(first.batch_uid, "BATCH_FAILED")
    assert (await items.batch(first.batch_uid)).status == "cancelled"
    assert (await items.sync("items")).metrics.rows_skipped == 1


async def test_a_batch_does_not_end_before_its_pages(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item("A"), item("B")]
    first, _ = await fetched(items, 2, page_size=1)
    await items.activity(items.process.process_page, first)
    with pytest.raises(BatchIncomplete):
        await items.finish(first.batch_uid)
    with pytest.raises(BatchIncomplete):
        await items.activity(items.process.process_page, PageRef(batch_uid=first.batch_uid, page_no=9))


async def test_a_change_of_configuration_in_the_middle_does_not_mix(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item("A"), item("B")]
    first, second = await fetched(items, 2, page_size=1)
    await items.activity(items.process.process_page, first)
    async with items.database.begin() as connection:
        mapping = (
            "INSERT INTO field_mappings (entity_name, source_field, target_field) VALUES ('items', 'number', 'no')"
        )
        await connection.execute(text(mapping))
    await items.activity(items.lifecycle.begin_batch, BatchRef(batch_uid=first.batch_uid))
    await items.activity(items.process.process_page, second)
    assert items.is_the_same("items")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("DELETE FROM entity_config", EntityUnknown),
        ("UPDATE entity_config SET source_system = 'another'", EntityUnknown),
        ("UPDATE entity_config SET sync_enabled = false", EntityDisabled),
        ("UPDATE entity_config SET business_key_fields = '[]'", EntityUnusable),
    ],
    ids=["deleted", "another source", "disabled", "no key"],
)
async def test_an_entity_that_cannot_be_synchronised_begins_no_batch(
    items: BridgeRuns, change: str, error: type[Exception]
) -> None:
    uid = await items.register("items")
    async with items.database.begin() as connection:
        await connection.execute(text(change))
    with pytest.raises(error):
        await items.activity(items.lifecycle.begin_batch, BatchRef(batch_uid=uid))


async def test_what_is_known_to_the_byte_is_not_read_again(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(f"P-{number:02d}") for number in range(12)]
    await items.sync("items", page_size=5)
    async with items.database.begin() as connection:
        # Were they read, they would differ.
        await connection.execute(text("UPDATE record_state SET data_hash = 'x', rowversion = '1'"))
    items.erp.tables["items"] = [item("A-00"), *items.erp.tables["items"][:7], *items.erp.tables["items"][8:]]
    batch = await items.sync("items", page_size=5)
    counted = batch.metrics
    assert (counted.rows_inserted, counted.rows_updated, counted.rows_deleted) == (1, 0, 1)
    assert (counted.rows_skipped, batch.last_rowversion, counted.conserved) == (11, "1", True)


async def test_a_row_that_went_back_to_what_it_was_is_told(bridge: BridgeRuns) -> None:
    """Its bytes are those of the last full sync, but the hub was told otherwise since."""
    await bridge.define("sites", ["code"])
    old, new = [{"code": "A", "town": "Rome"}], [{"code": "A", "town": "Pisa"}]
    for rows, sync_type in ((old, "full"), (new, "incremental"), (old, "full")):
        bridge.erp.tables["sites"] = rows
        await bridge.sync("sites", sync_type)
        assert bridge.is_the_same("sites")


async def test_another_configuration_reads_every_row_again(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item("A", price="5")]
    await items.sync("items")
    async with items.database.begin() as connection:
        await connection.execute(text("""UPDATE entity_config SET fields = '[{"name": "price", "type": "NUMBER"}]'"""))
    assert (await items.sync("items")).metrics.rows_updated == 1
    assert items.at_the_hub("items") == [item("A", price=5)]


async def test_rows_that_were_read_and_found_unchanged_are_not_read_a_second_time(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(f"P-{number}") for number in range(4)]
    await items.sync("items")
    async with items.database.begin() as connection:
        await connection.execute(text("""UPDATE entity_config SET fields = '[{"name": "colour", "type": "CHAR"}]'"""))
    assert (await items.sync("items")).metrics.rows_skipped == 4
    async with items.database.begin() as connection:
        # Were they read, they would differ.
        await connection.execute(text("UPDATE record_state SET data_hash = 'x'"))
    assert (await items.sync("items")).metrics.rows_skipped == 4


async def test_a_known_row_after_another_with_its_key_stands(bridge: BridgeRuns) -> None:
    """Without rowversions the later row of a page stands: here the known one, and the hub is told nothing."""
    await bridge.define("sites", ["code"])
    bridge.erp.tables["sites"] = [{"code": "A", "town": "Rome"}]
    await bridge.sync("sites")
    bridge.erp.tables["sites"].insert(0, {"code": " A", "town": "Pisa"})
    batch = await bridge.sync("sites", page_size=5)
    assert (batch.metrics.rows_updated, batch.metrics.rows_skipped) == (0, 2)
    assert bridge.at_the_hub("sites") == [{"code": "A", "town": "Rome"}]
