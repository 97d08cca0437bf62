"""How a bulk sync ends: completed, with errors, or failed with a code; never stuck in a failing workflow task."""

from __future__ import annotations

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from domain.cards.sync_errors import sentence
from tests.helpers.fake_cards import FakeCards, serving, start_sync
from tests.helpers.histories import events
from tests.helpers.scripted import error
from workflows.cards.contracts import AbortSync, BulkSyncInput, ChunkLost, FinishSync, LiveProgress, StageExport


async def failed_with(client: Client, start: BulkSyncInput, fake: FakeCards) -> ApplicationError:
    """The error the workflow ends with; no workflow task failed on the way."""
    handle = await start_sync(client, start)
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert not await events(handle, "WORKFLOW_TASK_FAILED")
    return caught.value.cause


async def test_a_sync_begins_stages_applies_rereads_and_finishes(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=3)
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)
        result = await handle.result()
        progress = await handle.query("progress", result_type=LiveProgress)
    ids = [activity_id for activity_id, _ in fake.started]
    assert ids[:2] == ["begin", "stage"]
    assert sorted(ids[2:5]) == ["chunk-0", "chunk-1", "chunk-2"]
    assert ids[5:] == ["reread", "finish"]
    assert (result.status, result.totals.rows) == ("completed", 6)
    assert (progress.phase, progress.chunks_done, progress.totals.rows) == ("done", 3, 6)
    [finish] = fake.requests["finish"]
    assert finish == FinishSync(user_id=start.user_id, operation_id=start.operation_id, force=False, failed_chunks=0)


async def test_an_export_of_no_chunks_is_finished_too(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=0)
    async with serving(temporal_client, fake):
        result = await (await start_sync(temporal_client, start)).result()
    assert result.status == "completed"
    assert fake.ids == {"begin", "stage", "reread", "finish"}


async def test_force_reaches_the_finish(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=1)
    async with serving(temporal_client, fake):
        await (await start_sync(temporal_client, start.model_copy(update={"force": True}))).result()
    assert fake.requests["finish"][0].force


async def test_a_poisoned_chunk_is_lost_and_the_sync_goes_on(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=4)
    fake.fail_always("chunk-1", error("ChunkUnreadable"))
    async with serving(temporal_client, fake):
        handle = await start_sync(temporal_client, start)
        result = await handle.result()
        progress = await handle.query("progress", result_type=LiveProgress)
    assert result.status == "completed_with_errors"
    assert fake.attempts("chunk-1") == 1
    ref = {"user_id": start.user_id, "operation_id": start.operation_id}
    assert fake.requests["lose-1"] == [ChunkLost(**ref, chunk_no=1, reason="ChunkUnreadable")]
    assert fake.requests["finish"] == [FinishSync(**ref, failed_chunks=1)]
    assert (progress.totals.rows, progress.totals.created, progress.totals.failed) == (10, 8, 2)


async def test_every_chunk_may_be_lost(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=3)
    for number in range(3):
        fake.fail_always(f"chunk-{number}", error("ChunkUnreadable"))
    async with serving(temporal_client, fake):
        result = await (await start_sync(temporal_client, start)).result()
    assert result.status == "completed_with_errors"
    assert fake.requests["finish"][0].failed_chunks == 3


async def test_a_reason_of_any_length_loses_the_chunk_only(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=1)
    fake.fail_always("chunk-0", ApplicationError("what happened", type="E" * 500, non_retryable=True))
    async with serving(temporal_client, fake):
        result = await (await start_sync(temporal_client, start)).result()
    assert result.status == "completed_with_errors"
    assert fake.requests["lose-0"][0].reason == "E" * 100


async def test_passing_failures_are_retried(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=2)
    fake.fail("begin", error("ConnectionError"))
    fake.fail("chunk-1", error("CatalogUnavailable"))
    async with serving(temporal_client, fake):
        result = await (await start_sync(temporal_client, start)).result()
    assert (result.status, result.totals.rows) == ("completed", 3)
    assert (fake.attempts("begin"), fake.attempts("chunk-1"), fake.attempts("chunk-0")) == (2, 2, 1)


@pytest.mark.parametrize("activity_id", ["begin", "stage", "chunk-1", "reread", "finish"])
async def test_an_operation_closed_elsewhere_ends_the_sync_at_once(
    temporal_client: Client, start: BulkSyncInput, activity_id: str
) -> None:
    fake = FakeCards(chunks=3)
    fake.fail_always(activity_id, error("OperationClosed"))
    async with serving(temporal_client, fake):
        failure = await failed_with(temporal_client, start, fake)
    assert failure.type == "SYNC_FAILED"
    assert fake.attempts(activity_id) == 1
    assert not [started for started in fake.ids if started.startswith("lose-")]
    assert "abort" in fake.ids


@pytest.mark.parametrize(
    ("activity_id", "raised", "code"),
    [
        ("begin", "AccountNotLinked", "ACCOUNT_NOT_LINKED"),
        ("stage", "TokenRejected", "TOKEN_REJECTED"),
        ("stage", "AccessDenied", "TOKEN_REJECTED"),
        ("stage", "ExportUnusable", "EXPORT_REJECTED"),
    ],
)
async def test_a_final_error_stops_at_the_first_attempt_and_has_a_code(
    temporal_client: Client, start: BulkSyncInput, activity_id: str, raised: str, code: str
) -> None:
    fake = FakeCards(chunks=2)
    fake.fail_always(activity_id, error(raised))
    async with serving(temporal_client, fake):
        failure = await failed_with(temporal_client, start, fake)
    assert (failure.type, failure.message, failure.non_retryable) == (code, sentence(code), True)
    assert fake.attempts(activity_id) == 1
    ref = {"user_id": start.user_id, "operation_id": start.operation_id}
    assert fake.requests["abort"] == [AbortSync(**ref, code=code, cancelled=False)]
    assert "finish" not in fake.ids


@pytest.mark.parametrize("raised", ["TokenRejected", "AccountNotLinked"])
async def test_a_refused_re_read_leaves_its_rows_to_the_next_sync(
    temporal_client: Client, start: BulkSyncInput, raised: str
) -> None:
    fake = FakeCards(chunks=2)
    fake.fail_always("reread", error(raised))
    async with serving(temporal_client, fake):
        result = await (await start_sync(temporal_client, start)).result()
    assert result.status == "completed"
    assert (fake.attempts("reread"), fake.attempts("finish"), fake.attempts("abort")) == (1, 1, 0)


async def test_an_export_that_is_too_slow_is_staged_by_expansion(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=2)
    fake.fail_always("stage", error("ExportTooSlow"))
    async with serving(temporal_client, fake):
        result = await (await start_sync(temporal_client, start)).result()
    assert result.status == "completed"
    assert fake.attempts("stage") == 1
    [request] = fake.requests["stage-by-expansion"]
    assert isinstance(request, StageExport)
    assert request.strategy == "by_expansion"


async def test_an_export_that_is_too_slow_both_ways_fails(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards()
    for activity_id in ("stage", "stage-by-expansion"):
        fake.fail_always(activity_id, error("ExportTooSlow"))
    async with serving(temporal_client, fake):
        failure = await failed_with(temporal_client, start, fake)
    assert failure.type == "CARDTRADER_UNAVAILABLE"


async def test_a_chunk_that_cannot_even_be_lost_fails_the_sync(temporal_client: Client, start: BulkSyncInput) -> None:
    fake = FakeCards(chunks=2)
    fake.fail_always("chunk-0", error("ChunkUnreadable"))
    fake.fail_always("lose-0", error("OperationClosed"))
    async with serving(temporal_client, fake):
        failure = await failed_with(temporal_client, start, fake)
    assert failure.type == "SYNC_FAILED"
