"""Events of the other contexts: written in the transaction that ends, or begins, what they tell."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from activities.cards.errors import OperationClosed
from db.cards import operations
from db.session import Database
from tests.helpers.bridge_runs import BridgeRuns
from tests.helpers.marketplace import Organization
from tests.helpers.stock import Stock, product
from workflows.cards.contracts import OperationRef


async def told(database: Database, organization_id: str) -> list[tuple[str, dict[str, Any]]]:
    """(event, data) for an organisation, oldest first."""
    rows = await Organization(database, organization_id).rows(
        "SELECT event, payload::jsonb -> 'data' AS data FROM callback_outbox WHERE organization_id = :id ORDER BY id",
        id=organization_id,
    )
    return [(row.event, row.data) for row in rows]


async def test_a_bulk_sync_tells_its_start_and_its_end_to_the_seller(marketplace_database: Database) -> None:
    stock = await Stock(marketplace_database).link()
    organization = Organization(marketplace_database, str(stock.user_id))
    endpoint = await organization.listen("https://seller.example/hook", "sync.completed")
    operation_id, _ = await stock.stage([product(1), product(2)])
    for _ in range(2):
        await stock.operations.begin_sync(OperationRef(user_id=stock.user_id, operation_id=operation_id))
    await stock.apply(operation_id, 0)
    for _ in range(2):
        await stock.finish(operation_id)
    (started, _), (completed, data) = await told(marketplace_database, organization.id)
    assert (started, completed) == ("sync.started", "sync.completed")
    assert (data["source"], data["processedCount"], data["createdCount"]) == ("cards", 2, 2)
    assert await organization.deliveries(endpoint.id) == [(1, "waiting", 0)]


async def test_a_sync_that_ends_without_success_tells_why_and_once(marketplace_database: Database) -> None:
    stock = await Stock(marketplace_database).link()
    operation_id, _ = await stock.stage([product(1)])
    for _ in range(2):
        await stock.abort(operation_id, "SYNC_CANCELLED", cancelled=True)
    (failed,) = await told(marketplace_database, str(stock.user_id))
    assert (failed[0], failed[1]["code"]) == ("sync.failed", "SYNC_CANCELLED")


async def test_a_sync_that_lost_its_workflow_is_told_to_have_failed_when_the_next_begins(
    marketplace_database: Database,
) -> None:
    stock = await Stock(marketplace_database).link()
    lost, _ = await stock.stage([product(1)])
    following = uuid4()
    async with marketplace_database.begin() as connection:
        await operations.register(connection, stock.user_id, following, "bulk_sync", {"mode": "bulk_sync"})
    await stock.operations.begin_sync(OperationRef(user_id=stock.user_id, operation_id=following))
    failed, started = await told(marketplace_database, str(stock.user_id))
    assert (failed[0], failed[1]["operationId"], failed[1]["code"]) == ("sync.failed", str(lost), "SYNC_INTERRUPTED")
    assert (started[0], started[1]["operationId"]) == ("sync.started", str(following))


async def test_a_dry_run_tells_nothing(marketplace_database: Database) -> None:
    stock = await Stock(marketplace_database).link()
    await stock.sync([product(1)], dry_run=True)
    assert await told(marketplace_database, str(stock.user_id)) == []


async def test_what_cannot_be_finished_tells_no_end(marketplace_database: Database) -> None:
    stock = await Stock(marketplace_database).link()
    unknown = OperationRef(user_id=stock.user_id, operation_id=uuid4())
    with pytest.raises(OperationClosed):
        await stock.operations.begin_sync(unknown)
    with pytest.raises(OperationClosed):
        await stock.finish(unknown.operation_id)
    assert await told(marketplace_database, str(stock.user_id)) == []


async def test_a_batch_of_the_bridge_tells_its_start_and_its_end(marketplace_database: Database) -> None:
    bridge = BridgeRuns(marketplace_database)
    await bridge.define("items", ["number"])
    bridge.erp.tables["items"] = [{"number": "P-1", "name": "bolt"}]
    await bridge.sync("items")
    (organization,) = await Organization(marketplace_database).rows(
        "SELECT DISTINCT organization_id FROM callback_outbox WHERE organization_id LIKE 'bridge:%'"
    )
    events = await told(marketplace_database, organization[0])
    assert [name for name, _ in events] == ["sync.started", "sync.completed"]
    assert (events[1][1]["entity"], events[1][1]["rowsFetched"]) == ("items", 1)
