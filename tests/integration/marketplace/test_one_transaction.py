"""An event and what it tells are one: while the outbox cannot be written, nothing that would be told happens.

A crash between the two would look like this from outside; there is no between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError
from temporalio.testing import ActivityEnvironment

from activities.marketplace.importing import OrderImports
from db.cards import operations
from db.session import Database
from domain.marketplace.receipts import Patience, Refusal, Result
from tests.helpers.bridge_runs import BridgeRuns
from tests.helpers.marketplace import Organization
from tests.helpers.stock import Stock, product
from workflows.bridge.contracts import BatchRef
from workflows.cards.contracts import OperationRef
from workflows.marketplace.contracts import OrderBatch

PATIENCE = Patience((timedelta(minutes=5),), 30)


class Asked:
    """A marketplace that knows no receipt."""

    def __init__(self) -> None:
        self.receipts: list[str] = []

    async def ask(self, receipt: str, currency: str, klass: str) -> Result:
        self.receipts.append(receipt)
        return Refusal("invalid_receipt")


@asynccontextmanager
async def without_an_outbox(database: Database) -> AsyncIterator[None]:
    """Whoever writes an event fails, until the end of the block."""
    rows = Organization(database).rows
    await rows(
        "CREATE FUNCTION refuse_event() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no room in the outbox'; END $$"
    )
    await rows("CREATE TRIGGER refuse BEFORE INSERT ON callback_outbox EXECUTE FUNCTION refuse_event()")
    try:
        yield
    finally:
        await rows("DROP TRIGGER refuse ON callback_outbox")
        await rows("DROP FUNCTION refuse_event")


async def told(database: Database, organization_id: str) -> list[str]:
    """The events of an organisation, oldest first."""
    sql = "SELECT event FROM callback_outbox WHERE organization_id = :id ORDER BY id"
    return [row.event for row in await Organization(database).rows(sql, id=organization_id)]


async def operation_status(database: Database, operation_id: object) -> Any:
    sql = "SELECT status FROM sync_operations WHERE operation_id = :id"
    (row,) = await Organization(database).rows(sql, id=str(operation_id))
    return row.status


async def test_receipts_are_not_claimed_without_their_start(marketplace_database: Database) -> None:
    organization, asked = Organization(marketplace_database), Asked()
    store_id = await organization.store()
    await organization.receipt(store_id, "r-1", due=True)
    imports = OrderImports(marketplace_database, {"etsy": asked}, PATIENCE)  # type: ignore[dict-item]  # it only asks
    batch = OrderBatch(store_id=store_id, run_id=uuid4(), claim=uuid4())
    async with without_an_outbox(marketplace_database):
        with pytest.raises(DBAPIError, match="no room in the outbox"):
            await ActivityEnvironment().run(imports.import_batch, batch)
    (log,) = await organization.rows("SELECT status, claim FROM sync_logs WHERE store_id = :id", id=store_id)
    assert (log.status, log.claim, asked.receipts) == ("pending", None, [])
    assert (await ActivityEnvironment().run(imports.import_batch, batch)).tally.failed == 1
    assert (await told(marketplace_database, organization.id), asked.receipts) == (["sync.started"], ["r-1"])


async def test_a_bulk_sync_neither_begins_nor_ends_without_saying_so(marketplace_database: Database) -> None:
    stock = await Stock(marketplace_database).link()
    operation_id = uuid4()
    async with marketplace_database.begin() as connection:
        await operations.register(connection, stock.user_id, operation_id, "bulk_sync", {"mode": "bulk_sync"})
    ref = OperationRef(user_id=stock.user_id, operation_id=operation_id)
    async with without_an_outbox(marketplace_database):
        with pytest.raises(DBAPIError, match="no room in the outbox"):
            await stock.operations.begin_sync(ref)
    assert await operation_status(marketplace_database, operation_id) == "pending"
    await stock.operations.begin_sync(ref)
    async with without_an_outbox(marketplace_database):
        with pytest.raises(DBAPIError, match="no room in the outbox"):
            await stock.abort(operation_id)
    assert await operation_status(marketplace_database, operation_id) == "running"
    await stock.abort(operation_id)
    staged, _ = await stock.stage([product(1)])
    await stock.apply(staged)
    async with without_an_outbox(marketplace_database):
        with pytest.raises(DBAPIError, match="no room in the outbox"):
            await stock.finish(staged)
    assert await operation_status(marketplace_database, staged) == "running"
    await stock.finish(staged)
    events = await told(marketplace_database, str(stock.user_id))
    assert events == ["sync.started", "sync.failed", "sync.completed"]


async def test_a_batch_of_the_bridge_neither_begins_nor_ends_without_saying_so(
    marketplace_database: Database,
) -> None:
    bridge = BridgeRuns(marketplace_database)
    await bridge.define("items", ["number"], source="untold")
    bridge.erp.tables["items"] = [{"number": "P-1"}]
    uid = await bridge.register("items", source_system="untold")
    async with without_an_outbox(marketplace_database):
        with pytest.raises(DBAPIError, match="no room in the outbox"):
            await bridge.activity(bridge.lifecycle.begin_batch, BatchRef(batch_uid=uid))
    assert (await bridge.batch(uid)).status == "pending"
    await bridge.pages(uid)
    async with without_an_outbox(marketplace_database):
        with pytest.raises(DBAPIError, match="no room in the outbox"):
            await bridge.finish(uid)
    assert (await bridge.batch(uid)).status == "running"
    await bridge.finish(uid)
    assert await told(marketplace_database, "bridge:untold") == ["sync.started", "sync.completed"]
