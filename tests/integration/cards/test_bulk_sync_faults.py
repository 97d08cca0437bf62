"""A bulk sync against everything that goes wrong around it: the laws hold and the seller is told why."""

from __future__ import annotations

import random

import pytest
from temporalio.client import Client

from cli.demo.figures import Drift
from devstack import DevStack
from devstack.service import RunningService
from tests.helpers import eventually
from tests.helpers.shop import Shop, conserved
from tests.integration.cards.conftest import OpenShop

EXACT = Drift(missing=0, extra=0, different=0)


async def _windows_kept(shop: Shop) -> bool:
    limits = (await shop.site.get("/limits")).json()
    return all(use["windows_over_limit"] == 0 for use in limits.values())


async def _expansions(shop: Shop) -> int:
    headers = {"Authorization": f"Bearer {shop.token}"}
    url = f"{shop.service.simulator_url}/api/v2/expansions/export"
    return len((await shop.site.get(url, headers=headers)).raise_for_status().json())


@pytest.mark.parametrize(("clean", "seed"), [(True, 1), (False, 2), (True, 3), (False, 4)])
async def test_truncated_export_is_rejected_whole(open_shop: OpenShop, clean: bool, seed: int) -> None:
    shop = await open_shop(products=400)
    await shop.sync()
    before = await shop.fingerprint()
    await shop.fault("truncated", clean=clean, at_byte=random.Random(seed).randrange(1, 200_000))
    seen = await shop.sync()
    assert (seen["state"], seen["error"]["code"]) == ("failed", "EXPORT_REJECTED")
    assert await shop.fingerprint() == before
    status = (await shop.api.get(f"/status/{shop.user_id}")).json()
    assert (status["sync_status"], "EXPORT_REJECTED" in status["last_error"]) == ("error", True)
    await shop.clear_faults()
    assert (await shop.sync())["state"] == "completed"


@pytest.mark.parametrize("kind", ["duplicate_rows", "non_array"])
async def test_malformed_export_is_rejected_whole(open_shop: OpenShop, kind: str) -> None:
    shop = await open_shop(products=400)
    await shop.fault(kind)
    seen = await shop.sync()
    assert (seen["state"], seen["error"]["code"]) == ("failed", "EXPORT_REJECTED")
    assert not await shop.rows("SELECT 1 FROM user_inventory_items WHERE user_id = $1")


async def test_one_bad_download_is_repeated(open_shop: OpenShop) -> None:
    shop = await open_shop(products=400)
    await shop.fault("truncated", count=1, at_byte=10_000)
    seen = await shop.sync()
    assert seen["state"] == "completed"
    assert await shop.drift() == EXACT


DEFECTS = ["negative_quantity", "missing_quantity", "missing_price", "properties_not_object", "blueprint_null"]


@pytest.mark.parametrize("defect", DEFECTS)
async def test_poisoned_products_become_dead_letters(open_shop: OpenShop, defect: str) -> None:
    shop = await open_shop(products=600)
    await shop.sync()
    await shop.fault("poisoned", defects=[defect], rows=3, count=1)
    seen = await shop.sync()
    assert (seen["state"], seen["failed"], seen["stale"]) == ("completed_with_errors", 3, 0)
    assert conserved(seen)
    letters = (await shop.api.get(f"/failed-records/{shop.user_id}", params={"resolution": "open"})).json()["records"]
    assert [letter["stage"] for letter in letters] == ["validate"] * 3
    assert all("$." in letter["reason"] or "field" in letter["reason"] for letter in letters), letters
    # The stock rows of the poisoned products are as they were: a missing value is never a zero.
    assert await shop.drift() == EXACT
    await shop.sync()
    assert not (await shop.api.get(f"/failed-records/{shop.user_id}", params={"resolution": "open"})).json()["records"]


async def test_storm_of_429_ends_in_a_right_stock(open_shop: OpenShop) -> None:
    shop = await open_shop(products=400)
    await shop.fault("too_many", count=3, retry_after=1)
    seen = await shop.sync()
    assert seen["state"] == "completed"
    assert await shop.drift() == EXACT
    assert await _windows_kept(shop)


@pytest.mark.parametrize("options", [{"status": 503, "body": "text"}, {"status": 502, "body": "html"}])
async def test_failing_cardtrader_is_waited_for(open_shop: OpenShop, options: dict[str, object]) -> None:
    shop = await open_shop(products=400)
    await shop.fault("status", count=2, **options)
    assert (await shop.sync())["state"] == "completed"
    assert await shop.drift() == EXACT


async def test_revoked_token_ends_the_sync_at_once(open_shop: OpenShop) -> None:
    shop = await open_shop(products=400)
    await shop.fault("status", status=401, body="json", path="products/export")
    seen = await shop.sync()
    assert (seen["state"], seen["error"]["code"]) == ("failed", "TOKEN_REJECTED")


async def test_slow_full_export_falls_back_to_expansions(open_shop: OpenShop) -> None:
    shop = await open_shop(products=400)
    await shop.fault("slow", path="^/?products/export$", at_byte=1_000, seconds=4, count=3)
    seen = await shop.sync()
    assert seen["state"] == "completed"
    assert await shop.drift() == EXACT


async def test_incomplete_expansions_retire_only_what_a_second_look_misses(open_shop: OpenShop) -> None:
    shop = await open_shop(products=400)
    await shop.sync()
    homeless = await shop.rows(
        "SELECT external_stock_id FROM user_inventory_items WHERE user_id = $1 ORDER BY id DESC LIMIT 2"
    )
    gone = homeless[0]["external_stock_id"]
    (await shop.site.delete(f"/products/{gone}", params={"token": shop.token})).raise_for_status()
    await shop.fault("slow", path="^/?products/export$", at_byte=1_000, seconds=4, count=3)
    # After three whole exports and one of each expansion comes the one of no expansion.
    before = 3 + await _expansions(shop)
    await shop.fault("status", status=404, body="json", path="^/?products/export$", skip=before, count=1)
    seen = await shop.sync()
    assert seen["state"] == "completed"
    assert await shop.drift() == EXACT
    (row,) = await shop.rows(
        "SELECT quantity, stale_since FROM user_inventory_items WHERE user_id = $1 AND external_stock_id = $2", gone
    )
    assert (row["quantity"], row["stale_since"] is not None) == (0, True)


async def test_blueprint_that_cannot_be_read_again_stays_contested(
    open_shop: OpenShop, temporal_client: Client
) -> None:
    shop = await open_shop(products=400)
    await shop.sync()
    await shop.still(temporal_client)
    await shop.rows(
        "UPDATE user_inventory_items SET sync_state = 'uncertain', changed_at = now(), content_hash = NULL WHERE id ="
        " (SELECT min(id) FROM user_inventory_items WHERE user_id = $1)"
    )
    await shop.fault("status", status=404, body="json", path="^/?products/export$", skip=1)
    seen = await shop.sync()
    assert (seen["state"], seen["contested"]) == ("completed", 1)
    assert await shop.rows("SELECT 1 FROM user_inventory_items WHERE user_id = $1 AND sync_state = 'uncertain'")


async def test_cancelled_sync_says_so_and_the_next_one_repairs(open_shop: OpenShop) -> None:
    shop = await open_shop()
    await shop.fault("slow", bytes_per_second=20_000)
    task = await shop.start()
    (await shop.api.post(f"/cancel/{shop.user_id}")).raise_for_status()
    seen = await shop.ended(task)
    assert (seen["state"], seen["error"]["code"]) == ("cancelled", "SYNC_CANCELLED")
    await shop.clear_faults()
    assert (await shop.sync())["state"] == "completed"
    assert await shop.drift() == EXACT


async def test_force_replaces_a_running_sync(open_shop: OpenShop) -> None:
    shop = await open_shop()
    await shop.fault("slow", bytes_per_second=20_000)
    first = await shop.start()
    refused = await shop.api.post(f"/start/{shop.user_id}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "SYNC_IN_PROGRESS")
    await shop.clear_faults()
    second = await shop.start(force=True)
    assert second != first
    assert (await shop.ended(second))["state"] == "completed"
    state = await shop.rows("SELECT status FROM sync_operations WHERE user_id = $1 ORDER BY id")
    assert [row["status"] for row in state] == ["cancelled", "completed"]


async def test_worker_killed_in_the_middle(open_shop: OpenShop, service: RunningService, stack: DevStack) -> None:
    shop = await open_shop(products=5_000)
    task = await shop.start()

    async def halfway() -> None:
        assert 0 < (await shop.progress())["processed_chunks"] < 20

    await eventually(halfway, 30, pause=0)
    victims = [service.processes["worker-bulk-1"], service.processes["worker-bulk-2"]]
    for victim in victims:
        victim.kill()
    respawned = [
        stack.spawn(f"{v.command.name}-again", v.command.argv, grace_seconds=5.0, **service.environment)
        for v in victims
    ]
    seen = await shop.ended(task, 90)
    assert seen["state"] == "completed"
    assert conserved(seen)
    assert seen["created"] == 5_000
    assert await shop.drift() == EXACT
    assert all(process.exit_code is None for process in respawned)
