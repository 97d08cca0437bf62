"""What an operator sees of a bulk sync: phases, search attributes, summaries, policies; and what nobody may see."""

from __future__ import annotations

from typing import Any

from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes
from temporalio.client import Client, WorkflowHandle

from tests.helpers import eventually
from tests.helpers.fake_cards import FakeCards, serving, start_sync
from tests.helpers.histories import events, summaries
from tests.helpers.scripted import error
from workflows import search_attributes
from workflows.cards import steps
from workflows.cards.contracts import BulkSyncInput, LiveProgress
from workflows.steps import Step


async def test_the_query_follows_the_sync(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=4, window=1)
    stage, third = fake.hold("stage"), fake.hold("chunk-2")
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)

        async def in_phase(phase: str, done: int) -> LiveProgress:
            found: LiveProgress = await handle.query("progress", result_type=LiveProgress)
            assert (found.phase, found.chunks_done) == (phase, done)
            return found

        downloading = await eventually(lambda: in_phase("downloading", 0))
        stage.set()
        applying = await eventually(lambda: in_phase("applying", 2))
        third.set()
        await handle.result()
        await in_phase("done", 4)
    assert downloading.chunk_count == 0
    assert (applying.chunk_count, applying.totals.rows) == (4, 3)


async def test_search_attributes_tell_status_phase_and_progress(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=4, window=1)
    third = fake.hold("chunk-2")
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)

        async def shown() -> None:
            found = (await handle.describe()).typed_search_attributes
            assert found.get(search_attributes.PROGRESS) == 50

        await eventually(shown)
        running = (await handle.describe()).typed_search_attributes
        third.set()
        await handle.result()
    ended = (await handle.describe()).typed_search_attributes
    assert running[search_attributes.SYNC_STATUS] == "running"
    assert running[search_attributes.SYNC_PHASE] == "applying"
    assert ended[search_attributes.SYNC_STATUS] == "completed"
    assert ended[search_attributes.SYNC_PHASE] == "done"
    assert ended[search_attributes.PROGRESS] == 100
    assert ended[search_attributes.USER_ID] == str(start.user_id)


async def test_a_failed_sync_says_so(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards()
    fake.fail_always("stage", error("TokenRejected"))
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)
        await eventually_closed(handle)
    ended = (await handle.describe()).typed_search_attributes
    assert ended[search_attributes.SYNC_STATUS] == "failed"
    assert ended[search_attributes.SYNC_PHASE] == "done"


async def eventually_closed(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait for the end, whatever it is."""

    async def closed() -> None:
        assert await events(handle, "WORKFLOW_EXECUTION_FAILED")

    await eventually(closed)


async def test_every_activity_carries_its_id_summary_queue_policy_and_fairness_key(
    temporal_client: Client, start: BulkSyncInput
) -> None:
    fake = FakeCards(chunks=2)
    fake.fail_always("chunk-1", error("ChunkUnreadable"))
    fake.fail_always("stage", error("ExportTooSlow"))
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)
        await handle.result()
    assert await summaries(handle) == {
        "begin": "open the operation",
        "stage": "download and stage the export",
        "stage-by-expansion": "stage one export per expansion",
        "chunk-0": "chunk-0, 1 of 2",
        "chunk-1": "chunk-1, 2 of 2",
        "lose-1": "give up chunk-1: ChunkUnreadable",
        "reread": "read contested rows again",
        "finish": "settle what is gone, close the operation",
    }
    known = {step.name: step for step in vars(steps).values() if isinstance(step, Step)}
    for event in await events(handle, "ACTIVITY_TASK_SCHEDULED"):
        scheduled = event.activity_task_scheduled_event_attributes
        follows_its_policy(scheduled, known[scheduled.activity_type.name])
        assert scheduled.priority.fairness_key == str(start.user_id)


def follows_its_policy(scheduled: ActivityTaskScheduledEventAttributes, step: Step[Any, Any]) -> None:
    """The scheduled activity has exactly the times of its step's policy, and a total budget."""
    policy = step.policy
    assert scheduled.task_queue.name == step.queue
    assert scheduled.start_to_close_timeout.ToTimedelta() == policy.start_to_close
    assert scheduled.schedule_to_close_timeout.ToTimedelta() == policy.schedule_to_close
    assert list(scheduled.retry_policy.non_retryable_error_types) == list(policy.retry.non_retryable_error_types or ())
    assert scheduled.retry_policy.maximum_attempts == 0
    if policy.heartbeat:
        assert scheduled.heartbeat_timeout.ToTimedelta() == policy.heartbeat


async def test_a_large_fan_out_stays_within_its_events(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=40, window=4)
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)
        await handle.result()
    history = await handle.fetch_history()
    # 200 chunks are a million products, which may cost 1,500 events.
    assert len(history.events) <= 40 * 7.5
