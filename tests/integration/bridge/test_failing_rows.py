"""A row that fails is never lost: it has a dead letter, its kind of hope, and the watermark waits for it (law L3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from db.bridge import records
from tests.helpers.bridge_runs import BridgeRuns

OPTIONS = {"rowversion": {"kind": "integer"}}
PRICE = {"name": "price", "type": "NUMBER"}
LATER = text("UPDATE failed_records SET next_retry_at = now() WHERE next_retry_at IS NOT NULL")
WAIT = text("SELECT round(extract(epoch FROM next_retry_at - updated_at) / 60) FROM failed_records")


def item(number: int, rowversion: int = 1, **fields: Any) -> dict[str, Any]:
    return {"number": f"P-{number}", "rowversion": str(rowversion), **fields}


@pytest.fixture
async def items(bridge: BridgeRuns) -> BridgeRuns:
    await bridge.define("items", ["number"], options=OPTIONS, fields=[PRICE])
    return bridge


async def declare(bridge: BridgeRuns, fields: str) -> None:
    async with bridge.database.begin() as connection:
        await connection.execute(text("UPDATE entity_config SET fields = cast(:fields AS jsonb)"), {"fields": fields})


async def test_each_stage_says_what_was_wrong_and_keeps_the_row(bridge: BridgeRuns) -> None:
    mappings = [{"source_field": "colour", "target_field": "colour", "is_required": True}]
    await bridge.define("items", ["number"], options=OPTIONS, fields=[PRICE], mappings=mappings)
    bridge.erp.tables["items"] = [
        item(1, price="none", colour="red"),
        item(2),
        {"number": "", "rowversion": "1", "colour": "red"},
        item(4, colour="refused"),
        item(5, colour="red"),
    ]
    bridge.hub.refuse = lambda record: "refused" if record.get("colour") == "refused" else None
    batch = await bridge.sync("items", page_size=10)
    letters = {letter["stage"]: letter for letter in await bridge.letters()}
    assert {stage: letter["error_type"] for stage, letter in letters.items()} == {
        "normalize": "NOT_A_NUMBER",
        "validate": "REQUIRED",
        "identity": "KEY_MISSING",
        "ingest": "REFUSED",
    }
    assert letters["identity"]["subject"].startswith("erp/items/row:")
    assert letters["ingest"]["mapped"] == item(4, colour="refused")
    assert letters["normalize"]["raw"] == b'{"number":"P-1","rowversion":"1","price":"none","colour":"red"}'
    assert letters["normalize"]["mapped"] is None
    # Only what the hub refused can go by itself later.
    assert {stage for stage, letter in letters.items() if letter["next_retry_at"]} == {"ingest"}
    metrics = batch.metrics
    stages = metrics.rows_fetched, metrics.rows_normalized, metrics.rows_validated, metrics.rows_identified
    assert (*stages, metrics.rows_inserted, metrics.rows_failed) == (5, 4, 3, 2, 1, 4)
    assert batch.status == "completed_with_errors"


async def test_the_watermark_waits_for_the_row_that_failed(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1, 10), item(2, 20, price="none"), item(3, 30)]
    assert (await items.sync("items")).last_rowversion == "20"
    items.erp.tables["items"][1] = item(2, 20, price="7")
    batch = await items.sync("items", "incremental")
    assert (batch.last_rowversion, batch.metrics.rows_inserted, batch.status) == ("30", 1, "completed")
    [letter] = await items.letters()
    assert letter["resolved_by"] == f"batch {batch.uid}"


async def test_one_open_letter_per_row_whatever_stage_and_however_often(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1, price="none")]
    first = await items.sync("items")
    await items.sync("items")
    items.hub.refuse = lambda _: "refused"
    items.erp.tables["items"] = [item(1)]
    last = await items.sync("items")
    [letter] = await items.letters()
    assert (letter["stage"], letter["retries"], letter["resolved_at"]) == ("ingest", 2, None)
    assert letter["operation_id"] == str(last.uid) != str(first.uid)


async def test_a_row_that_is_gone_leaves_no_open_letter(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1), {"number": None, "rowversion": "1"}]
    await items.sync("items", page_size=5)
    items.erp.tables["items"] = [item(1)]
    batch = await items.sync("items")
    [letter] = await items.letters()
    assert letter["resolved_by"] == f"batch {batch.uid}: gone"


async def test_a_retry_replays_with_the_configuration_of_today_and_counts_truly(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1, price="none"), item(2, price="also none"), item(3, day="soon")]
    await items.sync("items")
    await declare(items, '[{"name": "day", "type": "DATE"}]')
    items.erp.tables["items"][0:0] = [item(0, day="never")]
    await items.sync("items")
    retry = await items.sync("items", "retry", page_size=2)
    counted = retry.metrics
    assert (counted.rows_fetched, counted.rows_skipped, counted.rows_failed) == (2, 0, 2)
    await declare(items, "[]")
    retry = await items.sync("items", "retry", page_size=1)
    counted = retry.metrics
    assert (counted.rows_fetched, counted.rows_inserted, counted.rows_skipped) == (2, 1, 1)
    assert retry.status == "completed"
    assert items.is_the_same("items")
    assert all(letter["resolved_at"] for letter in await items.letters())


async def test_a_letter_without_key_is_renamed_when_its_key_is_known(bridge: BridgeRuns) -> None:
    await bridge.define("items", ["code"], options=OPTIONS, fields=[PRICE])
    bridge.erp.tables["items"] = [{"code": None, "number": "P-1", "rowversion": "1", "price": "none"}]
    await bridge.sync("items", page_size=5)
    async with bridge.database.begin() as connection:
        await connection.execute(text("UPDATE entity_config SET business_key_fields = '[\"number\"]'"))
    assert (await bridge.sync("items", "retry")).metrics.rows_failed == 1
    [letter] = await bridge.letters()
    assert ("row:" in letter["subject"], letter["retries"]) == (False, 1)
    await declare(bridge, "[]")
    assert (await bridge.sync("items", "retry")).metrics.rows_inserted == 1
    assert [letter["resolved_by"] is not None for letter in await bridge.letters()] == [True]


async def test_letters_that_turn_out_to_be_about_one_row_do_not_stop_a_retry(bridge: BridgeRuns) -> None:
    await bridge.define("items", ["code"], options=OPTIONS, fields=[PRICE])
    row = {"code": None, "number": "P-1", "rowversion": "1"}
    bridge.erp.tables["items"] = [{**row, "price": "none"}, {**row, "price": "also none"}]
    await bridge.sync("items", page_size=5)
    async with bridge.database.begin() as connection:
        await connection.execute(text("UPDATE entity_config SET business_key_fields = '[\"number\"]'"))
    assert (await bridge.sync("items", "retry")).metrics.rows_failed == 2
    assert sorted("row:" in letter["subject"] for letter in await bridge.letters()) == [False, True]
    await declare(bridge, "[]")
    counted = (await bridge.sync("items", "retry")).metrics
    assert (counted.rows_inserted, counted.rows_skipped) == (1, 1)
    assert all(letter["resolved_at"] for letter in await bridge.letters())


async def test_an_older_state_in_a_letter_does_not_undo_a_newer_one(items: BridgeRuns) -> None:
    items.hub.refuse = lambda record: "refused" if record["rowversion"] == "5" else None
    items.erp.tables["items"] = [item(1, 5, name="old")]
    await items.sync("items")
    async with items.database.begin() as connection:
        await connection.execute(text("UPDATE failed_records SET subject = 'erp/items/elsewhere'"))
    items.hub.refuse = lambda _: None
    items.erp.tables["items"] = [item(1, 6, name="new")]
    await items.sync("items", "incremental")
    retry = await items.sync("items", "retry")
    assert retry.metrics.rows_skipped == 1
    assert items.is_the_same("items")


async def test_what_the_hub_refused_goes_by_itself_after_one_two_and_four_minutes(items: BridgeRuns) -> None:
    items.hub.refuse = lambda _: "refused"
    items.erp.tables["items"] = [item(1)]
    await items.sync("items")
    waits = []
    for _ in range(4):
        assert await items.run_due() == []
        async with items.database.begin() as connection:
            waits.append(await connection.scalar(WAIT))
            await connection.execute(LATER)
        await items.run_due()
    assert waits == [1, 2, 4, None]
    [letter] = await items.letters()
    assert (letter["retries"], letter["next_retry_at"], letter["resolved_at"]) == (3, None, None)
    # Exhausted is not lost: a person may still ask.
    items.hub.refuse = lambda _: None
    assert (await items.sync("items", "retry")).metrics.rows_inserted == 1


async def test_each_letter_has_its_own_number_of_tries(items: BridgeRuns) -> None:
    items.hub.refuse = lambda _: "refused"
    items.erp.tables["items"] = [item(1), item(2)]
    await items.sync("items")
    async with items.database.begin() as connection:
        await connection.execute(text("UPDATE failed_records SET max_retries = 1 WHERE id % 2 = 0"))
        await connection.execute(LATER)
    await items.run_due()
    assert sorted(bool(letter["next_retry_at"]) for letter in await items.letters()) == [False, True]


async def test_a_selection_narrows(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1, price="none"), item(2, price="none"), item(3, price="none")]
    await items.sync("items")
    ids = [letter["id"] for letter in await items.letters()]
    some = await items.sync("items", "retry", selection={"letter_ids": ids[:2]})
    assert some.metrics.rows_fetched == 2
    fewer_tries = await items.sync("items", "retry", selection={"max_retries": 1})
    assert fewer_tries.metrics.rows_fetched == 1
    of_batch = await items.sync("items", "retry", selection={"batch_uid": str(some.uid)})
    assert of_batch.metrics.rows_fetched == 2
    assert (await items.sync("items", "retry", selection={"due": True})).metrics.rows_fetched == 0


@pytest.mark.parametrize("note", [b'"\\ud800"', b'"\xff"', b'["\\u0000"]'], ids=["surrogate", "no UTF-8", "zero"])
async def test_a_text_that_cannot_be_kept_spoils_its_row_alone(items: BridgeRuns, note: bytes) -> None:
    raw = b'{"number":"P-1","rowversion":"1","note":%b, "a\\u0000b":"a\\u0000b"}' % note
    items.erp.raw["items"] = [raw, b'{"number":"P-2","rowversion":"2"}']
    items.erp.tables["items"] = [item(1), item(2, 2)]
    batch = await items.sync("items")
    assert (batch.metrics.rows_inserted, batch.metrics.rows_failed) == (1, 1)
    [letter] = await items.letters()
    assert (letter["stage"], letter["raw"]) == ("normalize", raw)


async def test_a_value_that_comes_again_in_a_later_page_fails(bridge: BridgeRuns) -> None:
    mappings = [{"source_field": "ean", "target_field": "ean", "validation_rule": [{"type": "unique_in_batch"}]}]
    await bridge.define("items", ["number"], options=OPTIONS, mappings=mappings)
    bridge.erp.tables["items"] = [item(1, ean="a"), item(2, ean="b"), item(3, ean="a"), item(4, ean="c")]
    for _ in range(2):
        batch = await bridge.sync("items", page_size=1)
        assert batch.metrics.rows_failed == 1
        [letter] = await bridge.letters()
        assert (letter["error_type"], letter["normalized"]["number"]) == ("REPEATED", "P-3")


async def test_a_record_that_vanished_from_the_hub_comes_back(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1), item(2)]
    await items.sync("items")
    items.hub.records["items"].clear()
    items.erp.tables["items"] = [item(1, 2), item(2)]
    batch = await items.sync("items")
    assert (batch.metrics.rows_updated, batch.metrics.rows_skipped) == (1, 1)
    assert items.at_the_hub("items") == [item(1, 2)]


async def test_a_record_that_is_there_already_is_updated(items: BridgeRuns) -> None:
    """As after a crash, or where a target held the rows before the bridge came."""
    items.erp.tables["items"] = [item(1), item(2)]
    await items.sync("items")
    async with items.database.begin() as connection:
        await connection.execute(text("TRUNCATE record_state"))
    items.erp.tables["items"] = [item(1, 2, name="new"), item(2)]
    batch = await items.sync("items")
    assert (batch.metrics.rows_inserted, items.is_the_same("items")) == (2, True)
    assert len(items.hub.rows("items")) == 2


async def test_at_most_a_thousand_records_go_in_one_call(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(number) for number in range(2_500)]
    await items.sync("items", page_size=2_500)
    assert [size for what, size in items.hub.calls if what == "insert"] == [1_000, 1_000, 500]
    items.erp.tables["items"] = [item(number, 2) for number in range(2_500)]
    await items.sync("items", page_size=2_500)
    assert max(size for _, size in items.hub.calls) == 1_000
    assert items.is_the_same("items")


async def test_of_rows_with_one_key_the_last_stands_and_the_others_are_kept_to_be_seen(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1, 5, name="old"), item(1, 7, name="new"), item(1, 6, name="\u0000")]
    batch = await items.sync("items", page_size=10)
    assert (batch.metrics.rows_inserted, batch.metrics.rows_skipped, batch.status) == (1, 2, "completed")
    assert items.at_the_hub("items") == [item(1, 7, name="new")]
    async with items.database.begin() as connection:
        kept, total = await records.superseded_page(connection, batch.uid, limit=10, offset=0)
    assert [(one.page_no, one.row, one.rowversion, msgspec.json.decode(one.raw)) for one in kept] == [
        (1, 0, "5", item(1, 5, name="old")),
        (1, 2, "6", item(1, 6, name="\u0000")),
    ]
    assert (total, await items.column(batch.uid, "sample")) == (2, None)


async def test_each_superseded_row_is_recorded_once_however_many_and_however_often_its_page_dies(
    items: BridgeRuns,
) -> None:
    items.erp.tables["items"] = [item(1, version) for version in range(60, 0, -1)]
    items.hub.lose_after = {0}
    batch = await items.sync("items", page_size=100)
    async with items.database.begin() as connection:
        last, total = await records.superseded_page(connection, batch.uid, limit=10, offset=50)
    assert (total, batch.metrics.rows_skipped, batch.metrics.retries) == (59, 59, 1)
    assert [one.rowversion for one in last] == [str(version) for version in range(9, 0, -1)]
