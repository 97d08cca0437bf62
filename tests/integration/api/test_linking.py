"""Linking: verified first, stored encrypted, never under a running sync or another account's stock."""

from __future__ import annotations

from uuid import uuid4

from api.cards.errors import CardTraderRefused
from api.cards.services import CardsServices
from db.cards.tables import user_inventory_items
from tests.helpers.api import PREFIX, FakeSignals, error_of
from tests.helpers.api_seller import Seller

SETTINGS = "SELECT * FROM user_sync_settings WHERE user_id = :user_id"
TOKEN = "ct-new-token-0815"


async def test_a_verified_token_is_stored_encrypted(seller: Seller) -> None:
    await seller.rows("DELETE FROM user_sync_settings WHERE user_id = :user_id RETURNING 1")
    answer = await seller.post("/link/{user}", {"cardtrader_token": TOKEN})
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "user_id": str(seller.user_id),
        "sync_status": "idle",
        "cardtrader_user_id": 88123,
        "webhook_secret_configured": True,
    }
    [row] = await seller.rows(SETTINGS)
    assert TOKEN not in str(row)
    assert "shared-secret" not in str(row)
    vault = seller.services.vault
    assert vault.decrypt(row.cardtrader_token_encrypted) == TOKEN
    assert vault.decrypt(row.webhook_secret) == "shared-secret-of-the-app"


async def test_a_link_wakes_what_waited_for_it(seller: Seller, services: CardsServices) -> None:
    signals = services.signals
    assert isinstance(signals, FakeSignals)
    assert (await seller.post("/link/{user}", {"cardtrader_token": TOKEN})).status_code == 200
    assert seller.user_id in signals.notified
    assert seller.user_id in signals.of_changes


async def test_what_cardtrader_refuses_is_not_stored(seller: Seller) -> None:
    before = await seller.rows(SETTINGS)
    seller.verifier.error = CardTraderRefused("CardTrader does not accept this token.")
    error = error_of(await seller.post("/link/{user}", {"cardtrader_token": TOKEN}), 502)
    assert error["code"] == "CARDTRADER_API_ERROR"
    assert TOKEN not in str(error)
    assert await seller.rows(SETTINGS) == before


async def test_another_account_is_refused_while_stock_exists(seller: Seller) -> None:
    seller.verifier.cardtrader_user_id = 99999
    assert (await seller.post("/link/{user}", {"cardtrader_token": TOKEN})).status_code == 200
    await seller.add(user_inventory_items, blueprint_id=1, price_cents=1)
    assert (await seller.post("/link/{user}", {"cardtrader_token": TOKEN})).status_code == 200
    seller.verifier.cardtrader_user_id = 88123
    error = error_of(await seller.post("/link/{user}", {"cardtrader_token": TOKEN}), 409)
    assert error["code"] == "CARDTRADER_ACCOUNT_MISMATCH"
    assert "Disconnect" in error["message"]


async def test_a_new_token_of_the_same_account_keeps_it_active_and_clears_an_error(seller: Seller) -> None:
    for before, after in (("active", "active"), ("error", "idle")):
        await seller.update_settings(f"sync_status = '{before}', last_error = 'x'")
        answer = await seller.post("/link/{user}", {"cardtrader_token": TOKEN})
        assert answer.json()["sync_status"] == after
        [row] = await seller.rows(SETTINGS)
        assert row.last_error is None


async def test_no_token_changes_under_a_running_sync(seller: Seller) -> None:
    task_id = (await seller.post("/start/{user}")).json()["task_id"]
    error = error_of(await seller.post("/link/{user}", {"cardtrader_token": TOKEN}), 409)
    assert (error["code"], error["context"]["task_id"]) == ("SYNC_IN_PROGRESS", task_id)
    assert seller.verifier.seen == []


async def test_an_interrupted_sync_is_no_obstacle(seller: Seller) -> None:
    await seller.operation("running", age=60)
    assert (await seller.post("/link/{user}", {"cardtrader_token": TOKEN})).status_code == 200


async def test_a_test_user_needs_no_jwt(seller: Seller) -> None:
    user_id = str(uuid4())
    body = {"user_id": user_id, "cardtrader_token": TOKEN, "webhook_secret": "ignored"}
    answer = await seller.http.post(f"{PREFIX}/setup-test-user", json=body)
    assert (answer.status_code, answer.json()["user_id"]) == (200, user_id)
    assert answer.json()["webhook_secret_configured"] is True
