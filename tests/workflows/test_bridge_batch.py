"""BridgeBatchWorkflow on a real server: pages in order, a bounded lead, one closing whatever happens, nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError, WorkflowAlreadyStartedError

from tests.helpers import eventually
from tests.helpers.fake_bridge import FakeBatches, begin, serving
from tests.helpers.histories import events, summaries
from tests.helpers.scripted import Scripted, error
from workflows.bridge.contracts import Abort, BatchRef, BatchResult, BatchRun, LiveBatch, PageCounts, PageRef


@pytest.fixture
def run() -> BatchRun:
    """A batch of an entity no other test uses."""
    return BatchRun(batch_uid=uuid4(), source_system="erp", entity_name=f"items-{uuid4().hex[:8]}")


def inserted(pages: int) -> PageCounts:
    rows = sum(range(pages + 1))
    return PageCounts(rows=rows, inserted=rows)


def has_started(fake: Scripted, *activity_ids: str) -> Callable[[], None]:
    def check() -> None:
        assert set(activity_ids) <= fake.ids

    return check


async def test_every_page_is_fetched_in_order_and_processed_once(temporal_client: Client, run: BatchRun) -> None:
    fake = FakeBatches(pages=5)
    async with serving(temporal_client, fake):
        handle = await begin(temporal_client, run)
        result = await handle.result()
        live = await handle.query("progress", result_type=LiveBatch)
    assert result == BatchResult(pages=5, totals=inserted(5))
    assert live == LiveBatch(pages_fetched=5, pages_done=5, reported=15, totals=inserted(5))
    assert [name for name, _ in fake.started if name.startswith("fetch")] == [f"fetch-{no}" for no in range(1, 6)]
    assert fake.processed == dict.fromkeys(range(1, 6), 1)
    assert "wake" not in fake.ids
    assert fake.requests["page-3"] == [PageRef(batch_uid=run.batch_uid, page_no=3)]
    named = await summaries(handle)
    assert (named["page-3"], named["finish"]) == ("page 3", "delete what is gone, close the batch")
    found = (await handle.describe()).search_attributes
    assert (found["SyncStatus"], found["Progress"], found["EntityName"]) == (["completed"], [100], [run.entity_name])


@pytest.mark.parametrize("window", [1, 3])
async def test_fetching_runs_ahead_by_the_window_and_no_further(
    temporal_client: Client, run: BatchRun, window: int
) -> None:
    fake = FakeBatches(pages=9, window=window)
    gates = [fake.hold(f"page-{number}") for number in range(1, 10)]
    async with serving(temporal_client, fake):
        handle = await begin(temporal_client, run)
        await eventually(has_started(fake, *(f"page-{number}" for number in range(1, window + 1))))
        assert f"fetch-{window + 1}" not in fake.ids
        for gate in gates:
            gate.set()
        await handle.result()
    assert fake.most_ahead == window


async def test_no_more_pages_than_were_asked_for(temporal_client: Client, run: BatchRun) -> None:
    fake = FakeBatches(pages=9, most_pages=4)
    async with serving(temporal_client, fake):
        result = await (await begin(temporal_client, run)).result()
    assert (result.pages, result.totals) == (4, inserted(4))
    assert "fetch-5" not in fake.ids


@pytest.mark.parametrize(("pages", "runs"), [(5, 3), (4, 2)])
async def test_continuing_as_new_repeats_and_skips_no_page(
    temporal_client: Client, run: BatchRun, pages: int, runs: int
) -> None:
    fake = FakeBatches(pages=pages, pages_per_run=2)
    async with serving(temporal_client, fake, max_cached_workflows=0):
        result = await (await begin(temporal_client, run)).result()
    assert (result.pages, result.totals) == (pages, inserted(pages))
    assert fake.processed == dict.fromkeys(range(1, pages + 1), 1)
    assert fake.attempts("begin") == runs


async def test_a_page_that_fails_for_a_while_is_tried_again(temporal_client: Client, run: BatchRun) -> None:
    fake = FakeBatches(pages=2)
    fake.fail("fetch-1", error("SourceUnavailable"))
    fake.fail("page-2", error("OSError"))
    async with serving(temporal_client, fake):
        result = await (await begin(temporal_client, run)).result()
    assert result.totals == inserted(2)
    assert (fake.attempts("fetch-1"), fake.attempts("page-2")) == (2, 2)


@pytest.mark.parametrize(
    ("activity_id", "raised", "code"),
    [
        ("begin", "EntityDisabled", "ENTITY_DISABLED"),
        ("fetch-2", "SourceRejected", "SOURCE_REJECTED"),
        ("page-2", "HubRejected", "HUB_REJECTED"),
        ("finish", "HubUnusable", "HUB_UNUSABLE"),
    ],
)
async def test_a_final_error_closes_the_batch_with_its_code(
    temporal_client: Client, run: BatchRun, activity_id: str, raised: str, code: str
) -> None:
    fake = FakeBatches(pages=9, window=2)
    fake.fail_always(activity_id, error(raised))
    async with serving(temporal_client, fake):
        handle = await begin(temporal_client, run)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == code
    assert fake.requests["abort"] == [Abort(batch_uid=run.batch_uid, code=code)]
    assert ("finish" in fake.ids) == (activity_id == "finish")
    assert "page-9" not in fake.ids or activity_id == "finish"
    assert (await handle.describe()).search_attributes["SyncStatus"] == ["failed"]
    assert not await events(handle, "WORKFLOW_TASK_FAILED")


async def test_pages_beside_one_that_failed_may_end_before_the_batch_is_closed(
    temporal_client: Client, run: BatchRun
) -> None:
    fake = FakeBatches(pages=9, window=2)
    fake.fail_always("page-2", error("HubRejected"))
    gate = fake.hold("page-1")
    async with serving(temporal_client, fake):
        handle = await begin(temporal_client, run)

        async def has_failed() -> None:
            assert await events(handle, "ACTIVITY_TASK_FAILED")

        await eventually(has_failed)
        assert "abort" not in fake.ids
        gate.set()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert fake.processed == {1: 1}
    assert "fetch-3" not in fake.ids


@pytest.mark.parametrize("activity_id", ["begin", "fetch-2", "page-2", "finish"])
async def test_a_stopped_batch_is_closed_wherever_it_stands(
    temporal_client: Client, run: BatchRun, activity_id: str
) -> None:
    fake = FakeBatches(pages=9, window=2)
    gate = fake.hold(activity_id)
    async with serving(temporal_client, fake):
        handle = await begin(temporal_client, run)
        await eventually(has_started(fake, activity_id))
        await handle.cancel()
        await eventually_cancelled(handle)
        gate.set()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED
    assert fake.requests["abort"] == [Abort(batch_uid=run.batch_uid, code="BATCH_CANCELLED", cancelled=True)]
    # The page that was being processed came to its end, and no other began.
    assert 2 in fake.processed or activity_id != "page-2"
    assert not {"page-4", "fetch-5"} & fake.ids or activity_id == "finish"
    assert not await events(handle, "WORKFLOW_TASK_FAILED")


async def eventually_cancelled(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until the workflow worked on the cancellation."""

    async def worked() -> None:
        [cancel, *_] = await events(handle, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")
        tasks = await events(handle, "WORKFLOW_TASK_COMPLETED")
        assert tasks[-1].event_id > cancel.event_id

    await eventually(worked)


async def test_a_batch_is_closed_even_if_it_is_stopped_while_it_is_closed(
    temporal_client: Client, run: BatchRun
) -> None:
    fake = FakeBatches()
    fake.fail_always("fetch-1", error("SourceRejected"))
    abort = fake.hold("abort")
    async with serving(temporal_client, fake):
        handle = await begin(temporal_client, run)
        await eventually(has_started(fake, "abort"))
        await handle.cancel()
        await eventually_cancelled(handle)
        abort.set()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert len(await events(handle, "ACTIVITY_TASK_COMPLETED")) == 2


async def test_children_are_woken_and_a_lost_call_does_not_matter(temporal_client: Client, run: BatchRun) -> None:
    fake = FakeBatches(pages=1)
    fake.parents_arrived = 3
    async with serving(temporal_client, fake):
        handle = await begin(temporal_client, run)
        await handle.result()
        assert fake.requests["wake"] == [BatchRef(batch_uid=run.batch_uid)]
        waking = fake.hold("wake")
        again = await begin(temporal_client, run)
        await eventually(lambda: assert_attempts(fake, "wake", 2))
        await again.cancel()
        result = await again.result()
        waking.set()
    assert result.status == "completed"
    assert "abort" not in fake.ids


def assert_attempts(fake: Scripted, activity_id: str, times: int) -> None:
    assert fake.attempts(activity_id) == times


async def test_one_batch_of_an_entity_at_a_time(temporal_client: Client, run: BatchRun) -> None:
    fake = FakeBatches(pages=1)
    gate = fake.hold("begin")
    async with serving(temporal_client, fake):
        first = await begin(temporal_client, run)
        with pytest.raises(WorkflowAlreadyStartedError):
            await begin(temporal_client, run.model_copy(update={"batch_uid": uuid4()}))
        gate.set()
        await first.result()


async def test_replay_from_nothing_goes_on_where_it_was(temporal_client: Client, run: BatchRun) -> None:
    fake = FakeBatches(pages=6, window=2)
    gate = fake.hold("page-3")
    async with serving(temporal_client, fake, max_cached_workflows=0):
        handle = await begin(temporal_client, run)
        await eventually(has_started(fake, "page-3", "page-4"))
    gate.set()
    async with serving(temporal_client, fake, max_cached_workflows=0):
        result = await handle.result()
    assert result.totals == inserted(6)
    assert all(fake.processed[number] == 1 for number in (1, 2, 5, 6))
