"""docs/operations.md about servers and neighbours, each of which is taken from a running service and given back."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx

from cli.bridge_demo.entities import ITEMS
from cli.marketplace.flow import EVENTS
from devstack.stack import Service
from tests.docs.conftest import Desk
from tests.helpers import eventually
from tests.helpers.incidents import EXACT, Site
from tests.helpers.shop import Shop
from workflows.bridge.contracts import bridge_batch_id


@asynccontextmanager
async def lost(site: Site, *names: Service) -> AsyncIterator[None]:
    """Servers that are away; Redis comes back empty."""
    # The servers of the tests do not sync their disks; an operator's do.
    await site.execute("CHECKPOINT")
    for name in names:
        await asyncio.to_thread(site.stack.crash, name)
    try:
        yield
    finally:
        for name in names:
            await asyncio.to_thread(site.stack.restart, name, empty=name == "valkey")


async def test_lost_servers_come_back(site: Site, shop: Shop, desk: Desk) -> None:
    async with desk.plays("the-database-or-redis-was-lost") as operator:
        async with lost(site, "postgres", "valkey"):
            said = await operator.types("python -m cli doctor", code=1)
            assert [name for name in ("PostgreSQL", "Redis") if not re.search(rf"FAILED +{name}", said)] == []
        await operator.types("python -m cli migrate")
        assert "FAILED" not in await operator.types("python -m cli doctor")
        await operator.types("temporal schedule trigger")
    assert (await shop.sync())["state"] == "completed"
    assert await shop.drift() == EXACT


async def test_failing_requests_are_traced_to_what_is_not_well(site: Site, desk: Desk) -> None:
    async with desk.plays("many-requests-fail") as operator:
        async with lost(site, "valkey"):
            await operator.sees("curl", '"unhealthy"', "REDIS_UNAVAILABLE")
            await operator.sees("curl", 'brx_sync_component_healthy{component="redis"} 0')
            assert re.search(r"FAILED +Redis", await operator.types("python -m cli doctor", code=1))
        await operator.sees("curl", "200")


async def test_a_full_disk_is_cleared_of_what_belongs_to_nobody(desk: Desk, tmp_path: Path) -> None:
    for age, name in ((2 * 86_400, "old"), (0, "young")):
        folder = tmp_path / name
        folder.mkdir()
        when = folder.stat().st_mtime - age
        os.utime(folder, (when, when))
    async with desk.plays("the-disk-is-full", STAGING_DIR=tmp_path) as operator:
        assert str(tmp_path) in (await operator.types("python -m cli doctor")).replace("\n", "")
        await operator.types("du")
        assert (await operator.types("find")).split() == [str(tmp_path / "old")]
        await operator.types("find")
        assert os.listdir(tmp_path) == ["young"]
        await operator.types("python -m cli doctor")


async def test_an_endpoint_that_failed_is_told_again(site: Site, desk: Desk) -> None:
    organization, inbox = f"org-{uuid4().hex[:8]}", f"inbox-{uuid4().hex[:8]}"
    token = site.service.access_token(uuid4(), org=organization)
    async with httpx.AsyncClient(base_url=site.receiver) as receiver:
        await receiver.put(f"/control/{inbox}/manners", json={"statuses": [500]})
        webhook = await registered(site, token, organization, f"{site.receiver}/webhook/{inbox}")
        async with desk.plays("call-backs-to-an-endpoint-stop", token, ORGANIZATION=organization) as operator:
            operator.give(WEBHOOK=webhook)
            assert webhook in await operator.types("python -m cli marketplace webhooks")
            await operator.sees("python -m cli marketplace deliveries", "500")
            await operator.sees("temporal workflow list", "CallbackDeliveryWorkflow")
            await operator.types("python -m cli marketplace pause")
            await receiver.put(f"/control/{inbox}/manners", json={"statuses": [200]})
            await operator.types("python -m cli marketplace resume")
            await operator.types("python -m cli marketplace test")
            await operator.sees("python -m cli marketplace deliveries", "delivered")
            said = await operator.types("python -m cli marketplace replay")
            operator.give(REPLAY=said.split()[1])
            await operator.sees("python -m cli marketplace replay-status", "completed")
        assert (await receiver.get(f"/control/{inbox}/received")).json()


async def registered(site: Site, token: str, organization: str, url: str) -> str:
    """A new endpoint with one event on its way; its id."""
    base, headers = f"{site.service.api_url}/marketplace", {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base, headers=headers) as http:
        body = {"organizationId": organization, "event": EVENTS[0], "targetUrl": url}
        webhook = str((await http.post("/webhooks/register", json=body)).raise_for_status().json()["id"])
        (await http.post(f"/webhooks/{webhook}/test")).raise_for_status()
    return webhook


async def test_a_shop_sells_on_and_central_hears_of_it_later(site: Site, desk: Desk) -> None:
    shop = f"shop-{uuid4().hex[:8]}"
    token = site.service.access_token(uuid4(), ["store"], store_id=shop)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=f"{site.service.api_url}/store/v1/local", headers=headers, timeout=30) as till,
        httpx.AsyncClient(base_url=f"{site.central.url}/control") as control,
    ):
        (await control.post("/items", json={"quantities": {"LAMP-1": 10}})).raise_for_status()
        (await till.put("/inventory/LAMP-1", json={"name": "Lamp"})).raise_for_status()

        async def known() -> None:
            (item,) = (await till.get("/inventory")).json()["items"]
            assert item["last_synced_at"]

        await eventually(known, 60)
        site.central.kill()
        sold = (await till.post("/inventory/LAMP-1/update", json={"delta": -2})).raise_for_status().json()
    async with desk.plays("a-shops-queue-grows", token, SHOP=shop, MOVEMENT=sold["operation_id"]) as operator:
        assert "central" in await operator.types("python -m cli worker-health", code=1)
        await operator.sees("temporal workflow list", f"store-push:{shop}")
        await operator.types("python -m cli store status")
        site.central.revive()
        assert "Sync enqueued" in await operator.types("python -m cli store trigger")
        await operator.types("temporal workflow signal")
        await operator.types("python -m cli store failed")
        await operator.sees("python -m cli worker-health", "0 movements on their way")


async def test_a_bridge_batch_that_hangs_is_stopped_and_begun_again(site: Site, desk: Desk) -> None:
    token = site.service.access_token(uuid4(), ["operator"])
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{site.service.api_url}/bridge/api/v1", headers=headers) as http:
        (await http.post("/entities", json=ITEMS.body())).raise_for_status()
        site.processes["apismith"].kill()
        body = {"entity_name": ITEMS.name, "sync_type": "full"}
        batch = (await http.post("/sync/start", json=body)).raise_for_status().json()["batch_uid"]
        values = {"BATCH": batch, "ENTITY": ITEMS.name, "BATCH_WORKFLOW": bridge_batch_id("erp", ITEMS.name)}
        async with desk.plays("a-bridge-batch-hangs", token, **values) as operator:
            assert batch in await operator.types("python -m cli bridge history")
            await operator.types("python -m cli bridge status")
            await operator.sees("temporal workflow list", values["BATCH_WORKFLOW"])
            await operator.sees("temporal workflow describe", "Pending Activities: 1")
            await operator.types("python -m cli bridge stop")

            async def stopped() -> None:
                assert (await http.get(f"/sync/status/{batch}")).json()["status"] not in ("pending", "running")

            await eventually(stopped, 60)
            site.processes["apismith"] = site.stack.respawn(site.processes["apismith"])
            assert "completed" in await operator.types("python -m cli bridge start")
            await operator.types("python -m cli bridge pending")
            await operator.types("temporal schedule trigger")
            await operator.types("python -m cli bridge failed")
            await operator.types("python -m cli bridge retry")
