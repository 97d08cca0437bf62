"""Disconnecting: nothing is begun any more, what runs is stopped, and only then it is answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from api.cards.account_work import AccountWork
from api.main import create_app
from api.temporal import CALL
from db.cards import inbox
from db.cards.intent_tables import item_changes, purchases
from db.cards.tables import user_inventory_items, webhook_inbox
from tests.helpers.api import FakeAccounts, FakeSyncs, error_of, opening, serving, settings_for_tests
from tests.helpers.api_seller import Seller
from tests.integration.api.test_starting import sleeping_worker
from workflows.cards.contracts import account_id
from workflows.cards.poking import poke_account

SETTINGS = "SELECT * FROM user_sync_settings WHERE user_id = :user_id"
STOCK = "SELECT count(*) AS rows FROM user_inventory_items WHERE user_id = :user_id"
TOKEN = {"cardtrader_token": "ct-new-token-0815"}


async def settings(seller: Seller) -> Any:
    [row] = await seller.rows(SETTINGS)
    return row


async def add_event(seller: Seller) -> None:
    values = {"webhook_id": str(uuid4()), "cause": "order.create", "mode": "live", "body_encrypted": b"x"}
    await seller.add(webhook_inbox, **values, blueprint_ids=[1])


async def taken(seller: Seller) -> int:
    async with seller.services.transaction() as connection:
        return len(await inbox.take(connection, seller.user_id, 10))


async def test_a_suspended_account_keeps_everything_and_does_nothing(seller: Seller) -> None:
    await seller.add(user_inventory_items, blueprint_id=1, price_cents=1)
    await add_event(seller)
    await seller.update_settings("sync_status = 'error', last_error = 'x'")
    token = (await settings(seller)).cardtrader_token_encrypted
    answer = await seller.post("/disconnect/{user}", {"action": "suspend"})
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "status": "success",
            "message": "The account is suspended. Link it again to go on.",
            "action": "suspend",
            "sync_status": "idle",
        },
    )
    row = await settings(seller)
    assert (row.sync_status, row.last_error, row.cardtrader_token_encrypted) == ("idle", None, token)
    assert row.suspended_at is not None
    assert (await seller.rows(STOCK))[0].rows == 1
    assert await taken(seller) == 0
    status = (await seller.get("/status/{user}")).json()
    assert (status["sync_status"], status["disconnected"]) == ("idle", True)
    assert error_of(await seller.post("/start/{user}"), 404)["message"] == "The account is disconnected. Link it again."


async def test_linking_again_goes_on(seller: Seller) -> None:
    await add_event(seller)
    await seller.post("/disconnect/{user}")
    assert (await seller.post("/link/{user}", TOKEN)).status_code == 200
    assert (await settings(seller)).suspended_at is None
    assert await taken(seller) == 1
    assert (await seller.get("/status/{user}")).json()["disconnected"] is None
    assert (await seller.post("/start/{user}")).status_code == 202


async def test_suspend_is_what_an_empty_call_does_and_it_may_be_repeated(seller: Seller) -> None:
    first = await seller.post("/disconnect/{user}")
    since = (await settings(seller)).suspended_at
    assert (first.json()["action"], (await seller.post("/disconnect/{user}")).json()) == ("suspend", first.json())
    assert (await settings(seller)).suspended_at == since


async def test_removing_forgets_secrets_and_stock_and_ends_every_intent(seller: Seller) -> None:
    await seller.add(user_inventory_items, blueprint_id=1, price_cents=1)
    await add_event(seller)
    operation_id = await seller.operation("pending")
    await seller.rows("UPDATE sync_operations SET operation_type = 'update' WHERE user_id = :user_id RETURNING 1")
    change = {"operation_id": operation_id, "action": "update", "blueprint_id": 1}
    for state in ("waiting", "sending"):
        await seller.add(item_changes, state=state, **change)
    answer = await seller.post("/disconnect/{user}", {"action": "remove"})
    assert (answer.status_code, answer.json()["action"]) == (200, "remove")
    row = await settings(seller)
    assert seller.services.vault.decrypt(row.cardtrader_token_encrypted) == ""
    assert (row.webhook_secret, row.cardtrader_user_id, row.sync_status) == (None, None, "idle")
    assert (await seller.rows(STOCK))[0].rows == 0
    changes = await seller.rows("SELECT * FROM item_changes WHERE user_id = :user_id ORDER BY id")
    assert [(change.state, change.reason) for change in changes] == [
        ("cancelled", "DISCONNECTED"),
        ("failed", "DISCONNECTED"),
    ]
    assert all(change.ended_at and change.detail for change in changes)
    task = (await seller.get(f"/task/{operation_id}")).json()
    assert (task["status"], task["error"]["code"]) == ("FAILURE", "DISCONNECTED")
    [event] = await seller.rows("SELECT outcome FROM webhook_inbox WHERE user_id = :user_id")
    assert event.outcome == "disconnected"


async def test_after_a_removal_another_account_may_be_linked(seller: Seller) -> None:
    await seller.add(user_inventory_items, blueprint_id=1, price_cents=1)
    seller.verifier.cardtrader_user_id = 99999
    assert error_of(await seller.post("/link/{user}", TOKEN), 409)["code"] == "CARDTRADER_ACCOUNT_MISMATCH"
    await seller.post("/disconnect/{user}", {"action": "remove"})
    assert (await seller.post("/link/{user}", TOKEN)).json()["cardtrader_user_id"] == 99999


async def test_a_running_sync_is_stopped_first(seller: Seller, temporal_client: Client) -> None:
    async with sleeping_worker(temporal_client):
        task_id = (await seller.post("/start/{user}")).json()["task_id"]
        # The workflow of this test closes no operation; a real one does, in its abort.
        await seller.rows("UPDATE sync_operations SET status = 'cancelled' WHERE user_id = :user_id RETURNING 1")
        assert (await seller.post("/disconnect/{user}")).status_code == 200
        assert await seller.services.syncs.running(seller.user_id) is None
    assert (await seller.get(f"/task/{task_id}")).json()["status"] == "FAILURE"


async def test_a_sync_that_is_about_to_start_is_waited_for(seller: Seller) -> None:
    """Its operation is registered; its workflow may be started at any moment."""
    await seller.operation("pending")
    services = replace(seller.services, accounts=FakeAccounts())
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        error = error_of(await replace(seller, http=http).post("/disconnect/{user}"), 409)
    assert error["code"] == "ACCOUNT_BUSY"
    assert (await settings(seller)).suspended_at is not None


async def test_an_open_purchase_is_waited_for(seller: Seller) -> None:
    operation_id = await seller.operation("completed")
    await seller.add(
        purchases,
        operation_id=operation_id,
        idempotency_key="k",
        item_id=1,
        blueprint_id=1,
        product_id=1,
        quantity=1,
        local_before=1,
    )
    services = replace(seller.services, accounts=FakeAccounts())
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        here = replace(seller, http=http)
        assert error_of(await here.post("/disconnect/{user}", {"action": "remove"}), 409)["code"] == "ACCOUNT_BUSY"
        assert (await settings(seller)).webhook_secret is not None
        await seller.rows("UPDATE purchases SET ended_at = now() WHERE user_id = :user_id RETURNING 1")
        assert (await here.post("/disconnect/{user}", {"action": "remove"})).status_code == 200


@pytest.mark.parametrize("busy", [True, False])
async def test_a_round_of_the_account_is_waited_for(seller: Seller, temporal_client: Client, busy: bool) -> None:
    work = AccountWork(temporal_client, polls=1)
    assert await work.is_quiet(seller.user_id)
    await poke_account(temporal_client, seller.user_id, timeout=CALL)
    handle = temporal_client.get_workflow_handle(account_id(seller.user_id))
    # Nobody takes its first task, so a decision is due until it has ended.
    if not busy:
        await handle.terminate()
    assert await work.is_quiet(seller.user_id) is not busy
    if busy:
        await handle.terminate()


async def test_an_account_that_is_linked_again_meanwhile_is_not_forgotten(seller: Seller) -> None:
    class Meddling(FakeAccounts):
        async def until(self, check: Any) -> bool:
            await seller.update_settings("suspended_at = NULL")
            return True

    await seller.add(user_inventory_items, blueprint_id=1, price_cents=1)
    services = replace(seller.services, accounts=Meddling(), syncs=FakeSyncs())
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        answer = await replace(seller, http=http).post("/disconnect/{user}", {"action": "remove"})
    assert error_of(answer, 409)["message"] == "The account was linked again meanwhile."
    assert (await seller.rows(STOCK))[0].rows == 1
    assert (await settings(seller)).webhook_secret is not None


async def test_an_unlinked_account_cannot_be_disconnected(seller: Seller) -> None:
    stranger = replace(seller, user_id=uuid4())
    assert error_of(await stranger.post("/disconnect/{user}"), 404)["code"] == "SYNC_NOT_FOUND"


@pytest.mark.parametrize("body", [{"action": "explode"}, {"action": "suspend", "more": 1}, []])
async def test_other_bodies_are_refused(seller: Seller, body: object) -> None:
    error_of(await seller.post("/disconnect/{user}", body), 422)
    assert (await settings(seller)).suspended_at is None
