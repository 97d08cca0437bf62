"""PendingChildrenWorkflow on a real server: parents before children, until nothing is due; nothing for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from tests.helpers import eventually
from tests.helpers.fake_bridge import FakeChildren, children_run, serving
from tests.helpers.scripted import error
from workflows.bridge.contracts import PENDING_CHILDREN_ID, PENDING_CHILDREN_WORKFLOW, ChildrenState, bridge_batch_id
from workflows.bridge.starting import cancel_batch, running_batch, start_batch, wake_pending_children
from workflows.task_queues import HIGH_PRIORITY

CALL = timedelta(seconds=10)


async def woken(client: Client) -> WorkflowHandle[object, ChildrenState]:
    await wake_pending_children(client, timeout=CALL)
    return client.get_workflow_handle(PENDING_CHILDREN_ID, result_type=ChildrenState)


def batches(fake: FakeChildren) -> list[str]:
    return [request.batch_uid.bytes.lstrip(b"\0").decode() for request in fake.requests.get("begin", [])]


async def test_rounds_go_on_until_one_finds_nothing(temporal_client: Client) -> None:
    fake = FakeChildren(["items", "orders"], ["lines"])
    async with serving(temporal_client, fake, max_cached_workflows=0):
        ended = await (await woken(temporal_client)).result()
    assert batches(fake) == ["items", "orders", "lines"]
    assert ended.batches == 3
    # The signal that began it makes for one more look.
    assert fake.looks == ended.rounds == 3


async def test_a_batch_that_fails_ends_the_rounds_and_not_the_others(temporal_client: Client) -> None:
    fake = FakeChildren(["items", "orders"], ["items"], ["items"], ["items"])
    fake.fail("begin", error("EntityDisabled"))
    async with serving(temporal_client, fake):
        await (await woken(temporal_client)).result()
    assert batches(fake)[:2] == ["items", "orders"]
    assert fake.looks <= 5
    assert fake.requests["abort"][0].code == "ENTITY_DISABLED"


async def test_a_batch_that_keeps_failing_is_not_found_for_ever(temporal_client: Client) -> None:
    fake = FakeChildren(*[["items"]] * 100)
    fake.fail_always("begin", error("EntityDisabled"))
    async with serving(temporal_client, fake):
        ended = await (await woken(temporal_client)).result()
    assert ended.rounds <= 2


async def test_what_is_found_anew_for_ever_is_left_to_the_next_five_minutes(temporal_client: Client) -> None:
    fake = FakeChildren(*[["items"]] * 100)
    async with serving(temporal_client, fake):
        late: WorkflowHandle[object, ChildrenState] = await temporal_client.start_workflow(
            PENDING_CHILDREN_WORKFLOW,
            ChildrenState(rounds=18),
            id=PENDING_CHILDREN_ID,
            task_queue=HIGH_PRIORITY,
            result_type=ChildrenState,
        )
        ended = await late.result()
    assert ended.rounds == 21


async def test_a_batch_of_the_entity_that_runs_is_left_alone(temporal_client: Client) -> None:
    fake = FakeChildren(["items"])
    run = children_run("items")
    gate = fake.hold("begin")
    async with serving(temporal_client, fake):
        first = await start_batch(temporal_client, run, timeout=CALL)
        assert await running_batch(temporal_client, "erp", "items", timeout=CALL) == run.batch_uid
        assert (await (await woken(temporal_client)).result()).batches == 1
        gate.set()
        await first.result()
        assert await running_batch(temporal_client, "erp", "items", timeout=CALL) is None
        assert await running_batch(temporal_client, "erp", "never", timeout=CALL) is None
    assert "abort" not in fake.ids


async def test_a_stopped_batch_of_children_is_not_the_end(temporal_client: Client) -> None:
    fake = FakeChildren(["items", "orders"])
    gate = fake.hold("fetch-1")
    async with serving(temporal_client, fake):
        handle = await woken(temporal_client)

        def reached() -> None:
            assert "fetch-1" in fake.ids

        await eventually(reached)
        assert await cancel_batch(temporal_client, children_run("items"), timeout=CALL)
        gate.set()
        ended = await handle.result()
    assert ended.batches == 2
    assert batches(fake) == ["items", "orders"]
    assert not await cancel_batch(temporal_client, children_run("items"), timeout=CALL)
    assert not await cancel_batch(temporal_client, children_run("never"), timeout=CALL)


async def test_cancelled_itself_it_takes_its_batch_with_it(temporal_client: Client) -> None:
    fake = FakeChildren(["items", "orders"])
    fake.hold("fetch-1")
    async with serving(temporal_client, fake):
        handle = await woken(temporal_client)

        def reached() -> None:
            assert "fetch-1" in fake.ids

        await eventually(reached)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        child = temporal_client.get_workflow_handle(bridge_batch_id("erp", "items"))
        with pytest.raises(WorkflowFailureError):
            await child.result()
    assert fake.requests["abort"][0].cancelled
    assert batches(fake) == ["items"]


async def test_parents_that_come_during_a_look_make_for_another(temporal_client: Client) -> None:
    fake = FakeChildren([], ["items"])
    gate = fake.hold("due")
    async with serving(temporal_client, fake):
        by_schedule: WorkflowHandle[object, ChildrenState] = await temporal_client.start_workflow(
            PENDING_CHILDREN_WORKFLOW,
            ChildrenState(),
            id=PENDING_CHILDREN_ID,
            task_queue=HIGH_PRIORITY,
            result_type=ChildrenState,
        )

        def looking() -> None:
            assert "due" in fake.ids

        await eventually(looking)
        await woken(temporal_client)
        gate.set()
        ended = await by_schedule.result()
    assert (ended.batches, batches(fake)) == (1, ["items"])
