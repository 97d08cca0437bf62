"""A page of the sweep on real PostgreSQL and a Temporal without workers: who is visited, once, how many at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.testing import ActivityEnvironment

from activities.cards.sweep import ReconcileSweep
from db.cards import operations
from db.session import Database
from tests.helpers.stock import Stock
from workflows.cards.contracts import BulkSyncInput, SweepPage, SweepPeriod, SweptPage, bulk_sync_id
from workflows.cards.starting import MEMO_OPERATION, running_operation, start_bulk_sync
from workflows.search_attributes import USER_ID

CALL = timedelta(seconds=5)


class Market:
    """Sellers of a database of their own, and the sweep over them."""

    def __init__(self, database: Database, client: Client) -> None:
        self.database, self.client = database, client
        self.sweep = ReconcileSweep(database, client)
        self.sweep_id = uuid4()
        self.sellers: list[UUID] = []

    async def seller(self, **columns: str) -> UUID:
        """A seller whose last sync succeeded, unless the columns say otherwise."""
        values = {"sync_status": "'active'", "last_sync_at": "now()", **columns}
        stock = await Stock(self.database).link()
        await self.execute(
            f"UPDATE user_sync_settings SET {', '.join(f'{name} = {value}' for name, value in values.items())}"  # noqa: S608
            " WHERE user_id = :user",
            user=stock.user_id,
        )
        self.sellers.append(stock.user_id)
        return stock.user_id

    async def execute(self, query: str, **values: object) -> list[tuple[object, ...]]:
        async with self.database.begin() as connection:
            result = await connection.execute(text(query), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    async def page(self, **changes: object) -> SweptPage:
        """Run the activity."""
        wanted = SweepPage.model_validate({"sweep_id": self.sweep_id, "most": 50, **changes})
        return await ActivityEnvironment().run(self.sweep.sweep_page, wanted)

    async def swept(self) -> set[UUID]:
        """Whose sync runs in the name of an operation of this database."""
        rows = await self.execute("SELECT user_id, operation_id FROM sync_operations WHERE status = 'pending'")
        running = {user: await running_operation(self.client, UUID(str(user)), timeout=CALL) for user, _ in rows}
        return {UUID(str(user)) for user, operation in rows if running[user] == operation}


@pytest.fixture
async def market(database_url: str, temporal_client: Client) -> AsyncIterator[Market]:
    """No seller yet; what was started is terminated afterwards. No worker runs."""
    database = Database.connect(database_url)
    opened = Market(database, temporal_client)
    yield opened
    for user_id in opened.sellers:
        if await running_operation(temporal_client, user_id, timeout=CALL):
            await temporal_client.get_workflow_handle(bulk_sync_id(user_id)).terminate()
    await database.close()


async def test_active_accounts_are_visited_and_nobody_else(market: Market) -> None:
    visited = {
        await market.seller(),
        await market.seller(),
        # Its workflow was ended from outside: the next sweep starts another.
        await market.seller(sync_status="'initial_sync'"),
    }
    await market.seller(sync_status="'error'")
    await market.seller(sync_status="'idle'")
    await market.seller(sync_status="'initial_sync'", last_sync_at="NULL")
    await market.seller(suspended_at="now()")
    swept = await market.page()
    assert (swept.started, swept.skipped, swept.is_last, swept.after) == (3, 0, True, max(visited))
    assert await market.swept() == visited
    plan = await ActivityEnvironment().run(market.sweep.plan_sweep, SweepPeriod())
    assert (plan.accounts, plan.page, plan.pause_seconds) == (3, 1, 60)


async def test_a_started_sync_is_registered_and_told_as_the_facade_does(market: Market) -> None:
    user_id = await market.seller()
    await market.page()
    [(operation_id, kind, metadata)] = await market.execute(
        "SELECT operation_id, operation_type, operation_metadata FROM sync_operations"
    )
    assert (kind, metadata) == ("periodic_sync", {"mode": "periodic_sync", "force": False})
    description = await market.client.get_workflow_handle(bulk_sync_id(user_id)).describe()
    assert await description.memo_value(MEMO_OPERATION) == operation_id
    assert description.typed_search_attributes[USER_ID] == str(user_id)
    assert await description.static_summary() == "Reconciliation"
    event = await anext(market.client.get_workflow_handle(bulk_sync_id(user_id)).fetch_history_events())
    [start] = await market.client.data_converter.decode(
        event.workflow_execution_started_event_attributes.input.payloads, [BulkSyncInput]
    )
    assert (start.mode, start.dry_run, str(start.operation_id)) == ("periodic_sync", False, operation_id)


async def test_pages_go_on_where_the_last_one_ended(market: Market) -> None:
    sellers = sorted([await market.seller() for _ in range(5)])
    first = await market.page(most=2)
    second = await market.page(most=2, after=first.after)
    third = await market.page(most=2, after=second.after)
    assert [first.after, second.after, third.after] == [sellers[1], sellers[3], sellers[4]]
    assert [first.is_last, second.is_last, third.is_last] == [False, False, True]
    assert await market.swept() == set(sellers)


async def test_a_repeated_page_starts_nothing_twice(market: Market) -> None:
    sellers = {await market.seller() for _ in range(3)}
    first = await market.page()
    runs = {user: await run_id(market, user) for user in sellers}
    assert await market.page() == first
    assert {user: await run_id(market, user) for user in sellers} == runs
    assert len(await market.execute("SELECT 1 FROM sync_operations")) == 3


async def test_a_page_repeated_after_a_sync_has_ended_does_not_start_it_again(market: Market) -> None:
    user_id = await market.seller()
    await market.page()
    await market.client.get_workflow_handle(bulk_sync_id(user_id)).terminate()
    await market.execute("UPDATE sync_operations SET status = 'completed'")
    assert (await market.page()).started == 1
    assert await running_operation(market.client, user_id, timeout=CALL) is None


async def run_id(market: Market, user_id: UUID) -> str:
    return (await market.client.get_workflow_handle(bulk_sync_id(user_id)).describe()).run_id or ""


async def test_an_account_with_a_running_sync_is_skipped_without_a_trace(market: Market) -> None:
    busy, free = sorted([await market.seller(), await market.seller()])
    theirs = uuid4()
    async with market.database.begin() as connection:
        await operations.register(connection, busy, theirs, "bulk_sync", {})
    await start_bulk_sync(market.client, BulkSyncInput(user_id=busy, operation_id=theirs), timeout=CALL)
    swept = await market.page()
    assert (swept.started, swept.skipped) == (1, 1)
    rows = await market.execute("SELECT user_id, operation_type FROM sync_operations ORDER BY operation_type")
    assert rows == [(busy, "bulk_sync"), (free, "periodic_sync")]
    running = await market.client.get_workflow_handle(bulk_sync_id(busy)).describe()
    assert running.status == WorkflowExecutionStatus.RUNNING


async def test_no_more_run_at_once_than_allowed(market: Market) -> None:
    sellers = sorted([await market.seller() for _ in range(4)])
    first = await market.page(most_running=3)
    assert (first.started, first.after, first.is_last) == (3, sellers[2], False)
    full = await market.page(most_running=3, after=first.after)
    assert (full.started, full.after, full.is_last) == (0, sellers[2], False)
    await market.execute("UPDATE sync_operations SET status = 'completed' WHERE user_id = :user", user=sellers[0])
    last = await market.page(most_running=3, after=full.after)
    assert (last.started, last.after) == (1, sellers[3])


async def test_what_was_ended_from_outside_takes_no_room_for_ever(market: Market) -> None:
    await market.seller()
    await market.page(most_running=1)
    await market.seller()
    assert (await market.page(most_running=1)).started == 0
    await market.execute("UPDATE sync_operations SET created_at = now() - interval '7 hours'")
    assert (await market.page(most_running=1, period_minutes=360)).started == 1
