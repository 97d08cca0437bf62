"""New listings: one bad one refuses all, five thousand are one statement, a key makes a request count once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.helpers.api import error_of
from tests.helpers.api_seller import Seller

ITEM = {"blueprint_id": 7, "price_cents": 250, "quantity": 2}
PATH = "/inventory/{user}/items"


async def post(seller: Seller, *items: dict[str, Any], **headers: str) -> httpx.Response:
    return await seller.send("POST", PATH, {"items": list(items)}, **headers)


async def changes(seller: Seller) -> list[Any]:
    return await seller.rows("SELECT * FROM item_changes WHERE user_id = :user_id ORDER BY id")


async def test_listings_are_recorded_and_nothing_is_in_the_stock_yet(seller: Seller) -> None:
    whole = {
        **ITEM,
        "description": "Signed",
        "user_data_field": "box 1",
        "graded": True,
        "properties": {"condition": "NM", "mtg_language": "zh-CN", "mtg_foil": "yes"},
    }
    answer = await post(seller, ITEM, whole)
    assert answer.status_code == 202
    seen = answer.json()
    assert (seen["status"], seen["accepted"], seen["waiting_for"]) == ("accepted", 2, None)
    first, second = await changes(seller)
    assert (first.blueprint_id, first.wanted) == (7, {"price_cents": 250, "quantity": 2})
    assert second.wanted == {
        "price_cents": 250,
        "quantity": 2,
        "description": "Signed",
        "user_data_field": "box 1",
        "graded": True,
        "properties": {"condition": "Near Mint", "mtg_language": "zh-CN", "mtg_foil": True},
    }
    assert (await seller.get("/inventory/{user}")).json()["total"] == 0
    task = (await seller.get(f"/task/{seen['task_id']}")).json()
    assert (task["status"], task["changes"]["waiting"]) == ("PENDING", 2)


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"price_cents": 0}, "price_cents"),
        ({"blueprint_id": 2**31}, "blueprint_id"),
        ({"colour": "red"}, "colour"),
        ({"properties": {"condition": "Great"}}, "properties"),
        ({"properties": {"cmc": "5"}}, "properties"),
        ({"description": "\x00"}, "description"),
    ],
)
async def test_one_bad_listing_refuses_all_and_is_named(seller: Seller, bad: dict[str, Any], field: str) -> None:
    error = error_of(await post(seller, ITEM, ITEM, {**ITEM, **bad}, ITEM), 422)
    assert [one["field"] for one in error["errors"]] == [f"body.items.2.{field}"]
    assert await changes(seller) == []


async def test_five_thousand_are_one_operation(seller: Seller) -> None:
    answer = await post(seller, *({**ITEM, "blueprint_id": number + 1} for number in range(5000)))
    assert answer.json()["accepted"] == 5000
    found = await changes(seller)
    assert [change.blueprint_id for change in found] == list(range(1, 5001))
    assert {change.operation_id for change in found} == {answer.json()["task_id"]}
    assert len({change.marker for change in found}) == 5000


async def test_a_key_makes_a_request_count_once(seller: Seller) -> None:
    tries = await asyncio.gather(*(post(seller, ITEM, idempotency_key="k1") for _ in range(5)))
    assert {answer.status_code for answer in tries} == {202}
    assert len({answer.json()["task_id"] for answer in tries}) == 1
    assert len(await changes(seller)) == 1
    error = error_of(await post(seller, {**ITEM, "quantity": 3}, idempotency_key="k1"), 409)
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert (await post(seller, {**ITEM, "quantity": 3}, idempotency_key="k2")).status_code == 202
    assert len(await changes(seller)) == 2


async def test_without_a_key_every_request_counts(seller: Seller) -> None:
    for _ in range(2):
        assert (await post(seller, ITEM)).status_code == 202
    assert len(await changes(seller)) == 2


async def test_an_account_that_was_never_linked_lists_nothing(seller: Seller) -> None:
    await seller.rows("DELETE FROM user_sync_settings WHERE user_id = :user_id RETURNING 1")
    assert error_of(await post(seller, ITEM), 404)["code"] == "SYNC_NOT_FOUND"
