"""docs/operations.md about sellers: what goes wrong with a sync on a running service is put right as the page says."""

from __future__ import annotations

import asyncio
import re

from cryptography.fernet import Fernet
from temporalio.client import ScheduleHandle

from tests.docs.conftest import Desk
from tests.helpers import eventually
from tests.helpers.incidents import (
    EXACT,
    Site,
    all_chunks_are_started,
    hung_chunk,
    is_in_state,
    last_product,
    pending,
    poisoned_chunk,
    sync_of,
)
from tests.helpers.shop import Shop
from workflows.cards.schedules import RECONCILE

PLENTY = "SELECT external_stock_id, blueprint_id FROM user_inventory_items WHERE user_id = $1 AND quantity > 2"
WORST = "SELECT max(row_version) AS version FROM user_inventory_items WHERE user_id = $1"


async def test_a_sync_that_hangs_is_taken_over_cancelled_or_ended(site: Site, shop: Shop, desk: Desk) -> None:
    async with desk.about("a-sync-hangs", shop) as operator:
        async with site.hanging(shop):
            await shop.start()
            before = await hung_chunk(site, shop)
            operator.give(CHUNK=before.activity_id)
            for _ in range(3):
                await operator.sees("temporal workflow list", str(shop.user_id))
            assert before.activity_id in await operator.types("temporal workflow describe")
            assert "applying" in await operator.types("temporal workflow query")
            assert "in_window" in await operator.types("temporal workflow stack")
            assert "ActivityTaskScheduled" in await operator.types("temporal workflow show")
            await operator.types("temporal activity reset")

            async def queued_again() -> None:
                now = await pending(site, shop, before.activity_id)
                assert now.scheduled_time.ToDatetime() > before.scheduled_time.ToDatetime()

            await eventually(queued_again, 60)
            await operator.types("python -m cli sync cancel")
            await is_in_state(shop, "cancelled")
            await operator.types("python -m cli sync start")
            await hung_chunk(site, shop)
            await operator.types("temporal workflow cancel")
            await is_in_state(shop, "cancelled")
            await operator.types("python -m cli sync start")
            await hung_chunk(site, shop)
            await operator.types("temporal workflow terminate")
        assert "Sync completed" in await operator.types("python -m cli sync start")
    assert await shop.drift() == EXACT


async def test_a_revoked_token_is_replaced_by_the_seller(site: Site, shop: Shop, desk: Desk) -> None:
    await shop.fault("status", status=401, body="json", path="products/export")
    assert (await shop.sync())["error"]["code"] == "TOKEN_REJECTED"
    async with desk.about("a-token-is-revoked", shop, CARDTRADER_TOKEN=shop.token) as operator:
        assert "TOKEN_REJECTED" in await operator.types("python -m cli sync status")
        await operator.sees("temporal workflow list", f"bulk-sync:{shop.user_id}")
        await shop.clear_faults()
        await operator.types("python -m cli link")
        assert "Sync completed" in await operator.types("python -m cli sync start")
        assert "Account active" in await operator.types("python -m cli sync status")


async def test_cardtrader_is_spared_while_it_is_down(site: Site, shop: Shop, desk: Desk) -> None:
    schedule = site.temporal.get_schedule_handle(RECONCILE)
    await shop.fault("status", status=503, body="text", path="^/?products/export$")
    task = await shop.start()
    await pending(site, shop, "stage", attempt=3)
    async with desk.about("cardtrader-is-down", shop) as operator:
        await operator.sees("temporal workflow list", f"bulk-sync:{shop.user_id}")
        await operator.types("temporal schedule toggle")
        assert (await schedule.describe()).schedule.state.paused
        await operator.types("temporal task-queue config set")
        assert "CardTrader is down" in await operator.types("temporal task-queue config get")
        await operator.types("temporal task-queue config set")
        await operator.types("temporal activity reset")
        assert (await pending(site, shop, "stage")).attempt < 3
        await shop.clear_faults()
        await operator.types("temporal schedule toggle")
        assert re.search(r"Paused +false", await operator.types("temporal schedule describe"))
        before = await actions(schedule)
        await operator.types("temporal schedule trigger")

        async def swept() -> None:
            assert await actions(schedule) == before + 1

        await eventually(swept)
    assert (await shop.ended(task))["state"] == "completed"
    assert await shop.drift() == EXACT


async def actions(schedule: ScheduleHandle) -> int:
    """How often it was to act: a sweep that still runs is not overtaken."""
    info = (await schedule.describe()).info
    return info.num_actions + info.num_actions_skipped_overlap


async def test_a_poisoned_chunk_is_held_given_up_and_tried_again(site: Site, shop: Shop, desk: Desk) -> None:
    await site.poison(shop, await last_product(site, shop))
    await shop.start()
    chunk = await poisoned_chunk(site, shop)
    async with desk.about("a-chunk-is-poisoned", shop, CHUNK=chunk) as operator:
        assert "poisoned" in await operator.types("temporal workflow describe")
        await operator.types("temporal activity pause")
        assert (await pending(site, shop, chunk)).paused
        await operator.sees("temporal workflow list", f"bulk-sync:{shop.user_id}")
        await operator.types("temporal activity unpause")
        assert not (await pending(site, shop, chunk)).paused
        await operator.types("temporal activity update-options")
        await operator.types("temporal activity reset")
        await is_in_state(shop, "completed_with_errors")
        assert "completed_with_errors" in await operator.types("python -m cli sync progress")
        record = re.search(r"^ *(\d+) ", await operator.types("python -m cli failed list"), re.MULTILINE)
        assert record is not None
        await site.execute("DROP TRIGGER poison ON user_inventory_items")
        operator.give(RECORD=record[1])
        await operator.types("python -m cli failed retry")
        assert "Sync completed" in await operator.types("python -m cli sync progress")
        assert not re.search(r"^ *\d+ ", await operator.types("python -m cli failed list"), re.MULTILINE)
    assert await shop.drift() == EXACT


async def test_drift_is_reported_and_repaired(site: Site, shop: Shop, desk: Desk) -> None:
    await shop.sync()
    await shop.still(site.temporal)
    (row, *_) = await shop.rows(PLENTY)
    await shop.sell((int(row["external_stock_id"]), 1))
    async with desk.about("stock-drifts", shop, BLUEPRINT=row["blueprint_id"]) as operator:
        assert "corrected 1" in await operator.types("python -m cli sync from-cardtrader")
        assert str(row["blueprint_id"]) in await operator.types("python -m cli drift")
        await operator.types("python -m cli sync from-cardtrader")
        await operator.types("python -m cli sync from-cardtrader")
        assert await shop.drift() == EXACT
        said = await operator.types("python -m cli sync from-cardtrader")
        assert "corrected 0  missing 0  extra 0" in said
        await operator.types("temporal workflow signal-with-start")
        assert "Result" in await operator.types("temporal workflow update")
        await operator.types("temporal workflow signal")
        assert "QueryResult" in await operator.types("temporal workflow query")


async def test_a_worker_that_is_gone_is_replaced(site: Site, shop: Shop, desk: Desk) -> None:
    async with desk.about("a-worker-is-gone", shop) as operator:
        async with site.hanging(shop):
            task = await shop.start()
            held = await hung_chunk(site, shop)
            gone = site.processes["worker-bulk"]
            gone.kill()
        try:
            assert f"{gone.pid}@" in await operator.types("temporal task-queue describe")
            assert held.activity_id in await operator.types("temporal workflow describe")
        finally:
            site.processes["worker-bulk"] = site.stack.respawn(gone)
        assert "healthy" in await operator.types("python -m cli worker-health")
        assert "Sync completed" in await operator.types("python -m cli sync progress")
        assert "ActivityTaskStarted" in await operator.types("temporal workflow show")
    assert (await shop.ended(task))["created"] == 1_000
    assert await shop.drift() == EXACT


async def test_a_rolling_update_loses_no_activity(site: Site, shop: Shop) -> None:
    """A second worker starts, the first drains with chunks in its hands: each is done once, by one of the two."""
    old = {name: site.processes[name] for name in ("worker-bulk", "worker-other")}
    async with site.hanging(shop):
        task = await shop.start()
        await hung_chunk(site, shop)
        for name, process in old.items():
            site.processes[name] = site.stack.spawn(
                f"{name}-next", process.command.argv, grace_seconds=40.0, **site.service.environment
            )
        await all_chunks_are_started(site, shop)
        draining = [asyncio.create_task(asyncio.to_thread(process.stop)) for process in old.values()]

        def told() -> None:
            assert all("worker.draining" in process.command.log.read_text() for process in old.values())

        await eventually(told, 60)
    await asyncio.gather(*draining)
    assert (await shop.ended(task))["state"] == "completed"
    assert [process.exit_code for process in old.values()] == [0, 0]
    history = await sync_of(site, shop).fetch_history()
    starts = [each.activity_task_started_event_attributes for each in history.events]
    assert {start.attempt for start in starts if start.identity} == {1}
    assert {start.identity.split("@")[0] for start in starts if start.identity} >= {
        str(process.pid) for process in (old["worker-bulk"], site.processes["worker-bulk"])
    }
    assert await shop.drift() == EXACT
    assert (await shop.rows(WORST))[0]["version"] == 1


async def test_keys_are_rotated(site: Site, shop: Shop, desk: Desk) -> None:
    """There and back: what runs here knows the old key alone."""
    old, new = site.service.environment["FERNET_KEY"], Fernet.generate_key().decode()
    for first, second in ((new, old), (old, new)):
        async with desk.plays("keys-must-be-rotated", FERNET_KEY=f"{first},{second}") as operator:
            await operator.types("python -m cli keys rotate --check", code=1)
            await operator.types("python -m cli keys rotate")
            await operator.types("python -m cli keys rotate --check")
        (row,) = await shop.rows("SELECT cardtrader_token_encrypted FROM user_sync_settings WHERE user_id = $1")
        assert Fernet(first).decrypt(row[0].encode()).decode() == shop.token
    assert (await shop.sync())["state"] == "completed"
