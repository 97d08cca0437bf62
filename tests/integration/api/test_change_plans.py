"""Plans over the API: shown, approved once, given up; nobody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from api.cards.services import CardsServices
from db.cards import plans
from db.cards.tables import user_inventory_items
from tests.helpers.api import FakeSignals, error_of
from tests.helpers.api_seller import Seller

NewSeller = Callable[[], Awaitable[Seller]]
PLAN = "/changes/{user}/plan"


@pytest.fixture
async def held(seller: Seller) -> dict[str, Any]:
    """A plan that waits: four of five listings are to be deleted."""
    for number in range(5):
        row = {"blueprint_id": number + 1, "external_stock_id": str(number), "quantity": 2, "price_cents": 50}
        await seller.add(user_inventory_items, **row)
    for row in await seller.rows("SELECT id FROM user_inventory_items WHERE user_id = :user_id ORDER BY id LIMIT 4"):
        assert (await seller.send("DELETE", f"/inventory/{{user}}/item/{row.id}")).status_code == 200
    async with seller.services.transaction() as connection:
        assert await plans.hold(connection, seller.user_id) == 4
    shown: dict[str, Any] = (await seller.get(PLAN)).json()
    return shown


async def states(seller: Seller) -> set[str]:
    return {row.state for row in await seller.rows("SELECT state FROM item_changes WHERE user_id = :user_id")}


async def test_a_plan_is_shown_until_it_is_decided(
    seller: Seller, services: CardsServices, held: dict[str, Any]
) -> None:
    assert {name: held[name] for name in ("state", "creates", "updates", "deletes")} == {
        "state": "waiting",
        "creates": 0,
        "updates": 0,
        "deletes": 4,
    }
    assert (held["value_before_cents"], held["value_after_cents"], held["requests"]) == (400, 0, 8)
    [operation] = (await seller.get("/operations/{user}", limit=1)).json()["operations"]
    task = (await seller.get(f"/task/{operation['operation_id']}")).json()
    assert (task["message"], task["changes"]["held"]) == ("Task waits for the approval of a plan", 1)
    assert isinstance(services.signals, FakeSignals)
    services.signals.of_changes.clear()
    approved = await seller.post(f"{PLAN}/{held['plan_id']}/approve")
    assert (approved.status_code, approved.json()) == (200, {**held, "state": "approved"})
    assert services.signals.of_changes == [seller.user_id]
    assert await states(seller) == {"waiting"}
    assert error_of(await seller.get(PLAN), 404)["code"] == "PLAN_NOT_FOUND"
    for decision in ("approve", "cancel"):
        error = error_of(await seller.post(f"{PLAN}/{held['plan_id']}/{decision}"), 409)
        assert (error["code"], error["context"]["state"]) == ("PLAN_DECIDED", "approved")


async def test_a_plan_that_is_given_up_brings_the_listings_back(seller: Seller, held: dict[str, Any]) -> None:
    cancelled = await seller.post(f"{PLAN}/{held['plan_id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert await states(seller) == {"cancelled"}
    items = (await seller.get("/inventory/{user}")).json()["items"]
    assert sorted(item["sync_state"] for item in items) == ["synced", *["uncertain"] * 4]
    assert isinstance(seller.services.signals, FakeSignals)
    assert seller.services.signals.notified == [seller.user_id]


async def test_plans_of_others_and_of_nobody(new_seller: NewSeller, seller: Seller, held: dict[str, Any]) -> None:
    other = await new_seller()
    for plan_id in (held["plan_id"], uuid4()):
        for decision in ("approve", "cancel"):
            assert error_of(await other.post(f"{PLAN}/{plan_id}/{decision}"), 404)["code"] == "PLAN_NOT_FOUND"
    assert error_of(await seller.post(f"{PLAN}/nonsense/approve"), 422)["code"] == "VALIDATION_ERROR"
    assert await states(seller) == {"held"}
