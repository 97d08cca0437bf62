"""Edits, deletions, new listings and plans of a seller, over the API and through the workers to CardTrader's books."""

from __future__ import annotations

from typing import Any

from tests.helpers import eventually
from tests.helpers.shop import Shop
from tests.integration.cards.conftest import OpenShop


async def item_at(shop: Shop, offset: int) -> dict[str, Any]:
    """One row of the inventory, oldest first."""
    page = (await shop.api.get(f"/inventory/{shop.user_id}", params={"limit": 1, "offset": offset})).json()
    row: dict[str, Any] = page["items"][0]
    return row


async def ended(shop: Shop, task_id: str) -> dict[str, Any]:
    """Wait for the end of a task."""

    async def over() -> dict[str, Any]:
        seen: dict[str, Any] = (await shop.api.get(f"/task/{task_id}")).json()
        assert seen["ready"], seen
        return seen

    return await eventually(over, 60)


async def test_what_a_seller_changes_is_changed_at_cardtrader(open_shop: OpenShop) -> None:
    shop = await open_shop(300)
    await shop.sync()
    edited, deleted = await item_at(shop, 10), await item_at(shop, 20)
    path = f"/inventory/{shop.user_id}"
    wanted = {"quantity": edited["quantity"] + 4, "price_cents": 4321, "description": "Ours"}
    version = {"If-Match": f'"{edited["row_version"]}"'}
    put = (await shop.api.put(f"{path}/item/{edited['id']}", json=wanted, headers=version)).json()
    gone = (await shop.api.delete(f"{path}/item/{deleted['id']}")).json()
    new = {"blueprint_id": edited["blueprint_id"], "price_cents": 999, "quantity": 3, "user_data_field": "shelf 9"}
    key = {"Idempotency-Key": "one"}
    posts = [(await shop.api.post(f"{path}/items", json={"items": [new]}, headers=key)).json() for _ in range(2)]
    assert posts[0]["task_id"] == posts[1]["task_id"]
    for task_id in (put["task_id"], gone["task_id"], posts[0]["task_id"]):
        seen = await ended(shop, task_id)
        assert (seen["status"], seen["changes"]["verified"]) == ("SUCCESS", 1), seen
    assert (await shop.drift()).total == 0
    mine = (await shop.api.get(path, params={"q": "shelf 9"})).json()
    assert [(item["quantity"], item["price_cents"], item["sync_state"]) for item in mine["items"]] == [
        (3, 999, "synced")
    ]
    shown = (await shop.api.get(path, params={"q": "Ours"})).json()["items"]
    assert [(item["quantity"], item["price_cents"]) for item in shown] == [(wanted["quantity"], 4321)]
    assert mine["total"] == 1


async def test_too_much_waits_for_approval_and_comes_back_when_given_up(open_shop: OpenShop) -> None:
    shop = await open_shop(30)
    await shop.sync()
    plan_path = f"/changes/{shop.user_id}/plan"

    async def delete_four() -> dict[str, Any]:
        rows = [await item_at(shop, number) for number in range(4)]
        for row in rows:
            (await shop.api.delete(f"/inventory/{shop.user_id}/item/{row['id']}")).raise_for_status()

        async def held() -> dict[str, Any]:
            answer = await shop.api.get(plan_path)
            assert answer.status_code == 200
            plan: dict[str, Any] = answer.json()
            assert plan["deletes"] >= 1
            return plan

        return await eventually(held, 30)

    plan = await delete_four()
    (await shop.api.post(f"{plan_path}/{plan['plan_id']}/cancel")).raise_for_status()

    async def settled() -> None:
        rows = await shop.rows(
            "SELECT 1 FROM user_inventory_items WHERE user_id = $1 AND sync_state <> 'synced'"
            " UNION ALL SELECT 1 FROM item_changes WHERE user_id = $1 AND ended_at IS NULL"
        )
        assert rows == []
        assert (await shop.drift()).total == 0

    await eventually(settled, 60)
    plan = await delete_four()
    (await shop.api.post(f"{plan_path}/{plan['plan_id']}/approve")).raise_for_status()
    await eventually(settled, 60)
    verified = await shop.rows("SELECT 1 FROM item_changes WHERE user_id = $1 AND state = 'verified'")
    left = (await shop.api.get(f"/inventory/{shop.user_id}")).json()["total"]
    assert left == 30 - len(verified)
