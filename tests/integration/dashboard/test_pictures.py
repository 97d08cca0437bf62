"""The pictures of the documentation, of a service that really runs: `make pictures`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect

from devstack.service import RunningService
from tests.helpers.browser import PATIENCE_MS, Visit
from tests.helpers.shop import Shop
from tests.helpers.waiting import eventually
from tests.integration.dashboard.conftest import linked_shop

pytestmark = pytest.mark.timeout(300)
FOLDER = Path(__file__).resolve().parents[3] / "docs" / "images"
MOST_BYTES = 300_000
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 1000}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 1000}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 1.5, "color_scheme": "light"},
}


@pytest.fixture(scope="module")
async def busy(service: RunningService) -> AsyncIterator[Shop]:
    """A seller with history: dead letters, drift, a shop whose central is away, an endpoint that does not answer."""
    shop = await linked_shop(service, 3000, 3)
    await shop.fault("poisoned", rows=2, count=1)
    await shop.ended(await shop.start(), 120)
    await _change(shop, 0.004)
    report = await shop.api.post(f"/sync-from-cardtrader/{shop.user_id}", params={"dry_run": True})
    await shop.ended(report.json()["task_id"], 120)
    async with httpx.AsyncClient(base_url=service.api_url, headers=_headers(shop), timeout=30) as http:
        hook = {"organizationId": str(shop.user_id), "targetUrl": f"{service.simulator_url}/nobody-listens"}
        await http.post("/marketplace/webhooks/register", json={**hook, "event": "sync.completed"})
        await http.put("/store/v1/local/inventory/TOP-100", json={"name": "Toploaders, 100"})
        await http.post("/store/v1/local/inventory/TOP-100/update", json={"delta": 40})
        entity = {"entity_name": "order_lines", "connector_api_slug": "order-lines", "business_key_fields": ["line_id"]}
        await http.post("/bridge/api/v1/entities", json=entity)
        await http.post(
            "/bridge/api/v1/schedules", json={"entity_name": "order_lines", "total_rows_estimate": 7_000_000}
        )
    yield shop
    await shop.clear_faults()
    await shop.close()


def _headers(shop: Shop) -> dict[str, str]:
    return {"Authorization": f"Bearer {_token(shop)}"}


def _token(shop: Shop) -> str:
    return shop.service.access_token(shop.user_id, ["operator", "store"], store_id="shop-1")


async def _change(shop: Shop, fraction: float) -> None:
    """Have the seller edit on CardTrader, which no webhook tells."""
    change = {"token": shop.token, "fraction_changed": fraction, "fraction_gone": 0.0}
    (await shop.site.post("/change", json=change)).raise_for_status()


async def _edit(shop: Shop, edits: int) -> None:
    """One after the other, as a person does it: the chart shows each."""
    path = f"/inventory/{shop.user_id}"
    rows = (await shop.api.get(path, params={"limit": edits, "offset": 200})).json()["items"]
    for row in rows:
        answer = await shop.api.put(f"{path}/item/{row['id']}", json={"price_cents": row["price_cents"] + 1})
        answer.raise_for_status()
        await asyncio.sleep(0.25)


@pytest.mark.parametrize("look", list(LOOKS))
async def test_it_looks_like_this(browser: Browser, busy: Shop, look: str) -> None:
    async with Visit.opened(browser, busy.service.api_url, **LOOKS[look]) as visit:
        page = visit.page
        await visit.sign_in(_token(busy))
        await expect(page.locator("#callbacks")).to_contain_text("sync.completed", timeout=PATIENCE_MS)
        await _edit(busy, 30)
        await _change(busy, 1.0)
        await page.get_by_role("button", name="Start a sync", exact=True).click()

        async def under_way() -> None:
            shown = await page.locator("#sync-now .percent").inner_text()
            assert shown.endswith(" %") and int(shown.removesuffix(" %")) >= 30, shown  # noqa: PT018 - one condition

        await eventually(under_way, 60)
        picture = await page.screenshot(scale="device")
        await expect(page.locator("#sync-now .percent")).to_have_text("Completed", timeout=PATIENCE_MS)
    assert len(picture) < MOST_BYTES
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"dashboard-{look}.png").write_bytes(picture)
