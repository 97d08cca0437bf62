"""What CardTrader shows of blueprints, one by one and out of one export: the same, and never a part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.cards.events import AccountEvents
from activities.cards.reread import ContestedReread
from activities.cards.rereading import Rereading
from activities.cards.showing import MOST_REQUESTS, Shown, by_export, one_blueprint, shown
from clients.cardtrader import CardTraderClient
from clients.cardtrader.errors import Unavailable
from db.cards import inbox, lifecycle, operations, stock
from db.cards.lifecycle import now
from db.session import Database
from domain.cards.chunks import Bound, KeyRange
from domain.cards.export_json import ExportRejected
from domain.cards.products import Product
from tests.helpers.desk import Desk, opened_desk
from workflows.cards.contracts import AccountRef, Manifest, OperationRef


@pytest.fixture
async def desk(shared_database: Database, redis_url: str) -> AsyncIterator[Desk]:
    """A seller with a few products of each of eighty blueprints."""
    async with opened_desk(shared_database, redis_url, products=300, blueprints=80) as desk:
        yield desk


@pytest.fixture
async def client(desk: Desk) -> CardTraderClient:
    """The seller's."""
    return await desk.reader.client(desk.user_id, "bulk")


async def test_an_export_shows_what_each_blueprint_shows(desk: Desk, client: CardTraderClient) -> None:
    wanted = [3, 1, 40, 999]
    together = [group async for group in by_export(client, wanted)]
    products = [one for group in together for one in good(group)]
    each = [one for number in wanted for one in good(await one_blueprint(client, number))]
    assert sorted(one.id for one in products) == sorted(one.id for one in each) != []
    assert all(one in each for one in products)
    chosen = sorted(one.id for one in products)[:2]
    assert sorted(one.id for group in together for one in good(group, chosen)) == chosen


def good(group: Shown, ids: list[int] | None = None) -> list[Product]:
    """Its products; none is bad here."""
    return [one for one in group.products(ids) if isinstance(one, Product)]


async def test_a_large_stock_is_not_exported_for_a_few_blueprints(desk: Desk) -> None:
    async with desk.database.begin() as connection:
        rows = len(await desk.rows())
        assert await stock.has_more_than(connection, desk.user_id, rows - 1)
        assert not await stock.has_more_than(connection, desk.user_id, rows)


async def test_many_blueprints_cost_one_request(desk: Desk, client: CardTraderClient) -> None:
    async def cost(blueprints: int) -> int:
        desk.wire.asked.clear()
        wanted = range(1, blueprints + 1)
        _: list[Shown] = [group async for group in shown(desk.database, client, desk.user_id, wanted)]
        return len(desk.wire.asked)

    assert (await cost(MOST_REQUESTS), await cost(MOST_REQUESTS + 1)) == (MOST_REQUESTS, 1)


async def test_what_a_sync_left_alone_is_read_again_by_one_export(desk: Desk) -> None:
    """Seventy-nine of eighty blueprints; their rows are uncertain, and settled afterwards."""
    operation_id, names = uuid4(), {"user": desk.user_id}
    async with desk.database.begin() as connection:
        uncertain = "UPDATE user_inventory_items SET sync_state = 'uncertain' WHERE user_id = :user"
        await connection.execute(text(uncertain), names)
        await operations.register(connection, desk.user_id, operation_id, "bulk_sync", {"mode": "bulk_sync"})
        assert await lifecycle.begin(connection, desk.user_id, operation_id) is not None
        manifest = Manifest(chunk_count=1, product_count=300, checksum="0", complete=True)
        await lifecycle.note(connection, operation_id, {"manifest": manifest.model_dump()})
        chunk = """
            INSERT INTO export_chunks (operation_id, chunk_no, rows, keys, payload, contested_blueprints)
            VALUES (:operation, 0, 0, '', '', ARRAY(SELECT generate_series(2, 80)))
        """
        await connection.execute(text(chunk), {"operation": str(operation_id)})
    desk.wire.asked.clear()
    activity = ContestedReread(desk.database, desk.reader).reread_contested
    await ActivityEnvironment().run(activity, OperationRef(user_id=desk.user_id, operation_id=operation_id))
    assert len(desk.wire.asked) == 1
    states = {row["sync_state"] for row in (await desk.rows()).values() if row["blueprint_id"] > 1}
    assert states == {"synced"}


async def test_one_stumble_of_cardtrader_is_asked_again_at_once(desk: Desk, client: CardTraderClient) -> None:
    calm = await one_blueprint(client, 3)
    desk.fault("status", status=502, path="products/export", count=1)
    assert (await one_blueprint(client, 3)).data == calm.data
    desk.fault("status", status=502, path="products/export", count=2)
    with pytest.raises(Unavailable):
        await one_blueprint(client, 3)


@pytest.mark.parametrize("kind", ["truncated", "non_array", "duplicate_rows"])
async def test_a_part_of_an_export_shows_nothing(desk: Desk, client: CardTraderClient, kind: Any) -> None:
    desk.fault(kind, at_byte=5_000, rows=200)
    with pytest.raises((Unavailable, ExportRejected)):
        _: list[Shown] = [group async for group in by_export(client, range(1, 81))]


async def test_rows_of_blueprints_are_those_of_their_ranges(desk: Desk) -> None:
    async with desk.database.begin() as connection:
        stamp = stock.MergeStamp(desk.user_id, uuid4(), await now(connection))
        together = await stock.held(connection, stamp, (7, 9))
        ranges = [KeyRange(Bound(number, 0), Bound(number + 1, 0)) for number in (7, 9)]
        apart = [await stock.held(connection, stamp, range_) for range_ in ranges]
    assert sorted(together.item_id) == sorted(one for part in apart for one in part.item_id)
    assert len(together.item_id)


async def test_what_an_export_no_longer_has_is_retired_and_what_is_new_comes(desk: Desk) -> None:
    gone, changed, *_ = desk.products()
    desk.sell(gone, desk.on_sale(gone).quantity)
    desk.sell(changed)
    blueprints = list(range(1, 81))
    reading = Rereading(desk.user_id, uuid4(), by_export=True)
    await ActivityEnvironment().run(desk.reader.read_again, reading, blueprints)
    assert await desk.differences() == []
    assert (await desk.row(gone))["stale_since"] is not None


async def test_a_backlog_of_events_costs_one_request(desk: Desk) -> None:
    sold, *_ = desk.products()
    desk.sell(sold)
    async with desk.database.begin() as connection:
        await inbox.request_reread(
            connection, desk.user_id, str(uuid4()), range(1, 81), cause="order.create", body_encrypted=b""
        )
    events, run = AccountEvents(desk.database, desk.reader), ActivityEnvironment().run
    batch = await run(events.take_events, AccountRef(user_id=desk.user_id))
    desk.wire.asked.clear()
    assert (await run(events.reread_events, batch)).blueprints == 80
    assert len(desk.wire.asked) == 1
    assert (await run(events.settle_events, batch)).events == 1
    assert await desk.differences() == []
