"""Changes that may not be sent: the switch, blocked accounts, plans."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.cards import change_batches
from tests.helpers.desk import Desk


async def test_the_switch_keeps_the_queue(desk: Desk) -> None:
    product, *_ = desk.products()
    task = await desk.edit(product, price_cents=4321)
    desk.changes = desk.new_changes(writes_enabled=False)
    assert (await desk.step()).work == "none"
    assert (desk.wire.asked, (await desk.ended(task)).status) == ([], "pending")
    desk.changes = desk.new_changes()
    await desk.work()
    assert (await desk.ended(task)).status == "completed"


async def test_what_is_on_its_way_is_verified_though_the_switch_is_off(desk: Desk) -> None:
    product, *_ = desk.products()
    task = await desk.edit(product, price_cents=4321)
    assert (await desk.step()).work == "send"
    desk.changes = desk.new_changes(writes_enabled=False)
    await desk.work()
    assert (await desk.ended(task)).status == "completed"


@pytest.mark.parametrize(
    "blocked",
    [
        "suspended_at = now()",
        "sync_status = 'error', last_error = 'CardTrader no longer accepts the token. Create a new one there and"
        " link the account again.'",
    ],
)
async def test_a_blocked_account_waits_and_the_relay_leaves_it_alone(desk: Desk, blocked: str) -> None:
    product, *_ = desk.products()
    await desk.edit(product, price_cents=4321)
    assert await relayed(desk) == [desk.user_id]
    await desk.stock.one(f"UPDATE user_sync_settings SET {blocked} WHERE user_id = :user RETURNING user_id")  # noqa: S608 - the test's own
    assert (await desk.step()).work == "none"
    assert await relayed(desk) == []


async def test_held_changes_are_not_sent_and_not_relayed(desk: Desk) -> None:
    for product in desk.products()[:60]:
        await desk.delete(product)
    await desk.work()
    assert [asked for asked in desk.wire.asked if asked.startswith("DELETE") or "bulk" in asked] == []
    assert await relayed(desk) == []


async def relayed(desk: Desk) -> list[Any]:
    """Whom the relay would poke."""
    async with desk.database.begin() as connection:
        return await change_batches.sellers_waiting(connection, age=timedelta(0), most=10)
