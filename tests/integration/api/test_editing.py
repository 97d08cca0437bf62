"""PUT and DELETE of a listing: the seed's answer, preconditions, limits, refusals, what an intent waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.cards.change_room import ChangeRoom
from api.cards.services import CardsServices
from api.main import create_app
from db.cards.tables import user_inventory_items
from domain.cards.sync_errors import SENTENCES
from tests.helpers.api import PREFIX, FakeSignals, error_of, opening, serving, settings_for_tests
from tests.helpers.api_seller import Seller

NewSeller = Callable[[], Awaitable[Seller]]
PATH = "/inventory/{{user}}/item/{}"
NEW_ITEM = {"blueprint_id": 7, "price_cents": 250, "quantity": 2}
PROPERTIES = {"condition": "Near Mint", "mtg_foil": False, "mtg_language": "en", "cmc": "5"}


async def listed(seller: Seller, **columns: Any) -> int:
    """A listing; its item id."""
    row = {
        "blueprint_id": 100,
        "quantity": 5,
        "price_cents": 1000,
        "external_stock_id": "789012",
        "properties": PROPERTIES,
        **columns,
    }
    await seller.add(user_inventory_items, **row)
    [found] = await seller.rows("SELECT max(id) AS id FROM user_inventory_items WHERE user_id = :user_id")
    return int(found.id)


async def put(seller: Seller, item_id: int, body: object, **headers: str) -> httpx.Response:
    return await seller.send("PUT", PATH.format(item_id), body, **headers)


async def delete(seller: Seller, item_id: int, **headers: str) -> httpx.Response:
    return await seller.send("DELETE", PATH.format(item_id), **headers)


async def changes(seller: Seller) -> list[Any]:
    return await seller.rows("SELECT * FROM item_changes WHERE user_id = :user_id ORDER BY id")


async def task(seller: Seller, task_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await seller.get(f"/task/{task_id}")).json()
    return answer


async def test_the_answer_of_an_edit_is_the_seeds(seller: Seller, services: CardsServices) -> None:
    item_id = await listed(seller)
    body = {
        "quantity": 10,
        "price_cents": 1500,
        "description": "Updated description",
        "user_data_field": "Warehouse B",
        "graded": True,
        "properties": {"condition": "Mint", "mtg_foil": True, "mtg_language": "it", "signed": True, "altered": False},
    }
    answer = await put(seller, item_id, body)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    seen = answer.json()
    task_id = seen.pop("task_id")
    assert seen.pop("properties") == {**PROPERTIES, **body.pop("properties")}  # type: ignore[dict-item]  # a dict
    assert seen == {
        **body,
        "status": "updated",
        "item_id": item_id,
        "quantity_on_sale": 5,
        "cardtrader_sync_queued": True,
        "external_stock_id": "789012",
        "has_external_id": True,
        "sync_queue_error": None,
        "sync_task_id": task_id,
        "row_version": 2,
        "waiting_for": None,
    }
    assert isinstance(services.signals, FakeSignals)
    assert services.signals.of_changes == [seller.user_id]
    assert (await task(seller, task_id))["changes"]["waiting"] == 1


async def test_a_change_of_nothing_needs_no_task(seller: Seller) -> None:
    item_id = await listed(seller, description="x")
    seen = (await put(seller, item_id, {"quantity": 5, "description": "x", "properties": PROPERTIES})).json()
    assert (seen["task_id"], seen["sync_task_id"], seen["cardtrader_sync_queued"]) == (None, None, False)
    assert (seen["row_version"], await changes(seller)) == (1, [])


async def test_null_and_blank_clear_and_absent_keeps(seller: Seller) -> None:
    item_id = await listed(seller, description="text", user_data_field="own", graded=True)
    seen = (await put(seller, item_id, {"description": None, "user_data_field": "  ", "graded": None})).json()
    assert (seen["description"], seen["user_data_field"], seen["graded"]) == (None, None, False)
    assert (seen["quantity"], seen["price_cents"], seen["properties"]) == (5, 1000, PROPERTIES)
    [change] = await changes(seller)
    assert change.wanted == {"description": None, "user_data_field": None, "graded": False}


async def test_a_bad_body_is_refused_whole(seller: Seller) -> None:
    item_id = await listed(seller)
    bad = {"quantity": 1, "properties": {"condition": "Great"}, "colour": "red"}
    error = error_of(await put(seller, item_id, bad), 422)
    assert error["code"] == "VALIDATION_ERROR"
    assert {one["field"] for one in error["errors"]} == {"body.properties", "body.colour"}
    assert await changes(seller) == []


async def test_half_of_a_surrogate_pair_is_refused_wherever_it_stands(seller: Seller) -> None:
    path = f"{PREFIX}/inventory/{seller.user_id}/item/{await listed(seller)}"
    headers = seller.headers | {"Content-Type": "application/json"}
    for body in (rb'{"\ud800": 1}', rb'{"properties": {"\ud800": 1}}', rb'{"description": "\ud800"}'):
        assert error_of(await seller.http.put(path, content=body, headers=headers), 422)["errors"]


async def test_what_describes_the_print_may_be_repeated_but_not_chosen(seller: Seller) -> None:
    item_id = await listed(seller)
    assert (await put(seller, item_id, {"properties": {"cmc": "5", "condition": "Poor"}})).status_code == 200
    error = error_of(await put(seller, item_id, {"properties": {"cmc": "6"}}), 400)
    assert (error["code"], error["context"]) == ("VALIDATION_ERROR", {"field": "properties.cmc"})


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"1"', 200),
        ("1", 200),
        ("*", 200),
        ('"7", "1"', 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ("nonsense", 412),
        ("", 412),
    ],
)
async def test_preconditions(seller: Seller, if_match: str, status: int) -> None:
    item_id = await listed(seller)
    for answer in (await put(seller, item_id, {"quantity": 3}, if_match=if_match),):
        assert answer.status_code == status, answer.text
    if status == 412:
        error = error_of(await delete(seller, item_id, if_match=if_match), 412)
        assert (error["code"], error["context"]["row_version"]) == ("PRECONDITION_FAILED", 1)
        assert await changes(seller) == []


async def test_of_two_editors_with_one_version_the_second_is_told(seller: Seller) -> None:
    item_id = await listed(seller)
    both = await asyncio.gather(*(put(seller, item_id, {"price_cents": n}, if_match='"1"') for n in (1, 2)))
    assert sorted(answer.status_code for answer in both) == [200, 412]
    without = [await put(seller, item_id, {"price_cents": n}) for n in (3, 4)]
    assert [answer.json()["row_version"] for answer in without] == [3, 4]
    assert len(await changes(seller)) == 3


async def test_the_answer_of_a_deletion_is_the_seeds(seller: Seller) -> None:
    item_id = await listed(seller)
    answer = await delete(seller, item_id)
    seen = answer.json()
    assert answer.status_code == 200
    assert seen == {
        "item_id": item_id,
        "status": "deleted",
        "task_id": seen["sync_task_id"],
        "sync_task_id": seen["sync_task_id"],
        "cardtrader_sync_queued": True,
        "external_stock_id": "789012",
        "sync_queue_error": None,
        "waiting_for": None,
    }
    inventory = (await seller.get("/inventory/{user}")).json()
    assert (inventory["items"], inventory["total"]) == ([], 0)
    for again in (await delete(seller, item_id), await put(seller, item_id, {"quantity": 1})):
        assert error_of(again, 404)["code"] == "INVENTORY_ITEM_NOT_FOUND"


async def test_items_of_others_and_of_nobody_are_unknown(new_seller: NewSeller) -> None:
    seller, other = await new_seller(), await new_seller()
    theirs = await listed(other)
    for item_id in (theirs, 2**62):
        for answer in (await put(seller, item_id, {"quantity": 0}), await delete(seller, item_id)):
            error = error_of(answer, 404)
            assert (error["code"], error["context"]["item_id"]) == ("INVENTORY_ITEM_NOT_FOUND", item_id)
    assert (await changes(other), await changes(seller)) == ([], [])


@pytest.mark.parametrize("item_id", ["0", "-1", str(2**63), "x"])
async def test_senseless_items_are_refused(seller: Seller, item_id: str) -> None:
    assert error_of(await seller.send("DELETE", PATH.format(item_id)), 422)["code"] == "VALIDATION_ERROR"


async def test_reserved_copies_cannot_be_taken_away(seller: Seller) -> None:
    item_id = await listed(seller, reserved_quantity=2)
    for answer in (await put(seller, item_id, {"quantity": 1}), await delete(seller, item_id)):
        error = error_of(answer, 409)
        assert (error["code"], error["context"]["reserved_quantity"]) == ("INVENTORY_ITEM_RESERVED", 2)
    assert (await put(seller, item_id, {"quantity": 2})).json()["quantity_on_sale"] == 2


async def test_without_a_product_nothing_can_be_changed_there(seller: Seller) -> None:
    item_id = await listed(seller, external_stock_id=None)
    error = error_of(await put(seller, item_id, {"quantity": 1}), 400)
    assert error["code"] == "INVENTORY_ITEM_MISSING_EXTERNAL_ID"
    gone = (await delete(seller, item_id)).json()
    assert (gone["cardtrader_sync_queued"], gone["task_id"], gone["waiting_for"]) == (False, None, None)
    assert (await seller.get("/inventory/{user}")).json()["total"] == 0


async def test_an_account_that_was_never_linked(
    services: CardsServices, http: httpx.AsyncClient, seller: Seller
) -> None:
    stranger = Seller(uuid4(), http, services, seller.verifier)
    assert error_of(await put(stranger, 1, {"quantity": 1}), 404)["code"] == "SYNC_NOT_FOUND"


@pytest.mark.parametrize(
    ("settings", "waiting_for"),
    [
        ("suspended_at = now()", "RESUME"),
        (f"sync_status = 'error', last_error = '{SENTENCES['TOKEN_REJECTED']}'", "LINK"),
        ("cardtrader_token_encrypted = ''", "LINK"),
        ("sync_status = 'error', last_error = 'something else'", None),
    ],
)
async def test_what_cannot_be_sent_yet_is_kept_and_says_so(
    seller: Seller, settings: str, waiting_for: str | None
) -> None:
    item_id = await listed(seller)
    await seller.update_settings(settings)
    assert (await put(seller, item_id, {"quantity": 1})).json()["waiting_for"] == waiting_for
    assert (await delete(seller, item_id)).json()["waiting_for"] == waiting_for


async def test_the_write_switch_keeps_the_queue(services: CardsServices, seller: Seller) -> None:
    item_id = await listed(seller)
    async with serving(create_app(settings_for_tests(), opening(replace(services, writes_enabled=False)))) as http:
        switched = replace(seller, http=http)
        assert (await put(switched, item_id, {"quantity": 1})).json()["waiting_for"] == "WRITES_ENABLED"
    assert [change.state for change in await changes(seller)] == ["waiting"]


async def test_a_full_queue_takes_no_more_but_deletions(services: CardsServices, seller: Seller) -> None:
    items = [await listed(seller, external_stock_id=str(number), blueprint_id=number) for number in (1, 2, 3)]
    async with serving(create_app(settings_for_tests(), opening(replace(services, change_room=ChangeRoom(2))))) as http:
        small = replace(seller, http=http)
        answers = [(await put(small, item_id, {"price_cents": 7})).status_code for item_id in items[:2]]
        full = await put(small, items[2], {"price_cents": 7})
        listing = await small.send("POST", "/inventory/{user}/items", {"items": [NEW_ITEM]})
        deleted = await delete(small, items[2])
    assert (answers, deleted.status_code) == ([200, 200], 200)
    for refused in (full, listing):
        assert error_of(refused, 429)["code"] == "CHANGE_QUEUE_FULL"
        assert refused.headers["Retry-After"] == "60"
    assert [change.action for change in await changes(seller)] == ["update", "update", "delete"]


async def test_a_task_tells_why_a_change_was_not_made(seller: Seller) -> None:
    item_id = await listed(seller)
    edited = (await put(seller, item_id, {"price_cents": 7})).json()["task_id"]
    deleted = (await delete(seller, item_id)).json()["task_id"]
    seen = await task(seller, edited)
    assert (seen["status"], seen["ready"], seen["result"]) == ("FAILURE", True, None)
    assert seen["error"] == {
        "code": "SUPERSEDED",
        "message": "The listing was deleted before this change was sent.",
    }
    assert seen["changes"]["cancelled"] == 1
    assert seen["changes"]["unmade"] == [
        {
            "position": 0,
            "action": "update",
            "item_id": item_id,
            "blueprint_id": 100,
            "external_stock_id": "789012",
            **seen["error"],
        }
    ]
    assert (await task(seller, deleted))["status"] == "PENDING"
    last, first = (await seller.get("/operations/{user}", type=["update", "delete"])).json()["operations"]
    assert (last["action"], last["state"], last["item_id"], last["changes"]) == ("delete", "pending", item_id, None)
    assert (first["action"], first["state"], first["item_id"]) == ("update", "cancelled", item_id)
    assert first["changes"] == {"changes": 1, "verified": 0, "failed": 0, "cancelled": 1}


async def test_the_webhook_of_a_sale_before_an_edit_stays_sold(seller: Seller) -> None:
    """Two of five were sold while the editor looked: three more than the five seen are asked for, not eight."""
    item_id = await listed(seller)
    await seller.rows("UPDATE user_inventory_items SET quantity = 3 WHERE user_id = :user_id RETURNING 1")
    seen = (await put(seller, item_id, {"quantity": 2})).json()
    assert (seen["quantity"], [change.delta for change in await changes(seller)]) == (2, [-1])
