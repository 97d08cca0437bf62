"""StorePushWorkflow and its sweep against a real server: nothing signalled is lost, waits end, idle ones too."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleOverlapPolicy, WorkflowHandle
from temporalio.exceptions import ApplicationError

from settings import Settings
from tests.helpers import eventually
from tests.helpers.fake_central import FakeQueue, alive, serving, swept
from tests.helpers.scripted import error
from worker import wanted_schedules
from workflows.store.contracts import CHANGES_PENDING, StorePage
from workflows.store.poking import poke_store
from workflows.store.schedules import STORE_PUSH, store_schedules


async def runs(client: Client, handle: WorkflowHandle[Any, Any]) -> int:
    return (await client.count_workflows(f'WorkflowId = "{handle.id}"')).count


async def test_no_movement_is_lost_over_many_continuations(temporal_client: Client) -> None:
    fake = FakeQueue(batch=3)
    async with serving(temporal_client, fake):
        handle = await alive(temporal_client, passes_per_run=2)
        for number in range(1, 22):
            fake.waiting.append(number)
            await handle.signal(CHANGES_PENDING)
        await asyncio.wait_for(handle.result(), 30)

        async def counted() -> None:
            assert await runs(temporal_client, handle) >= 3

        await eventually(counted)
    assert fake.pushed == list(range(1, 22))
    assert fake.unread == 0


async def test_a_signal_during_a_pass_makes_one_more(temporal_client: Client) -> None:
    fake = FakeQueue()
    fake.waiting = [1]
    fake.gate.clear()
    async with serving(temporal_client, fake):
        handle = await alive(temporal_client)

        def in_a_pass() -> None:
            assert fake.passes == 1

        await eventually(in_a_pass, 20)
        fake.waiting += [2, 3]
        for _ in range(20):
            await handle.signal(CHANGES_PENDING)
        fake.gate.set()
        await asyncio.wait_for(handle.result(), 20)
    assert (fake.pushed, fake.passes) == ([1, 2, 3], 2)


async def test_a_short_wait_is_sat_through_and_a_long_one_left_to_the_relay(temporal_client: Client) -> None:
    fake = FakeQueue()
    fake.waiting, fake.waits = [1], [1, 1, 900]
    async with serving(temporal_client, fake):
        handle = await alive(temporal_client)
        await asyncio.wait_for(handle.result(), 20)
        assert (fake.pushed, fake.passes) == ([], 3)
        await poke_store(temporal_client, handle.id.removeprefix("store-push:"), timeout=timedelta(seconds=5))

        def pushed() -> None:
            assert fake.pushed == [1]

        await eventually(pushed, 20)
        await temporal_client.get_workflow_handle(handle.id).terminate()


async def test_a_trigger_ends_a_wait(temporal_client: Client) -> None:
    fake = FakeQueue()
    fake.waiting, fake.waits = [1], [60]
    async with serving(temporal_client, fake):
        handle = await alive(temporal_client)

        def waiting() -> None:
            assert fake.passes == 1

        await eventually(waiting, 20)
        await handle.signal(CHANGES_PENDING)
        await asyncio.wait_for(handle.result(), 20)
    assert fake.pushed == [1]


async def test_a_pass_that_cannot_be_made_is_tried_again(temporal_client: Client) -> None:
    fake = FakeQueue()
    fake.waiting = [1]
    fake.failures = [error("DatabaseAway"), ApplicationError("spent", non_retryable=True)]
    async with serving(temporal_client, fake):
        await asyncio.wait_for((await alive(temporal_client)).result(), 20)
    assert (fake.pushed, fake.passes) == ([1], 3)


async def test_large_shops_are_read_a_page_at_a_time_and_sales_come_first(temporal_client: Client) -> None:
    fake = FakeQueue(batch=2)
    fake.waiting, fake.unread = [1], 6
    async with serving(temporal_client, fake):
        await asyncio.wait_for((await alive(temporal_client)).result(), 20)
    assert (fake.unread, fake.pages, fake.passes) == (0, 4, 4)


async def test_a_sweep_wakes_every_shop(temporal_client: Client) -> None:
    fake = FakeQueue()
    fake.failures = [error("TemporalAway")]
    async with serving(temporal_client, fake):
        assert (await asyncio.wait_for((await swept(temporal_client)).result(), 20)).stores == 3


async def test_every_quarter_of_an_hour_where_there_is_a_central(temporal_client: Client) -> None:
    settings = Settings(environment="test", _env_file=None)
    assert STORE_PUSH not in wanted_schedules(settings)
    with_central = settings.model_copy(update={"central_api_base_url": "http://central"})
    schedule = wanted_schedules(with_central)[STORE_PUSH]
    assert schedule.spec.intervals[0].every == timedelta(minutes=15)
    assert schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    assert schedule.action.args == [StorePage()]
    assert store_schedules(timedelta(0)) == {}
