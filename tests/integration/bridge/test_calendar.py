"""A week of nights on a real server whose time is skipped: real decisions and rows, one worker dying in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update
from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.bridge.background import BackgroundNights
from db.bridge.tables import sync_batches
from db.session import Database
from devstack.temporal import configuration_flags, temporal_program
from domain.pipeline.windows import Window, opening
from tests.helpers.calendar_workflow import Calendar, CalendarWorkflow
from tests.helpers.nights import Nights, Table
from tests.helpers.scripted import error
from workflows import search_attributes
from workflows.bridge.background import BackgroundSyncWorkflow
from workflows.bridge.contracts import Abort, BatchPlan, BatchRef, Ended, Fetched, PageCounts, PageRef
from workflows.task_queues import BULK_SYNC, DEFAULT, HIGH_PRIORITY

ROME = ZoneInfo("Europe/Rome")
ROWS = 7_003


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Of a server that skips the time in which nothing happens."""
    flags = [*configuration_flags(), "--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=temporal_program(),
        dev_server_extra_args=flags,
        data_converter=pydantic_data_converter,
        search_attributes=search_attributes.ALL,
    ) as environment:
        yield environment.client


class Pages:
    """Pages of a numbered table. The eleventh is under way when its worker ends; a later one loses its night."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database, self._table = database, table
        self.pages = 0
        self.failures = [error("SourceRejected")]
        self.reached = asyncio.Event()
        self.released = asyncio.Event()
        self.given = 0

    @activity.defn(name="begin_batch")
    async def begin_batch(self, ref: BatchRef) -> BatchPlan:
        await self._status(ref, "running")
        # All in one run: of a child that continues as new, this server's skipped time is counted twice.
        return BatchPlan()

    @activity.defn(name="fetch_page")
    async def fetch_page(self, page: PageRef) -> Fetched:
        self.pages += 1
        if self.pages == 11:
            self.reached.set()
            await self.released.wait()
        if self.pages > 15 and self.failures:
            raise self.failures.pop()
        assert page.rows is not None
        last = await self._table.page(self._database, page.batch_uid, page.page_no, page.rows)
        self.given = self._table.taken[-1][1]
        return Fetched(rows=self.given, last=last)

    @activity.defn(name="process_page")
    async def process_page(self, _page: PageRef) -> PageCounts:
        return PageCounts(rows=self.given, skipped=self.given)

    @activity.defn(name="finish_batch")
    async def finish_batch(self, ref: BatchRef) -> Ended:
        await self._status(ref, "completed")
        return Ended()

    @activity.defn(name="abort_batch")
    async def abort_batch(self, request: Abort) -> None:
        await self._status(request, "failed")

    async def _status(self, ref: BatchRef, status: str) -> None:
        async with self._database.begin() as connection:
            of_batch = update(sync_batches).where(sync_batches.c.uid == ref.batch_uid)
            await connection.execute(of_batch.values(status=status))


@asynccontextmanager
async def serving(client: Client, nights: Nights, pages: Pages) -> AsyncIterator[None]:
    decisions = BackgroundNights(nights.database, nights.handles)  # type: ignore[arg-type]
    by_queue: dict[str, list[Any]] = {
        HIGH_PRIORITY: [],
        BULK_SYNC: [pages.fetch_page, pages.process_page],
        DEFAULT: [
            pages.begin_batch,
            pages.finish_batch,
            pages.abort_batch,
            decisions.open_night,
            decisions.next_page,
            decisions.close_night,
        ],
    }
    async with AsyncExitStack() as stack:
        for queue, activities in by_queue.items():
            workflows = [BackgroundSyncWorkflow, CalendarWorkflow] if queue == HIGH_PRIORITY else []
            worker = Worker(
                client, task_queue=queue, workflows=workflows, activities=activities, max_cached_workflows=0
            )
            await stack.enter_async_context(worker)
        yield


def evening_before_a_change() -> date:
    """In three days the clocks of Rome change; the next time they do."""
    day = datetime.now(UTC).date() + timedelta(days=5)
    while datetime.combine(day, time(0), ROME).utcoffset() == datetime.combine(day, time(12), ROME).utcoffset():
        day += timedelta(days=1)
    return day - timedelta(days=3)


async def test_a_week_of_nights_over_a_change_of_the_clocks_with_a_dead_worker_and_a_lost_night(
    client: Client, database_url: str
) -> None:
    database = Database.connect(database_url)
    nights = Nights(database, Table(ROWS))
    await nights.define(total_rows_estimate=ROWS, zone="Europe/Rome", page_size=400)
    pages, first = Pages(database, nights.table), evening_before_a_change()
    evenings = [opening(Window(zone="Europe/Rome"), first + timedelta(days=number)).opens for number in range(8)]
    # Each skip costs a second: the looks at full hours only where they find something to do.
    looks = sorted([*evenings, evenings[4] + timedelta(hours=1)])
    assert len({evening.astimezone(ROME).utcoffset() for evening in evenings}) == 2
    async with serving(client, nights, pages):
        handle = await client.start_workflow(
            CalendarWorkflow.run,
            Calendar(schedule_uid=nights.uid, looks=looks),
            id="calendar",
            task_queue=HIGH_PRIORITY,
        )
        await asyncio.wait_for(pages.reached.wait(), 20)
    pages.released.set()
    async with serving(client, nights, pages):
        ended = await asyncio.wait_for(handle.result(), 60)
    schedule = await nights.schedule()
    await database.close()
    assert (schedule.state, schedule.current_offset) == ("completed", ROWS)
    # Seven nights did it all, a share each; the eighth evening had nothing to do.
    assert schedule.night == first + timedelta(days=6)
    assert [result.totals.rows for result in ended if result.completed] == [schedule.rows_tonight]
    taken = nights.table.taken
    assert nights.table.in_order
    assert sum(rows for _, rows in taken) == ROWS
    assert len(ended) == len(looks) - 1
