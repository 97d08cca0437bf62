"""A bulk sync through cancellations, dead workers, planned continuation and waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError, WorkflowAlreadyStartedError

from tests.helpers import eventually
from tests.helpers.fake_cards import FakeCards, serving, start_sync
from tests.helpers.histories import events
from tests.helpers.scripted import error
from workflows.cards.contracts import AbortSync, BulkSyncInput, LiveProgress


async def reached(fake: FakeCards, activity_id: str) -> None:
    """Wait until an activity was started."""

    def started() -> None:
        assert activity_id in fake.ids

    await eventually(started)


@pytest.mark.parametrize("window", [1, 3, 20])
async def test_the_window_is_filled_and_never_exceeded(
    temporal_client: Client, start: BulkSyncInput, window: int
) -> None:
    fake = FakeCards(chunks=12, window=window)
    gates = [fake.hold(f"chunk-{number}") for number in range(12)]
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)

        def full() -> None:
            assert fake.most_in_flight == min(window, 12)

        await eventually(full)
        for gate in gates:
            gate.set()
        await handle.result()
    assert fake.most_in_flight == min(window, 12)


@pytest.mark.parametrize("activity_id", ["begin", "stage", "chunk-2", "lose-0", "reread", "finish"])
async def test_a_cancelled_sync_is_closed_wherever_it_stands(
    temporal_client: Client, start: BulkSyncInput, activity_id: str
) -> None:
    fake = FakeCards(chunks=5, window=3)
    if activity_id == "lose-0":
        fake.fail_always("chunk-0", error("ChunkUnreadable"))
    fake.hold(activity_id)
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)
        await reached(fake, activity_id)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        progress = await handle.query("progress", result_type=LiveProgress)
    assert isinstance(caught.value.cause, CancelledError)
    assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED
    ref = {"user_id": start.user_id, "operation_id": start.operation_id}
    assert fake.requests["abort"] == [AbortSync(**ref, code="SYNC_CANCELLED", cancelled=True)]
    assert progress.phase == "done"
    # A chunk that was in flight may still have been applied: the database's numbers are the final ones.
    assert progress.totals.rows <= sum(number + 1 for number in fake.applied)
    assert "finish" not in fake.ids or activity_id == "finish"
    assert not await events(handle, "WORKFLOW_TASK_FAILED")


@pytest.mark.parametrize("cancelled_before", [True, False])
async def test_the_operation_is_closed_even_if_a_cancellation_meets_the_closing(
    temporal_client: Client, start: BulkSyncInput, cancelled_before: bool
) -> None:
    fake = FakeCards(chunks=1)
    fake.fail_always("stage", error("TokenRejected"))
    abort = fake.hold("abort")
    stage = fake.hold("stage")
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)
        await reached(fake, "stage")
        if cancelled_before:
            await handle.cancel()
        stage.set()
        await reached(fake, "abort")
        await handle.cancel()
        await eventually_requested(handle)
        abort.set()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    completed = await events(handle, "ACTIVITY_TASK_COMPLETED")
    scheduled = {
        event.event_id: event.activity_task_scheduled_event_attributes.activity_id
        for event in await events(handle, "ACTIVITY_TASK_SCHEDULED")
    }
    done = [scheduled[event.activity_task_completed_event_attributes.scheduled_event_id] for event in completed]
    assert done == ["begin", "abort"]
    assert isinstance(caught.value.cause, CancelledError if cancelled_before else ApplicationError)


async def eventually_requested(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until the workflow worked on the cancellation."""

    async def requested() -> None:
        [cancel, *_] = await events(handle, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")
        tasks = await events(handle, "WORKFLOW_TASK_COMPLETED")
        assert tasks[-1].event_id > cancel.event_id

    await eventually(requested)


async def test_continuing_as_new_sends_no_chunk_twice_and_keeps_the_sums(
    temporal_client: Client, start: BulkSyncInput
) -> None:
    fake = FakeCards(chunks=11, chunks_per_run=3, window=2)
    fake.fail_always("chunk-4", error("ChunkUnreadable"))
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)
        result = await handle.result()
        progress = await handle.query("progress", result_type=LiveProgress)
    assert fake.applied == {number: 1 for number in range(11) if number != 4}
    assert fake.attempts("begin") == 4
    assert (fake.attempts("stage"), fake.attempts("finish"), fake.attempts("lose-4")) == (1, 1, 1)
    assert (progress.chunk_count, progress.chunks_done) == (11, 11)
    assert (progress.totals.rows, progress.totals.created, progress.totals.failed) == (66, 61, 5)
    assert result.status == "completed_with_errors"
    assert fake.requests["finish"][0].failed_chunks == 1


async def test_a_run_that_ends_with_the_last_chunk_does_not_continue(
    temporal_client: Client, start: BulkSyncInput
) -> None:
    fake = FakeCards(chunks=4, chunks_per_run=2)
    async with serving(temporal_client, fake):
        await (await start_sync(temporal_client, start)).result()
    assert fake.attempts("begin") == 2


async def test_five_dead_workers_cost_no_chunk_and_repeat_none_that_was_done(
    temporal_client: Client, start: BulkSyncInput
) -> None:
    fake = FakeCards(chunks=12, window=2)
    gates = [fake.hold(f"chunk-{number}") for number in range(12)]
    handle = await start_sync(temporal_client, start)
    for life in range(5):
        async with serving(temporal_client, fake):
            await reached(fake, f"chunk-{2 * life + 1}")
            gates[2 * life].set()

            def one_more(done: int = 2 * life) -> None:
                assert done in fake.applied

            await eventually(one_more)
            await reached(fake, f"chunk-{2 * life + 2}")
        # The worker died with a chunk or two in flight; they are tried again elsewhere.
        gates[2 * life + 1].set()
    for gate in gates:
        gate.set()
    async with serving(temporal_client, fake):
        result = await handle.result()
    assert (result.status, result.totals.rows) == ("completed", 78)
    assert fake.applied == dict.fromkeys(range(12), 1)
    assert not await events(handle, "WORKFLOW_TASK_FAILED")


async def test_a_worker_that_remembers_nothing_replays_the_sync_at_every_step(
    temporal_client: Client, start: BulkSyncInput
) -> None:
    fake = FakeCards(chunks=6, window=2, chunks_per_run=4)
    async with serving(temporal_client, fake, max_cached_workflows=0, max_concurrent_workflow_task_polls=1):
        handle = await start_sync(temporal_client, start)
        result = await handle.result()
    assert result.totals.rows == 21
    assert fake.applied == dict.fromkeys(range(6), 1)


async def test_a_wait_asked_for_replaces_the_backoff(temporal_client: Client, start: BulkSyncInput) -> None:
    waits = [1.5, 0.05, 0.05, 0.05]
    fake = FakeCards(chunks=1)
    limited = [
        ApplicationError("wait", type="RateLimited", next_retry_delay=timedelta(seconds=seconds)) for seconds in waits
    ]
    fake.fail("stage", *limited)
    async with serving(temporal_client, fake):
        await (await start_sync(temporal_client, start)).result()
    first, second, *_, last = fake.attempt_times["stage"]
    # The backoff would be one second at first, and fourteen for the other three.
    assert second - first > 1.4
    assert last - second < 6


async def test_a_second_start_of_the_same_seller_is_refused_until_the_first_ended(
    temporal_client: Client, start: BulkSyncInput
) -> None:
    fake = FakeCards(chunks=1)
    gate = fake.hold("stage")
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)
        with pytest.raises(WorkflowAlreadyStartedError):
            await start_sync(temporal_client, start.model_copy(update={"force": True}))
        gate.set()
        await handle.result()
        assert (await (await start_sync(temporal_client, start)).result()).status == "completed"
