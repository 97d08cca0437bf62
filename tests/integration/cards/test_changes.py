"""Changes on their way to CardTrader and back: sent once, verified, and no outcome guessed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.session import Database
from tests.helpers.desk import Desk, opened_desk


@pytest.fixture
async def desk(database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    """A seller with sixty products."""
    database = Database.connect(database_url)
    async with opened_desk(database, redis_url) as desk:
        yield desk
    await database.close()


async def test_a_price_is_sent_verified_and_shown(desk: Desk) -> None:
    product, *_ = desk.products()
    task = await desk.edit(product, price_cents=1234, description="mint from pack")
    assert (await desk.row(product))["sync_state"] == "pending"
    await desk.work()
    assert desk.on_sale(product).price_cents == 1234
    ended = await desk.ended(task)
    assert (ended.status, ended.first["state"], ended.told["verified"]) == ("completed", "verified", 1)
    assert await desk.differences() == []
    assert [asked.split()[0] for asked in desk.wire.asked] == ["PUT", "GET"]
