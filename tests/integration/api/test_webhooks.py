"""The webhook routes over a real database: what is stored, what a sale does at once."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.cards.relay import EventRelay
from api.cards.signalling import AccountSignals
from api.temporal import CALL, connect
from tests.helpers.api import PREFIX, FakeSignals, error_of
from tests.helpers.api_seller import Seller
from tests.helpers.waiting import eventually
from tests.helpers.webhooks import BLUEPRINT, item, outcomes, send, sign, stock, stocked, webhook
from workflows.cards.contracts import account_id
from workflows.cards.poking import Matter, poke_account
from workflows.search_attributes import USER_ID


def notified(seller: Seller) -> int:
    """How often the seller was to be poked."""
    signals = seller.services.signals
    assert isinstance(signals, FakeSignals)
    return signals.notified.count(seller.user_id)


async def test_a_sale_is_stored_applied_and_answered(seller: Seller) -> None:
    await stocked(seller)
    body = webhook(item(1, 2), item(2), item(3, product=None))
    answer = (await send(seller, body)).raise_for_status().json()
    assert answer.pop("processing_time_ms") > 0
    assert answer == {"status": "accepted", "webhook_id": json.loads(body)["id"], "user_id": str(seller.user_id)}
    assert tuple(await stock(seller)) == (7, "uncertain", 2, None, True)
    assert notified(seller) == 1
    (event,) = await seller.rows("SELECT * FROM webhook_inbox WHERE user_id = :user_id")
    assert (event.blueprint_ids, event.processed_at, event.cause, event.mode) == (
        [BLUEPRINT],
        None,
        "order.update",
        "live",
    )
    assert b"order" not in event.body_encrypted
    assert seller.services.vault.decrypt_bytes(event.body_encrypted) == body


async def test_a_replay_is_a_duplicate_and_another_body_a_conflict(seller: Seller) -> None:
    await stocked(seller)
    body = webhook(item(1))
    await send(seller, body)
    again = (await send(seller, body)).raise_for_status().json()
    assert again["status"] == "duplicate"
    other = webhook(item(2), id=json.loads(body)["id"])
    assert error_of(await send(seller, other), 409)["code"] == "WEBHOOK_CONFLICT"
    assert (await stock(seller)).quantity == 9
    assert await outcomes(seller) == [None]
    assert notified(seller) == 1


async def test_another_sellers_webhook_id_is_a_conflict(new_seller: Any) -> None:
    first, second = await new_seller(), await new_seller()
    body = webhook(item(1))
    assert (await send(first, body)).status_code == 200
    assert error_of(await send(second, body), 409)["code"] == "WEBHOOK_CONFLICT"


async def test_another_sellers_order_of_the_same_id_counts_for_himself_only(new_seller: Any) -> None:
    first, second = await new_seller(), await new_seller()
    await stocked(first)
    assert (await send(second, webhook(item(1, 3)))).status_code == 200
    await send(first, webhook(item(1, 3)))
    assert (await stock(first)).quantity == 7


async def test_a_new_secret_counts_at_once(seller: Seller) -> None:
    """Also where the old one was remembered: what it signs changes nothing."""
    await stocked(seller)
    assert (await send(seller, webhook(item(1)))).status_code == 200
    await seller.update_settings(f"webhook_secret = '{seller.services.vault.encrypt('renewed')}'")
    body = webhook(item(2))
    assert (await send(seller, body)).status_code == 401
    assert (await stock(seller)).quantity == 9
    assert (await send(seller, body, signature=sign(body, "renewed"))).status_code == 200
    assert (await stock(seller)).quantity == 8


async def test_the_unguessable_address_takes_webhooks_too(seller: Seller) -> None:
    await stocked(seller)
    [(webhook_id,)] = await seller.rows("SELECT webhook_id FROM user_sync_settings WHERE user_id = :user_id")
    answer = await send(seller, webhook(item(1)), path=f"/webhook/{webhook_id}")
    assert UUID(answer.raise_for_status().json()["user_id"]) == seller.user_id
    assert (await stock(seller)).quantity == 9


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (webhook(item(1), mode="test"), "ignored: test"),
        (webhook(item(1), object_class="Product"), "ignored: no order event"),
        (webhook(item(1), cause="order.sneezed"), "ignored: no order event"),
        (webhook(), "no usable items"),
        (webhook(cause="order.destroy", data={}), "no usable items"),
        (webhook(item(1), state="sent", zero=True), "no stock effect"),
    ],
)
async def test_what_has_no_effect_is_stored_and_closed(seller: Seller, body: bytes, outcome: str) -> None:
    await stocked(seller)
    assert (await send(seller, body)).status_code == 200
    assert await outcomes(seller) == [outcome]
    assert tuple(await stock(seller))[:3] == (10, "synced", 1)


async def test_destroy_finds_its_items_in_what_was_told_before(seller: Seller) -> None:
    await stocked(seller)
    await send(seller, webhook(item(1, 4)))
    await send(seller, webhook(cause="order.destroy", data=None))
    assert (await stock(seller)).quantity == 6
    rows = await seller.rows("SELECT blueprint_ids FROM webhook_inbox WHERE user_id = :user_id ORDER BY id")
    assert [row.blueprint_ids for row in rows] == [[BLUEPRINT], [BLUEPRINT]]


async def test_a_pending_edit_keeps_its_state_but_is_lowered(seller: Seller) -> None:
    await stocked(seller, sync_state="pending")
    await send(seller, webhook(item(1, 4)))
    assert tuple(await stock(seller))[:4] == (6, "pending", 2, None)


async def test_more_than_there_is_leaves_nothing(seller: Seller) -> None:
    await stocked(seller, quantity=1)
    await send(seller, webhook(item(1, 2**31 - 1), item(2, 2**31 - 1)))
    assert (await stock(seller)).quantity == 0


async def test_copies_at_the_same_time_count_once(seller: Seller) -> None:
    await stocked(seller)
    bodies = [webhook(item(1), item(2), state=state) for state in ("paid", "sent", "arrived", "paid") * 3]
    answers = await asyncio.gather(*(send(seller, body) for body in bodies + bodies))
    assert {answer.status_code for answer in answers} == {200}
    assert (await stock(seller)).quantity == 8


@dataclass
class Temporal:
    """Counts pokes; may be away."""

    pokes: list[UUID] = field(default_factory=list)
    away: bool = False

    async def poke(self, user_id: UUID, matter: Matter) -> None:
        """Signal with start."""
        assert matter == "events"
        self.pokes.append(user_id)
        if self.away:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")


@pytest.mark.parametrize("away", [False, True])
async def test_a_burst_makes_few_pokes_and_needs_no_temporal(seller: Seller, away: bool) -> None:
    temporal = Temporal(away=away)
    signals = AccountSignals(temporal.poke, pause=0.05)
    async with signals.running():
        for _ in range(200):
            signals.notify(seller.user_id)

        def poked() -> None:
            assert temporal.pokes == [seller.user_id]

        await eventually(poked)
        signals.notify(seller.user_id)

        def poked_again() -> None:
            assert temporal.pokes == [seller.user_id] * 2

        await eventually(poked_again)


async def test_without_temporal_webhooks_are_taken_in_and_relayed_once_it_is_back(
    seller: Seller, temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stocked(seller)
    nowhere = await connect("127.0.0.1:1", "default")
    signals = AccountSignals(partial(poke_account, nowhere, timeout=CALL), pause=0)
    async with signals.running():
        monkeypatch.setattr(seller.services.signals, "notify", signals.notify)
        started = time.monotonic()
        answers = [await send(seller, webhook(item(number))) for number in range(1, 6)]
        assert {answer.status_code for answer in answers} == {200}
        assert time.monotonic() - started < 2
    assert (await stock(seller)).quantity == 5
    relay = EventRelay(seller.services.database, partial(poke_account, temporal_client, timeout=CALL), age=timedelta(0))
    assert await relay.relay() >= 1
    handle = temporal_client.get_workflow_handle(account_id(seller.user_id))
    description = await handle.describe()
    assert description.status == WorkflowExecutionStatus.RUNNING
    assert description.typed_search_attributes[USER_ID] == str(seller.user_id)
    await handle.terminate()


async def test_the_address_comes_from_the_settings_never_from_the_host_header(seller: Seller) -> None:
    answer = await seller.http.get(
        f"{PREFIX}/webhook-url/{seller.user_id}", headers={**seller.headers, "Host": "evil.example"}
    )
    body = answer.raise_for_status().json()
    assert body["webhook_url"] == f"https://sync.example.test{PREFIX}/webhook/user/{seller.user_id}"
    assert (body["user_id"], body["webhook_secret_configured"]) == (str(seller.user_id), True)
    assert set(body["instructions"]) == {"step_1", "step_2", "step_3", "step_4", "note"}
    stranger = replace(seller, user_id=uuid4())
    assert error_of(await stranger.get("/webhook-url/{user}"), 404)["code"] == "SYNC_NOT_FOUND"
