"""The dashboard in a browser, over the whole service: syncs, edits, dead letters; tokens, lost lines, small screens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from devstack.keys import mint_token
from devstack.service import RunningService
from tests.helpers.browser import PATIENCE_MS, Visit, poor_contrast, require_chromium, rows, unnamed
from tests.helpers.shop import Shop
from tests.helpers.waiting import eventually
from tests.integration.dashboard.conftest import OpenShop, linked_shop

require_chromium()
SCRIPT = """</td><script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">"""


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def token_of(shop: Shop, **more: str) -> str:
    return shop.service.access_token(shop.user_id, **more)


async def products(shop: Shop, *ids: str) -> list[dict[str, Any]]:
    """The simulator's own books."""
    params = {"token": shop.token, "ids": ",".join(ids)}
    found: list[dict[str, Any]] = (await shop.site.get("/products", params=params)).raise_for_status().json()
    return found


async def test_a_sync_is_started_and_watched_to_its_end(open_shop: OpenShop, visit: Visit) -> None:
    shop = await open_shop(4000)
    page = visit.page
    await visit.sign_in(token_of(shop))
    assert await page.evaluate("location.hash") == ""
    await expect(page.locator("#sync-now")).to_contain_text("Never synchronised")
    await expect(page.locator("#limiter")).to_contain_text("of 200 requests in the last 10 s")
    await button(page, "Start a sync").click()
    await expect(button(page, "Cancel the sync")).to_be_visible(timeout=PATIENCE_MS)
    # By the stream: polls come seconds apart, and it runs for a few.
    seen: set[str] = set()

    async def over() -> None:
        seen.add(await page.locator("#sync-now .percent").inner_text())
        assert "Completed" in seen, seen

    await eventually(over, 60)
    assert {text for text in seen if text.endswith("%")} - {"0 %"}, seen
    await expect(page.locator("#sync-now")).to_contain_text("4,000 of 4,000 products")
    await expect(page.locator("#stock-range")).to_have_text(rows(1, 25, 4_000), timeout=PATIENCE_MS)
    link = await page.get_by_role("link", name="Workflow in Temporal").get_attribute("href")
    assert (
        link == f"{shop.service.environment['TEMPORAL_UI_URL']}/namespaces/default/workflows/bulk-sync%3A{shop.user_id}"
    )


async def test_a_sync_is_cancelled(open_shop: OpenShop, visit: Visit) -> None:
    shop = await open_shop(3000)
    await shop.fault("slow", bytes_per_second=20_000)
    await visit.sign_in(token_of(shop))
    # As it is answered between a sync's registration and the start of its workflow.
    too_early = {"error": {"code": "SYNC_NOT_FOUND", "message": "No sync of this account is running."}}
    await visit.page.route("**/cancel/*", lambda route: route.fulfill(status=404, json=too_early), times=1)
    await button(visit.page, "Start a sync").click()
    await button(visit.page, "Cancel the sync").click(timeout=PATIENCE_MS)
    await expect(visit.page.locator("#sync-now .percent")).to_have_text("Cancelled", timeout=PATIENCE_MS)


async def test_an_edit_made_by_keyboard_alone_arrives_at_cardtrader(stocked: Shop, visit: Visit) -> None:
    page, keys = visit.page, visit.page.keyboard
    (item,) = (await stocked.api.get(f"/inventory/{stocked.user_id}", params={"limit": 1, "offset": 50})).json()[
        "items"
    ]
    product = item["external_stock_id"]

    async def tab_to(name: str) -> None:
        for _ in range(60):
            await keys.press("Tab")
            if (
                await page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")
                == name
            ):
                assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
                return
        pytest.fail(f"{name} cannot be reached by Tab")

    await page.goto(f"{visit.api_url}/dashboard")
    await expect(page.get_by_label("Access token")).to_be_focused()
    await keys.insert_text(token_of(stocked))
    await keys.press("Enter")
    await page.locator("#desk").wait_for()
    await tab_to("stock-q")
    await keys.type(product)
    await expect(page.locator("#stock-range")).to_have_text(rows(1, 1, 1), timeout=PATIENCE_MS)
    await tab_to(f"Edit product {product}")
    await keys.press("Enter")
    await keys.type("17")
    await keys.press("Tab")
    await keys.type("43.21")
    await keys.press("Enter")
    row = page.locator("#stock-rows tr")
    await expect(row.get_by_role("status")).to_have_text("verified", timeout=PATIENCE_MS)
    await expect(row).to_contain_text("43.21")
    (sold,) = await products(stocked, product)
    assert (sold["quantity"], sold["price_cents"]) == (17, 4321)
    assert await page.evaluate("document.activeElement.textContent") == "Edit"


async def test_an_edit_that_cardtrader_refuses_says_why(open_shop: OpenShop, visit: Visit) -> None:
    shop = await open_shop()
    await shop.sync()
    (item,) = (await shop.api.get(f"/inventory/{shop.user_id}", params={"limit": 1})).json()["items"]
    (await shop.site.delete(f"/products/{item['external_stock_id']}", params={"token": shop.token})).raise_for_status()
    await visit.sign_in(token_of(shop))
    await visit.page.get_by_role("button", name=f"Edit product {item['external_stock_id']}").click()
    price = visit.page.get_by_label("Price", exact=True)
    await price.fill("many")
    await price.press("Enter")
    await expect(visit.page.locator(".editor [role=alert]")).to_have_text("A price is a number such as 12.34.")
    await price.fill("0.55")
    await price.press("Enter")
    await expect(visit.page.locator("#stock-rows [role=status]").first).to_contain_text("failed: ", timeout=PATIENCE_MS)


async def test_somebody_else_was_faster(stocked: Shop, visit: Visit) -> None:
    path = f"/inventory/{stocked.user_id}"
    (item,) = (await stocked.api.get(path, params={"limit": 1})).json()["items"]
    await visit.sign_in(token_of(stocked))
    await visit.page.get_by_role("button", name=f"Edit product {item['external_stock_id']}").click()
    (await stocked.api.put(f"{path}/item/{item['id']}", json={"price_cents": 777})).raise_for_status()
    await visit.page.get_by_label("Copies").fill("3")
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.locator(".editor [role=alert]")).to_contain_text("(PRECONDITION_FAILED)")
    await expect(visit.page.get_by_label("Price", exact=True)).to_have_value("7.77")


async def test_a_dead_letter_is_tried_again_and_gone(open_shop: OpenShop, visit: Visit) -> None:
    shop = await open_shop()
    await shop.fault("poisoned", rows=1, count=1)
    assert (await shop.sync())["failed"] == 1
    (letter,) = (await shop.api.get(f"/failed-records/{shop.user_id}")).json()["records"]
    await visit.sign_in(token_of(shop))
    page = visit.page
    await expect(page.locator("#letters-count")).to_have_text("1", timeout=PATIENCE_MS)
    await expect(page.locator("#letters")).to_contain_text(letter["reason"])
    await page.get_by_role("button", name=f"Try again {letter['stage']} {letter['subject']}").click()
    await expect(page.locator("#letters-note [role=status]")).to_have_text("The blueprint of the record is read again.")
    await expect(page.locator("#letters-empty")).to_be_visible(timeout=PATIENCE_MS)
    assert len(await products(shop, letter["subject"])) == 1


async def test_a_name_that_is_html_is_shown_as_text(stocked: Shop, visit: Visit) -> None:
    (item,) = (await stocked.api.get(f"/inventory/{stocked.user_id}", params={"limit": 1})).json()["items"]
    edit = {"description": SCRIPT, "user_data_field": SCRIPT}
    (await stocked.api.put(f"/inventory/{stocked.user_id}/item/{item['id']}", json=edit)).raise_for_status()
    await stocked.rows(
        "INSERT INTO failed_records (context, user_id, operation_id, subject, stage, reason)"
        " VALUES ('cards', $1, 'o', $2::text, 'validate', $2::text) RETURNING 1",
        SCRIPT,
    )
    await visit.sign_in(token_of(stocked))
    page = visit.page
    await expect(page.locator("#stock-rows strong").first).to_have_text(SCRIPT)
    await expect(page.locator("#letters strong")).to_have_text(SCRIPT, timeout=PATIENCE_MS)
    assert await page.locator("main script, main img").count() == 0
    assert await page.evaluate("window.pwned") is None


async def test_stock_is_searched_and_turned_page_by_page(open_shop: OpenShop, visit: Visit) -> None:
    shop = await open_shop(60)
    await shop.sync()
    await visit.sign_in(token_of(shop))
    page, found = visit.page, visit.page.locator("#stock-range")
    await expect(found).to_have_text(rows(1, 25, 60))
    for name, shown in (
        ("Older", rows(26, 50, 60)),
        ("Older", rows(51, 60, 60)),
        ("Older", rows(51, 60, 60)),
        ("Newer", rows(26, 50, 60)),
    ):
        await button(page, name).click()
        await expect(found).to_have_text(shown)
    second = (await shop.api.get(f"/inventory/{shop.user_id}", params={"offset": 25, "limit": 25})).json()["items"]
    listed = await page.locator("#stock-rows tr").evaluate_all("rows => rows.map(row => Number(row.dataset.item))")
    assert listed == [row["id"] for row in second]
    await page.get_by_label("Search").fill("nothing of the kind")
    await expect(found).to_have_text("Nothing found")
    await expect(page.locator("#stock-table")).to_be_hidden()


def token(service: RunningService, *roles: str, minutes: int = 60) -> str:
    now = datetime.now(UTC)
    made, lifetime = now - timedelta(days=1), timedelta(days=1, minutes=minutes)
    return mint_token(service.keys.private_key, uuid4(), roles=roles, more={}, lifetime=lifetime, now=made)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda _good: "not a token", "This is not an access token"),
        (lambda good: f"{good[:-9]}AAAAAAAAA", "Invalid token. Paste a new one."),
    ],
    ids=["no token", "wrong signature"],
)
async def test_a_bad_token_opens_nothing(
    visit: Visit, service: RunningService, spoil: Callable[[str], str], why: str
) -> None:
    await visit.page.goto(f"{visit.api_url}/dashboard")
    await visit.page.get_by_label("Access token").fill(spoil(token(service)))
    await button(visit.page, "Open the dashboard").click()
    await expect(visit.page.get_by_role("alert").filter(has_text=why)).to_be_visible()
    await expect(visit.page.locator("#desk")).to_be_hidden()
    assert await visit.page.evaluate("sessionStorage.length") == 0


async def test_an_expired_token_is_asked_for_anew_and_nothing_stays_behind(
    stocked: Shop, visit: Visit, service: RunningService
) -> None:
    await visit.sign_in(token_of(stocked))
    page = visit.page
    await expect(page.locator("#stock-range")).to_have_text(rows(1, 25, 60))
    # Whatever is asked next is asked with a token that is over.
    over = {"Authorization": f"Bearer {token(service, minutes=-60)}"}
    await page.route("**/api/v1/sync/**", lambda route: route.continue_(headers={**route.request.headers, **over}))
    await button(page, "Read again").click()
    await expect(page.get_by_role("alert").filter(has_text="Token expired.")).to_be_visible()
    assert await page.locator("#stock-rows tr").count() == 0
    await page.unroute("**/api/v1/sync/**")
    await page.get_by_label("Access token").fill(token_of(stocked))
    await page.keyboard.press("Enter")
    await expect(page.locator("#stock-range")).to_have_text(rows(1, 25, 60))


async def test_signing_out_forgets_everything(stocked: Shop, visit: Visit) -> None:
    await visit.sign_in(token_of(stocked))
    await expect(visit.page.locator("#stock-range")).to_have_text(rows(1, 25, 60))
    await visit.page.reload()
    await expect(visit.page.locator("#stock-range")).to_have_text(rows(1, 25, 60))
    await button(visit.page, "Sign out").click()
    assert await visit.page.locator("#stock-rows tr").count() == 0
    assert await visit.page.evaluate("sessionStorage.length") == 0
    await visit.page.reload()
    await expect(visit.page.get_by_label("Access token")).to_be_focused()


async def test_a_lost_line_is_told_and_found_again(visit: Visit, service: RunningService) -> None:
    await visit.sign_in(token(service))
    page = visit.page
    await expect(page.locator("#sync-now")).to_contain_text("Never synchronised")
    await page.context.set_offline(True)
    await expect(page.locator("#connection")).to_contain_text("cannot be reached", timeout=PATIENCE_MS)
    await page.context.set_offline(False)
    await expect(page.locator("#connection")).to_be_hidden(timeout=PATIENCE_MS)
    await expect(page.locator("#connection-spoken")).to_have_text("Connected again.")


async def test_a_seller_who_is_not_linked_is_told_what_to_do(visit: Visit, service: RunningService) -> None:
    await visit.sign_in(token(service))
    await button(visit.page, "Start a sync").click()
    told = visit.page.locator("#sync-note [role=alert]")
    await expect(told).to_contain_text("This account is not linked to CardTrader. Link it first. (SYNC_NOT_FOUND)")
    await expect(visit.page.locator("#bridge")).to_be_hidden()
    await expect(visit.page.locator("#sellers")).to_be_hidden()


@pytest.fixture
async def erp(service: RunningService) -> AsyncIterator[str]:
    """A background schedule of the bridge."""
    operator = {"Authorization": f"Bearer {token(service, 'operator')}"}
    async with httpx.AsyncClient(base_url=f"{service.api_url}/bridge/api/v1", headers=operator, timeout=30) as http:
        name = f"items_{uuid4().hex[:8]}"
        entity = {"entity_name": name, "connector_api_slug": "items", "business_key_fields": ["item_id"]}
        (await http.post("/entities", json=entity)).raise_for_status()
        wanted = {"entity_name": name, "total_rows_estimate": 7_000_000}
        (await http.post("/schedules", json=wanted)).raise_for_status()
        yield name


async def test_an_operator_sees_everybody(open_shop: OpenShop, visit: Visit, service: RunningService, erp: str) -> None:
    shop = await open_shop(500)
    await shop.fault("latency", seconds=4, path="/products/export", count=1)
    await shop.start()
    await visit.sign_in(token(service, "operator"))
    page = visit.page
    one = page.locator("#sellers-syncs li").filter(has_text=str(shop.user_id))
    await expect(one).to_be_visible(timeout=PATIENCE_MS)
    await expect(one.get_by_role("link", name="Workflow")).to_be_visible()
    await expect(one).to_be_hidden(timeout=PATIENCE_MS)
    await expect(page.locator("#bridge-schedules")).to_contain_text(erp, timeout=PATIENCE_MS)
    await expect(page.locator("#store-queue")).to_contain_text("Waiting")


async def test_call_backs_show_what_waits(visit: Visit, service: RunningService, open_shop: OpenShop) -> None:
    shop = await open_shop(10)
    headers = {"Authorization": f"Bearer {token_of(shop)}"}
    wanted = {
        "organizationId": str(shop.user_id),
        "event": "sync.completed",
        "targetUrl": f"{service.simulator_url}/nobody-listens",
    }
    async with httpx.AsyncClient(base_url=f"{service.api_url}/marketplace/webhooks", headers=headers) as http:
        endpoint = (await http.post("/register", json=wanted)).raise_for_status().json()["id"]
        (await http.post(f"/{endpoint}/pause")).raise_for_status()
        await shop.sync()
        await visit.sign_in(token_of(shop))
        place = visit.page.locator("#callbacks")
        await expect(place).to_contain_text("0 waiting, 1 held, 0 dead of 1", timeout=PATIENCE_MS)
        await expect(place).to_contain_text("paused")
        await button(visit.page, "Send again").click()
        await expect(place).to_contain_text("1 waiting, 0 held, 0 dead of 1", timeout=PATIENCE_MS)
        await expect(place).to_contain_text("failing", timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
async def with_letter(service: RunningService) -> AsyncIterator[Shop]:
    """A seller with a dead letter, which nobody touches."""
    shop = await linked_shop(service, 60, 9)
    await shop.fault("poisoned", rows=1, count=1)
    await shop.sync()
    yield shop
    await shop.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_fits_a_phone_and_can_be_read(
    with_letter: Shop, browser: Browser, service: RunningService, scheme: str
) -> None:
    sizes = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    async with Visit.opened(browser, service.api_url, **sizes) as visit:
        page = visit.page
        await page.goto(f"{visit.api_url}/dashboard")
        await expect(page.get_by_label("Access token")).to_be_focused()
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        assert await poor_contrast(page) == []
        await visit.sign_in(service.access_token(with_letter.user_id, ["operator"]))
        await page.reload()
        await expect(page.locator("#stock-range")).to_have_text(rows(1, 25, 59))
        await expect(page.locator("#letters")).to_contain_text("validate", timeout=PATIENCE_MS)
        await page.get_by_role("button", name="Edit product").first.click()
        await page.get_by_label("Copies").fill("-1")
        await page.keyboard.press("Enter")
        await page.get_by_text("The last syncs").click()
        await expect(page.locator(".editor [role=alert]")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        assert await poor_contrast(page) == []
        assert await unnamed(page) == []
        (r, *_) = await page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert (r < 60) == (scheme == "dark")
