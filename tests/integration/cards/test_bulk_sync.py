"""A whole bulk sync over real servers and real HTTP: convergence, repeats, removals."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from temporalio.client import Client

from cli.demo.figures import Drift
from tests.helpers.shop import Shop, conserved
from tests.integration.cards.conftest import OpenShop
from workflows.cards.contracts import bulk_sync_id

EXACT = Drift(missing=0, extra=0, different=0)


async def test_first_sync_makes_both_stocks_equal(open_shop: OpenShop) -> None:
    shop = await open_shop()
    seen = await shop.sync()
    assert seen["state"] == "completed"
    assert (seen["created"], seen["total_chunks"]) == (2_000, 8)
    assert conserved(seen)
    assert await shop.drift() == EXACT
    status = (await shop.api.get(f"/status/{shop.user_id}")).json()
    assert (status["sync_status"], status["last_error"]) == ("active", None)


async def test_whole_sync_again_changes_nothing(open_shop: OpenShop) -> None:
    shop = await open_shop()
    await shop.sync()
    before = await shop.fingerprint()
    seen = await shop.sync()
    assert (seen["unchanged"], seen["created"], seen["updated"]) == (2_000, 0, 0)
    assert await shop.fingerprint() == before


async def test_only_what_changed_is_written(open_shop: OpenShop) -> None:
    shop = await open_shop()
    await shop.sync()
    wanted = {"token": shop.token, "fraction_changed": 0.02, "fraction_gone": 0.001}
    changed = (await shop.site.post("/change", json=wanted)).json()
    seen = await shop.sync()
    assert (seen["updated"], seen["stale"]) == (changed["changed"], changed["gone"])
    assert conserved(seen)
    assert await shop.drift() == EXACT
    (bumped,) = await shop.rows("SELECT count(*) FROM user_inventory_items WHERE user_id = $1 AND row_version > 1")
    assert bumped["count"] == changed["changed"] + changed["gone"]


async def test_missing_products_are_zeroed_first_and_removed_the_second_time(open_shop: OpenShop) -> None:
    shop = await open_shop()
    await shop.sync()
    gone = [
        row["external_stock_id"]
        for row in await shop.rows(
            "SELECT external_stock_id FROM user_inventory_items WHERE user_id = $1 ORDER BY id LIMIT 3"
        )
    ]
    for product in gone:
        (await shop.site.delete(f"/products/{product}", params={"token": shop.token})).raise_for_status()
    assert (await shop.sync())["stale"] == 3
    stale = await shop.rows(
        "SELECT quantity, stale_since FROM user_inventory_items WHERE user_id = $1 AND external_stock_id = ANY($2)",
        gone,
    )
    assert [(row["quantity"], row["stale_since"] is not None) for row in stale] == [(0, True)] * 3
    assert (await shop.sync())["removed"] == 3
    assert not await shop.rows(
        "SELECT 1 FROM user_inventory_items WHERE user_id = $1 AND external_stock_id = ANY($2)", gone
    )


@pytest.mark.parametrize("way", ["second agreeing export", "force"])
async def test_suspicious_shrink_is_held(open_shop: OpenShop, way: str) -> None:
    shop = await open_shop(products=500)
    await shop.sync()
    before = await shop.fingerprint()
    await shop.fault("empty")
    held = await shop.sync()
    assert (held["held"], held["stale"]) == (500, 0)
    assert await shop.fingerprint() == before
    status = (await shop.api.get(f"/status/{shop.user_id}")).json()
    assert (status["sync_status"], "unusually many" in status["last_error"]) == ("active", True)
    passed = await (shop.sync(force=True) if way == "force" else shop.sync())
    assert (passed["held"], passed["stale"]) == (0, 500)


async def test_history_holds_ids_and_counts_only(open_shop: OpenShop, temporal_client: Client) -> None:
    shop = await open_shop()
    await shop.sync()
    history = await temporal_client.get_workflow_handle(bulk_sync_id(shop.user_id)).fetch_history()
    text = json.dumps(history.to_json_dict())
    rows = await shop.rows(
        "SELECT external_stock_id, user_data_field FROM user_inventory_items WHERE user_id = $1 LIMIT 200"
    )
    names = {row["external_stock_id"] for row in rows} | {
        row["user_data_field"] for row in rows if row["user_data_field"]
    }
    assert not [secret for secret in {*names, shop.token, "Near Mint"} if secret in text]
    assert str(shop.user_id) in text


async def test_operator_reads_the_workflow_like_a_report(open_shop: OpenShop, temporal_client: Client) -> None:
    shop = await open_shop()
    task = await shop.start()
    await shop.ended(task)
    handle = temporal_client.get_workflow_handle(bulk_sync_id(shop.user_id))
    # The operation's row is closed a moment before the workflow is.
    await handle.result()
    description = await handle.describe()
    attributes = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    assert (attributes["UserId"], attributes["Context"]) == (str(shop.user_id), "cards")
    assert (attributes["SyncStatus"], attributes["SyncPhase"], attributes["Progress"]) == ("completed", "done", 100)
    events = (await handle.fetch_history()).events
    ids = [event.activity_task_scheduled_event_attributes.activity_id for event in events]
    assert {f"chunk-{number}" for number in range(8)} <= set(ids)
    summaries = [event.user_metadata.summary.data.decode() for event in events if event.HasField("user_metadata")]
    assert '"chunk-7, 8 of 8"' in summaries


async def test_sellers_do_not_see_each_other(open_shop: OpenShop) -> None:
    first, second = await open_shop(products=300, seed=1), await open_shop(products=300, seed=2)
    await first.sync()
    before = await first.fingerprint()
    await second.sync()
    assert await first.fingerprint() == before
    assert await second.drift() == EXACT


async def _items(shop: Shop, limit: int) -> list[tuple[int, int]]:
    rows = await shop.rows(
        "SELECT id, quantity FROM user_inventory_items WHERE user_id = $1 AND quantity > 1 ORDER BY id LIMIT $2", limit
    )
    return [(row["id"], row["quantity"]) for row in rows]


async def test_contested_rows_are_left_alone_or_read_again(open_shop: OpenShop, temporal_client: Client) -> None:
    shop = await open_shop(products=500)
    await shop.sync()
    await shop.still(temporal_client)
    (pending, _), (uncertain, truth), (reserved, _) = await _items(shop, 3)
    local = "UPDATE user_inventory_items SET quantity = 1, content_hash = NULL, changed_at = now(), "
    await shop.rows(local + "sync_state = 'pending' WHERE user_id = $1 AND id = $2", pending)
    await shop.rows(local + "sync_state = 'uncertain' WHERE user_id = $1 AND id = $2", uncertain)
    await shop.rows(local + "reserved_quantity = 1 WHERE user_id = $1 AND id = $2", reserved)
    seen = await shop.sync()
    assert seen["contested"] == 3
    assert conserved(seen)
    found = await shop.rows(
        "SELECT id, quantity, sync_state FROM user_inventory_items WHERE user_id = $1 AND id = ANY($2)",
        [pending, uncertain, reserved],
    )
    state = {row["id"]: (row["quantity"], row["sync_state"]) for row in found}
    assert state == {pending: (1, "pending"), uncertain: (truth, "synced"), reserved: (1, "synced")}


async def test_operation_is_gone_from_staging(open_shop: OpenShop) -> None:
    shop = await open_shop(products=300)
    task = UUID(await shop.start())
    await shop.ended(str(task))
    assert not await shop.rows(
        "SELECT 1 FROM export_chunks WHERE operation_id = $2 AND $1::uuid IS NOT NULL", str(task)
    )
