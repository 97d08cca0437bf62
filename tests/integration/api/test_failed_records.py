"""Dead letters: tried again where that is safe, settled by hand where it is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from db.cards.tables import user_inventory_items
from db.failed_tables import failed_records
from tests.helpers.api import error_of
from tests.helpers.api_seller import Seller

EVENTS = "SELECT cause, blueprint_ids, processed_at FROM webhook_inbox WHERE user_id = :user_id"


async def bury(seller: Seller, stage: str = "validate", **columns: Any) -> int:
    values = {"subject": "900", "context": "cards", "operation_id": str(uuid4()), "reason": "why", **columns}
    await seller.add(failed_records, stage=stage, **values)
    [row] = await seller.rows("SELECT max(id) AS id FROM failed_records WHERE user_id = :user_id")
    return int(row.id)


async def test_a_bad_product_is_read_again_by_its_blueprint(seller: Seller) -> None:
    record = await bury(seller, raw=b'{"id": 900, "blueprint_id": 42, "quantity": -1}')
    answer = await seller.post(f"/failed-records/{{user}}/{record}/retry")
    assert (answer.status_code, answer.json()) == (
        202,
        {
            "status": "accepted",
            "record_id": record,
            "user_id": str(seller.user_id),
            "task_id": None,
            "message": "The blueprint of the record is read again",
        },
    )
    [event] = await seller.rows(EVENTS)
    assert (event.cause, event.blueprint_ids, event.processed_at) == ("record.retry", [42], None)
    assert seller.services.signals.notified == [seller.user_id]  # type: ignore[attr-defined]  # a fake


async def test_without_a_readable_record_the_stock_knows_the_blueprint(seller: Seller) -> None:
    await seller.add(user_inventory_items, blueprint_id=43, price_cents=1, external_stock_id="900")
    await seller.post(f"/failed-records/{{user}}/{await bury(seller)}/retry")
    assert [event.blueprint_ids for event in await seller.rows(EVENTS)] == [[43]]


@pytest.mark.parametrize("stage", ["apply", "validate"])
async def test_what_names_no_blueprint_is_taken_up_by_a_sync(seller: Seller, stage: str) -> None:
    record = await bury(seller, stage, subject="chunk-3")
    answer = (await seller.post(f"/failed-records/{{user}}/{record}/retry")).json()
    assert (await seller.get(f"/task/{answer['task_id']}")).json()["status"] == "PENDING"
    again = await seller.post(f"/failed-records/{{user}}/{record}/retry")
    assert error_of(again, 409)["code"] == "SYNC_IN_PROGRESS"


@pytest.mark.parametrize("stage", ["change", "purchase"])
async def test_what_was_sent_is_never_sent_again(seller: Seller, stage: str) -> None:
    error = error_of(await seller.post(f"/failed-records/{{user}}/{await bury(seller, stage)}/retry"), 409)
    assert (error["code"], error["context"]["stage"]) == ("NOT_REPEATABLE", stage)
    assert "not sent again" in error["message"]
    assert await seller.rows(EVENTS) == []


async def test_settling_by_hand_is_done_once(seller: Seller) -> None:
    record = await bury(seller, "change")
    first = (await seller.post(f"/failed-records/{{user}}/{record}/resolve")).json()
    assert (first["id"], first["resolved_by"]) == (record, "seller")
    assert (await seller.post(f"/failed-records/{{user}}/{record}/resolve")).json() == first
    error = error_of(await seller.post(f"/failed-records/{{user}}/{record}/retry"), 409)
    assert error["message"] == "The record is settled already."
    assert (await seller.get("/failed-records/{user}", resolution="open")).json()["records"] == []


@pytest.mark.parametrize("action", ["retry", "resolve"])
async def test_what_is_not_theirs_does_not_exist(new_seller: Callable[[], Awaitable[Seller]], action: str) -> None:
    ours, theirs = await new_seller(), await new_seller()
    for record in (await bury(theirs), await bury(ours, context="bridge"), 2**62):
        error = error_of(await ours.post(f"/failed-records/{{user}}/{record}/{action}"), 404)
        assert (error["code"], error["context"]["resource_id"]) == ("NOT_FOUND", record)
    for seller in (ours, theirs):
        [row] = await seller.rows("SELECT resolved_at FROM failed_records WHERE user_id = :user_id")
        assert row.resolved_at is None


async def test_a_disconnected_account_has_nobody_to_ask(seller: Seller) -> None:
    await seller.update_settings("suspended_at = now()")
    error = error_of(await seller.post(f"/failed-records/{{user}}/{await bury(seller)}/retry"), 404)
    assert error["code"] == "SYNC_NOT_FOUND"
    assert await seller.rows(EVENTS) == []


@pytest.mark.parametrize("record", ["0", "x", str(2**63)])
async def test_an_id_that_is_none_is_refused(seller: Seller, record: str) -> None:
    error_of(await seller.post(f"/failed-records/{{user}}/{record}/retry"), 422)
