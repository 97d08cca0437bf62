"""Drift is recorded in the transaction that corrects it: every field, exact counts, once, and never by a first sync."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text

from db.cards import drift
from db.cards import stock as stock_rows
from db.cards.drift import DriftItem
from db.cards.intent_tables import item_changes
from tests.helpers.stock import Stock, product

NewStock = Callable[[], Awaitable[Stock]]
PRODUCTS = [product(1), product(2, blueprint_id=2), product(3, blueprint_id=3)]
UNREAD = {"equal": 3, "corrected": 0, "missing": 0, "extra": 0, "contested": 0, "missed_orders": 0, "causes": {}}


async def items(stock: Stock, operation_id: UUID, **wanted: Any) -> list[DriftItem]:
    async with stock.database.begin() as connection:
        return await drift.page(connection, str(operation_id), limit=1000, **wanted)


async def found(stock: Stock, operation_id: UUID) -> list[tuple[Any, ...]]:
    return [(one.kind, one.product_id, one.field, one.old, one.new) for one in await items(stock, operation_id)]


async def summary(stock: Stock, operation_id: UUID) -> Any:
    query = "SELECT operation_metadata->'drift' FROM sync_operations WHERE operation_id = :operation"
    return await stock.one(query, operation=str(operation_id))


async def fingerprint(stock: Stock) -> Any:
    """Everything that belongs to the seller but operations and reports."""
    parts = [
        await stock.one(f"SELECT md5(string_agg(one::text, '' ORDER BY one::text)) FROM {table} AS one {of}")  # noqa: S608
        for table, of in (
            ("user_inventory_items", "WHERE user_id = :user"),
            ("user_sync_settings", "WHERE user_id = :user"),
            ("failed_records", "WHERE user_id = :user"),
            ("order_lines", "WHERE user_id = :user"),
            ("webhook_inbox", "WHERE user_id = :user"),
        )
    ]
    return tuple(parts)


async def test_equal_stocks_have_no_drift(stock: Stock) -> None:
    await stock.sync(PRODUCTS)
    operation_id = await stock.reconcile(PRODUCTS)
    assert await found(stock, operation_id) == []
    assert await summary(stock, operation_id) == UNREAD


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"quantity": 5}, ("quantity", 2, 5)),
        ({"price_cents": 7}, ("price_cents", 100, 7)),
        ({"description": "mint!"}, ("description", None, "mint!")),
        ({"user_data_field": "A1"}, ("user_data_field", None, "A1")),
        ({"graded": True}, ("graded", None, True)),
        ({"properties_hash": {"condition": "NM"}}, ("properties.condition", None, "Near Mint")),
    ],
)
async def test_a_corrected_field_shows_both_values(
    stock: Stock, fields: dict[str, Any], expected: tuple[str, Any, Any]
) -> None:
    await stock.sync(PRODUCTS)
    operation_id = await stock.reconcile([product(1, **fields), *PRODUCTS[1:]])
    assert await found(stock, operation_id) == [("corrected", 1, *expected)]
    assert await summary(stock, operation_id) == UNREAD | {
        "equal": 2,
        "corrected": 1,
        "causes": {"edited_on_cardtrader": 1},
    }


async def test_missing_and_extra_rows_are_told_whole_and_once(stock: Stock) -> None:
    await stock.sync(PRODUCTS)
    changed = [*PRODUCTS[:2], product(4, blueprint_id=3, quantity=6, price_cents=9)]
    operation_id = await stock.reconcile(changed)
    assert await found(stock, operation_id) == [
        ("extra", 4, "", None, {"quantity": 6, "price_cents": 9}),
        ("missing", 3, "", {"quantity": 2, "price_cents": 100}, None),
    ]
    causes = [one.cause for one in await items(stock, operation_id)]
    # The orders were not read: what is missing may have been sold.
    assert causes == ["edited_on_cardtrader", "unknown"]
    told = await summary(stock, operation_id)
    assert (told["equal"], told["missing"], told["extra"]) == (2, 1, 1)
    again = await stock.reconcile(changed)
    assert await found(stock, again) == []
    assert "3" not in await stock.quantities()


async def test_what_is_held_back_is_told_as_missing(stock: Stock) -> None:
    await stock.sync([product(number) for number in range(1, 21)])
    operation_id = await stock.reconcile([])
    told = await summary(stock, operation_id)
    assert (told["missing"], told["equal"]) == (20, 0)
    assert set((await stock.quantities()).values()) == {2}


async def test_a_row_written_without_a_visible_difference_is_equal(stock: Stock) -> None:
    await stock.sync(PRODUCTS)
    await stock.edit("content_hash = NULL", 2)
    operation_id = await stock.reconcile(PRODUCTS)
    assert await found(stock, operation_id) == []
    assert (await summary(stock, operation_id))["equal"] == 3


async def test_rows_that_somebody_is_changing_are_no_drift(stock: Stock) -> None:
    await stock.sync(PRODUCTS)
    await stock.edit("sync_state = 'uncertain', quantity = 1", 2)
    operation_id = await stock.reconcile(PRODUCTS)
    assert await found(stock, operation_id) == []
    told = await summary(stock, operation_id)
    assert (told["equal"], told["contested"]) == (2, 1)


async def test_a_repeated_chunk_and_a_repeated_end_record_once(stock: Stock) -> None:
    await stock.sync(PRODUCTS)
    changed = [product(1, quantity=1), product(9)]
    operation_id, _ = await stock.stage(changed, mode="periodic_sync")
    first = await stock.apply(operation_id)
    assert await stock.apply(operation_id) == first
    result = await stock.finish(operation_id)
    told, kept = await summary(stock, operation_id), await found(stock, operation_id)
    assert await stock.finish(operation_id) == result
    assert (await summary(stock, operation_id), await found(stock, operation_id)) == (told, kept)
    assert (told["corrected"], told["extra"], told["missing"], len(kept)) == (1, 1, 2, 4)


@pytest.mark.parametrize("mode", ["bulk_sync", "periodic_sync"])
async def test_first_syncs_and_bulk_syncs_report_nothing(stock: Stock, mode: str) -> None:
    if mode == "bulk_sync":
        await stock.sync(PRODUCTS)
    operation_id, _ = await stock.stage([product(1, quantity=9)], mode=mode)
    await stock.apply(operation_id)
    await stock.finish(operation_id)
    assert await found(stock, operation_id) == []
    assert await summary(stock, operation_id) is None
    assert await stock.one("SELECT count(*) FROM drift_counts WHERE user_id = :user") == 0


async def test_counts_are_exact_where_details_end(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "MOST_ITEMS", 5)
    await stock.sync([product(number) for number in range(1, 31)])
    operation_id, count = await stock.stage(
        [product(number, quantity=3) for number in range(1, 31)], size=4, mode="periodic_sync"
    )
    for number in range(count):
        await stock.apply(operation_id, number)
    await stock.finish(operation_id)
    assert (await summary(stock, operation_id))["corrected"] == 30
    assert len(await items(stock, operation_id)) == 5


async def test_a_dry_run_reports_the_same_and_changes_nothing(stock: Stock) -> None:
    await stock.sync(PRODUCTS)
    await stock.edit("sync_state = 'uncertain'", 3)
    bad = {"id": 5, "blueprint_id": 5, "quantity": -1, "price_cents": 1}
    changed = [product(1, quantity=9, price_cents=1), product(3, blueprint_id=3, quantity=1), product(4), bad]
    before = await fingerprint(stock)
    dry = await stock.reconcile(changed, dry_run=True)
    assert await fingerprint(stock) == before
    assert await stock.one("SELECT count(*) FROM export_chunks WHERE operation_id = :op", op=str(dry)) == 0
    told, kept = await summary(stock, dry), await found(stock, dry)
    assert (told["corrected"], told["missing"], told["extra"], told["contested"]) == (1, 1, 1, 1)
    wet = await stock.reconcile(changed)
    assert (await summary(stock, wet), await found(stock, wet)) == (told, kept)
    assert await fingerprint(stock) != before


async def test_a_dry_run_does_not_speak_for_the_shrink_guard(stock: Stock) -> None:
    await stock.sync([product(number) for number in range(1, 21)])
    await stock.reconcile([], dry_run=True)
    assert (await stock.sync([])).held == 20


async def test_a_dry_run_of_a_new_account_reports_all_as_extra(stock: Stock) -> None:
    operation_id = await stock.reconcile(PRODUCTS, dry_run=True)
    assert (await summary(stock, operation_id))["extra"] == 3
    assert await stock.rows() == {}


async def test_a_lost_chunk_of_a_dry_run_leaves_no_letter(stock: Stock) -> None:
    operation_id, _ = await stock.stage(PRODUCTS, mode="periodic_sync", dry_run=True)
    assert (await stock.lose(operation_id)).failed == 3
    assert await stock.one("SELECT count(*) FROM failed_records WHERE user_id = :user") == 0


@pytest.mark.parametrize(
    ("code", "dry_run", "status", "error"),
    [
        ("CARDTRADER_UNAVAILABLE", False, "active", True),
        ("TOKEN_REJECTED", False, "error", True),
        ("TOKEN_REJECTED", True, "active", False),
    ],
)
async def test_a_failed_reconciliation_puts_out_of_action_only_who_must_link_again(
    stock: Stock, code: str, dry_run: bool, status: str, error: bool
) -> None:
    await stock.sync(PRODUCTS)
    operation_id, _ = await stock.stage(PRODUCTS, mode="periodic_sync", dry_run=dry_run)
    await stock.abort(operation_id, code)
    assert await stock.one("SELECT sync_status FROM user_sync_settings WHERE user_id = :user") == status
    assert (await stock.one("SELECT last_error FROM user_sync_settings WHERE user_id = :user") is not None) == error


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"wanted": {"price_cents": 9}}, "write_failed"),
        ({"wanted": {"price_cents": 9}, "job_uuid": UUID(int=1), "reason": "REFUSED"}, "job_item_refused"),
        ({"wanted": {"description": "x"}}, "edited_on_cardtrader"),
        ({"wanted": {"price_cents": 9}, "state": "verified"}, "edited_on_cardtrader"),
    ],
)
async def test_a_write_of_ours_that_failed_is_named(stock: Stock, change: dict[str, Any], cause: str) -> None:
    await stock.sync(PRODUCTS)
    operation_id, _ = await stock.stage([product(1, price_cents=5), *PRODUCTS[1:]], mode="periodic_sync")
    row = {
        "user_id": stock.user_id,
        "operation_id": str(operation_id),
        "action": "update",
        "state": "failed",
        "blueprint_id": 1,
        "product_id": 1,
        "ended_at": text("now() + interval '1 second'"),
        **change,
    }
    async with stock.database.begin() as connection:
        await connection.execute(insert(item_changes).values(row))
    await stock.apply(operation_id)
    assert [one.cause for one in await items(stock, operation_id)] == [cause]


async def test_old_reports_lose_their_details(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "_REPORTS_KEPT", 2)
    await stock.sync(PRODUCTS)
    reports = [await stock.reconcile([product(1, quantity=3 + number), *PRODUCTS[1:]]) for number in range(3)]
    assert [len(await items(stock, report)) for report in reports] == [0, 1, 1]
    assert (await summary(stock, reports[0]))["corrected"] == 1


async def test_reports_are_read_page_by_page_and_by_kind_or_cause(stock: Stock) -> None:
    await stock.sync(PRODUCTS)
    operation_id = await stock.reconcile([product(1, quantity=9, price_cents=9), product(4)])
    first = await items(stock, operation_id)
    async with stock.database.begin() as connection:
        rest = await drift.page(connection, str(operation_id), limit=10, after=first[0].id)
        newest = await drift.newest_report(connection, stock.user_id)
    assert rest == first[1:]
    assert newest == str(operation_id)
    assert {one.product_id for one in await items(stock, operation_id, kind="extra")} == {4}
    assert {one.product_id for one in await items(stock, operation_id, cause="unknown")} == {2, 3}


async def test_a_row_that_moved_before_it_was_written_is_no_drift(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stock.sync(PRODUCTS)
    operation_id, _ = await stock.stage([product(1, price_cents=5), *PRODUCTS[1:]], mode="periodic_sync")
    update = stock_rows.update

    async def after_an_edit(*given: Any) -> set[int]:
        await stock.edit("sync_state = 'pending'", 1)
        return await update(*given)

    monkeypatch.setattr(stock_rows, "update", after_an_edit)
    assert (await stock.apply(operation_id)).contested == 1
    assert await found(stock, operation_id) == []
