"""Inventory, operations and failed records: the seed's shape, pages that neither skip nor repeat, filters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.cards.tables import user_inventory_items
from db.failed_tables import failed_records
from tests.helpers.api import error_of
from tests.helpers.api_seller import Seller

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SEED_ITEM = {
    "id",
    "blueprint_id",
    "quantity",
    "price_cents",
    "properties",
    "external_stock_id",
    "description",
    "user_data_field",
    "graded",
    "updated_at",
}
NewSeller = Callable[[], Awaitable[Seller]]


async def item(seller: Seller, number: int, **values: Any) -> None:
    row = {
        "blueprint_id": 100 + number,
        "quantity": 5,
        "price_cents": 1000,
        "external_stock_id": str(number),
        "updated_at": NOON + timedelta(minutes=number),
        **values,
    }
    await seller.add(user_inventory_items, **row)


async def stock_ids(seller: Seller, **params: Any) -> list[str]:
    answer = await seller.get("/inventory/{user}", **params)
    assert answer.status_code == 200, answer.text
    return [row["external_stock_id"] for row in answer.json()["items"]]


async def test_an_item_has_the_fields_of_the_seed_and_ours(seller: Seller) -> None:
    properties = {"condition": "Near Mint", "mtg_foil": False, "mtg_language": "en", "signed": False, "altered": False}
    await item(seller, 1, properties=properties, description="Card", user_data_field="Warehouse A", graded=False)
    body = (await seller.get("/inventory/{user}")).json()
    assert (body["user_id"], body["total"], body["next_cursor"]) == (str(seller.user_id), 1, None)
    [row] = body["items"]
    assert row.keys() - SEED_ITEM == {
        "created_at",
        "sync_state",
        "mapping_status",
        "print_id",
        "print_table",
        "row_version",
        "reserved_quantity",
        "raise_pending",
        "stale_since",
    }
    assert (row["properties"], row["updated_at"], row["graded"]) == (properties, "2026-01-01T12:01:00Z", False)


async def test_newest_first_and_only_the_sellers_own(new_seller: NewSeller) -> None:
    ours, theirs = await new_seller(), await new_seller()
    for number in (1, 2):
        await item(ours, number)
        await item(theirs, number + 10)
    assert await stock_ids(ours) == ["2", "1"]


async def test_pages_by_cursor_neither_skip_nor_repeat(seller: Seller) -> None:
    for number in range(7):
        # Equal times: the id decides.
        await item(seller, number, updated_at=NOON + timedelta(minutes=number // 3))
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        body = (await seller.get("/inventory/{user}", **params)).json()
        seen += [row["external_stock_id"] for row in body["items"]]
        assert body["total"] == 7
        if body["next_cursor"] is None:
            break
        params["cursor"] = body["next_cursor"]
        await item(seller, 100 + len(seen), updated_at=NOON + timedelta(days=1))
        await seller.rows(
            "DELETE FROM user_inventory_items WHERE user_id = :user_id AND quantity = 5 AND "
            "external_stock_id::int >= 100 RETURNING 1"
        )
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"limit": 0}, ["2"]),
        ({"limit": -3}, ["2"]),
        ({"limit": 10**20}, ["2", "1", "0"]),
        ({"offset": 1}, ["1", "0"]),
        ({"offset": -1}, ["2", "1", "0"]),
        ({"offset": 10**20}, []),
        ({"limit": 1, "offset": 1}, ["1"]),
    ],
)
async def test_limits_and_offsets_are_clamped(seller: Seller, params: dict[str, Any], expected: list[str]) -> None:
    for number in range(3):
        await item(seller, number)
    assert await stock_ids(seller, **params) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"blueprint_id": 101}, ["1"]),
        ({"sync_state": "pending"}, ["2"]),
        ({"sync_state": "synced"}, ["1", "0"]),
        ({"updated_since": "2026-01-01T12:01:00Z"}, ["2", "1"]),
        ({"updated_since": "2026-01-01T12:01:00"}, ["2", "1"]),
        ({"q": "100%"}, ["0"]),
        ({"q": "a_b"}, ["1"]),
        ({"q": "BOX"}, ["2"]),
        ({"q": "'; DROP TABLE user_inventory_items; --"}, []),
        ({"q": "%"}, ["0"]),
        ({"q": "\\"}, []),
        ({"q": "box", "sync_state": "synced"}, []),
    ],
)
async def test_filters(seller: Seller, params: dict[str, Any], expected: list[str]) -> None:
    await item(seller, 0, description="100% mint")
    await item(seller, 1, user_data_field="a_b")
    await item(seller, 2, description="axb in a box", sync_state="pending")
    assert await stock_ids(seller, **params) == expected
    assert (await seller.get("/inventory/{user}", **params)).json()["total"] == len(expected)


@pytest.mark.parametrize(
    "params",
    [
        {"q": ""},
        {"q": "a\x00b"},
        {"q": "x" * 201},
        {"blueprint_id": 2**31},
        {"sync_state": "odd"},
        {"updated_since": "0001-01-01T00:00:00+14:00"},
        {"updated_since": "9999-12-31T23:59:59-14:00"},
        {"updated_since": "yesterday"},
    ],
)
async def test_senseless_filters_are_refused(seller: Seller, params: dict[str, Any]) -> None:
    assert error_of(await seller.get("/inventory/{user}", **params), 422)["code"] == "VALIDATION_ERROR"


async def test_a_foreign_cursor_is_a_bad_request(seller: Seller) -> None:
    for path in ("/inventory/{user}", "/operations/{user}", "/failed-records/{user}"):
        assert error_of(await seller.get(path, cursor="nonsense"), 400)["code"] == "VALIDATION_ERROR"


async def test_operations_are_listed_filtered_and_paged(seller: Seller) -> None:
    error = {"code": "TOKEN_REJECTED", "message": "No."}
    ids = [
        await seller.operation("completed", {"processed": 3, "total_products": 3}, age=30),
        await seller.operation("failed", {"error": error}, age=20),
        await seller.operation("running", age=10),
    ]
    first = (await seller.get("/operations/{user}", limit=2)).json()
    assert [entry["operation_id"] for entry in first["operations"]] == [ids[2], ids[1]]
    assert first["operations"][1]["error"] == error
    second = (await seller.get("/operations/{user}", limit=2, cursor=first["next_cursor"])).json()
    assert [entry["operation_id"] for entry in second["operations"]] == [ids[0]]
    assert (second["operations"][0]["counts"]["processed"], second["next_cursor"]) == (3, None)
    ended = (await seller.get("/operations/{user}", state=["failed", "completed"], type="bulk_sync")).json()
    assert [entry["operation_id"] for entry in ended["operations"]] == [ids[1], ids[0]]
    assert (await seller.get("/operations/{user}", type="webhook")).json()["operations"] == []
    since = (datetime.now(UTC) - timedelta(seconds=15)).isoformat()
    assert len((await seller.get("/operations/{user}", since=since)).json()["operations"]) == 1


async def test_failed_records_are_listed_without_their_raw_body(new_seller: NewSeller) -> None:
    seller, other = await new_seller(), await new_seller()
    common = {"context": "cards", "operation_id": "op", "reason": "price is not a number", "raw": b"upstream-4711"}
    await seller.add(failed_records, subject="1", stage="validate", **common)
    await seller.add(failed_records, subject="2", stage="apply", resolved_at=NOON, resolved_by="sync", **common)
    await seller.add(failed_records, subject="3", stage="validate", **{**common, "context": "bridge"})
    await other.add(failed_records, subject="4", stage="validate", **common)

    async def subjects(**params: Any) -> list[str]:
        answer = await seller.get("/failed-records/{user}", **params)
        assert "upstream-4711" not in answer.text
        return [record["subject"] for record in answer.json()["records"]]

    assert await subjects() == ["2", "1"]
    assert await subjects(resolution="open") == ["1"]
    assert await subjects(resolution="resolved") == ["2"]
    assert await subjects(stage="apply") == ["2"]
    cursor = (await seller.get("/failed-records/{user}", limit=1)).json()["next_cursor"]
    assert await subjects(limit=1, cursor=cursor) == ["1"]
