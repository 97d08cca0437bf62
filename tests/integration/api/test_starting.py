"""Start, single flight, force and cancel, against a real Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from api.cards.syncs import BulkSyncs
from api.errors import TemporalUnavailable
from api.main import create_app
from tests.helpers.api import FakeSyncs, error_of, opening, serving, settings_for_tests
from tests.helpers.api_seller import Seller
from tests.helpers.sleeper import Sleeper
from tests.helpers.waiting import eventually
from workflows import task_queues
from workflows.cards.contracts import BulkSyncInput, bulk_sync_id
from workflows.search_attributes import PROGRESS, SYNC_PHASE, USER_ID

OPERATIONS = "SELECT operation_id, status, operation_metadata FROM sync_operations WHERE user_id = :user_id"
_COMPLETE = "UPDATE sync_operations SET status = 'completed' WHERE user_id = :user_id RETURNING 1"


@asynccontextmanager
async def sleeping_worker(client: Client) -> AsyncIterator[None]:
    async with Worker(client, task_queue=task_queues.HIGH_PRIORITY, workflows=[Sleeper]):
        yield


async def test_a_start_needs_no_worker_and_is_pollable_at_once(seller: Seller, temporal_client: Client) -> None:
    answer = await seller.post("/start/{user}")
    assert answer.status_code == 202
    task_id = answer.json()["task_id"]
    assert answer.json() == {
        "status": "accepted",
        "task_id": task_id,
        "user_id": str(seller.user_id),
        "message": "Bulk sync started",
    }
    task = (await seller.get(f"/task/{task_id}")).json()
    assert (task["status"], task["ready"], task["message"]) == ("PENDING", False, "Task is waiting to be processed")
    started = await temporal_client.get_workflow_handle(bulk_sync_id(seller.user_id)).describe()
    assert started.typed_search_attributes[USER_ID] == str(seller.user_id)
    assert (started.typed_search_attributes[SYNC_PHASE], started.typed_search_attributes[PROGRESS]) == ("queued", 0)
    assert await started.static_summary() == "Bulk sync"
    [row] = await seller.rows(OPERATIONS)
    assert (row.operation_id, row.status) == (task_id, "pending")
    assert row.operation_metadata == {"mode": "bulk_sync", "force": False}


async def test_of_a_hundred_concurrent_starts_one_is_accepted(seller: Seller) -> None:
    answers = await asyncio.gather(*(seller.post("/start/{user}") for _ in range(100)))
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert len(accepted) == 1
    task_id = accepted[0].json()["task_id"]
    for answer in answers:
        if answer is not accepted[0]:
            error = error_of(answer, 409)
            assert error["code"] == "SYNC_IN_PROGRESS"
            assert error["context"] == {
                "user_id": str(seller.user_id),
                "current_status": "idle",
                "task_id": task_id,
            }
    assert [row.operation_id for row in await seller.rows(OPERATIONS)] == [task_id]


async def test_an_active_account_may_sync_again(seller: Seller) -> None:
    await seller.update_settings("sync_status = 'active'")
    assert (await seller.post("/start/{user}")).status_code == 202


async def test_a_sync_that_was_told_to_have_ended_is_no_obstacle(seller: Seller, temporal_client: Client) -> None:
    """Its workflow closes a moment after its operation."""

    async def close(_: float) -> None:
        await temporal_client.get_workflow_handle(bulk_sync_id(seller.user_id)).terminate()

    services = replace(seller.services, syncs=BulkSyncs(temporal_client, sleep=close))
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        here = replace(seller, http=http)
        await here.post("/start/{user}")
        await here.rows(_COMPLETE)
        assert (await here.post("/start/{user}")).status_code == 202


async def test_a_sync_whose_workflow_never_closes_stays_an_obstacle(seller: Seller) -> None:
    first = (await seller.post("/start/{user}")).json()["task_id"]
    await seller.rows(_COMPLETE)
    assert error_of(await seller.post("/start/{user}"), 409)["context"]["task_id"] == first


async def test_an_unlinked_account_has_nothing_to_sync(seller: Seller) -> None:
    stranger = replace(seller, user_id=uuid4())
    error = error_of(await stranger.post("/start/{user}"), 404)
    assert (error["code"], error["context"]) == ("SYNC_NOT_FOUND", {"user_id": str(stranger.user_id)})


async def test_without_a_readable_token_there_is_nothing_to_sync(seller: Seller) -> None:
    await seller.update_settings("cardtrader_token_encrypted = 'x'")
    assert error_of(await seller.post("/start/{user}"), 404)["code"] == "SYNC_NOT_FOUND"


async def test_force_cancels_the_running_sync_and_starts_anew(seller: Seller, temporal_client: Client) -> None:
    async with sleeping_worker(temporal_client):
        first = (await seller.post("/start/{user}")).json()["task_id"]
        assert error_of(await seller.post("/start/{user}"), 409)["context"]["task_id"] == first
        forced = await seller.post("/start/{user}", force="true")
        assert (forced.status_code, forced.json()["message"]) == (202, "Bulk sync started (forced)")
        running = await seller.running()
        assert running.operation_id == forced.json()["task_id"] != first
    history = await temporal_client.get_workflow_handle(bulk_sync_id(seller.user_id)).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes.input.payloads
    [sync] = await temporal_client.data_converter.decode(started, [BulkSyncInput])
    assert sync.force


async def test_force_gives_up_on_a_sync_that_does_not_end(seller: Seller) -> None:
    first = (await seller.post("/start/{user}")).json()["task_id"]
    error = error_of(await seller.post("/start/{user}", force="true"), 409)
    assert error["context"]["task_id"] == first
    assert [row.operation_id for row in await seller.rows(OPERATIONS)] == [first]


async def test_cancel_ends_the_running_sync(seller: Seller, temporal_client: Client) -> None:
    async with sleeping_worker(temporal_client):
        task_id = (await seller.post("/start/{user}")).json()["task_id"]
        answer = await seller.post("/cancel/{user}")
        assert (answer.status_code, answer.json()["task_id"]) == (202, task_id)

        async def nothing_runs() -> None:
            assert await seller.services.syncs.running(seller.user_id) is None

        await eventually(nothing_runs)
    assert error_of(await seller.post("/cancel/{user}"), 404)["code"] == "SYNC_NOT_FOUND"


async def test_nothing_to_cancel_is_a_404(seller: Seller) -> None:
    assert error_of(await seller.post("/cancel/{user}"), 404)["message"] == "No sync of this account is running."


@pytest.mark.parametrize("fault", [TemporalUnavailable(), RuntimeError("odd")])
async def test_a_start_that_fails_leaves_a_failed_operation(seller: Seller, fault: Exception) -> None:
    services = replace(seller.services, syncs=FakeSyncs(start_error=fault))
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        answer = await replace(seller, http=http).post("/start/{user}")
    assert answer.status_code == (503 if isinstance(fault, TemporalUnavailable) else 500)
    [row] = await seller.rows(OPERATIONS)
    assert row.status == "failed"
    assert row.operation_metadata["error"]["code"] == "TEMPORAL_UNAVAILABLE"
    task = (await seller.get(f"/task/{row.operation_id}")).json()
    assert (task["status"], task["ready"], task["error"]["code"]) == ("FAILURE", True, "TEMPORAL_UNAVAILABLE")


async def test_a_late_cancel_never_hits_a_later_sync(seller: Seller, temporal_client: Client) -> None:
    async with sleeping_worker(temporal_client):
        await seller.post("/start/{user}")
        first = await seller.running()
        assert await seller.services.syncs.stop(seller.user_id, first)
        await seller.services.syncs.start(BulkSyncInput(user_id=seller.user_id, operation_id=uuid4()))
        await seller.services.syncs.cancel(seller.user_id, first)
        later = await temporal_client.get_workflow_handle(bulk_sync_id(seller.user_id)).describe()
        assert (await later.memo())["operation_id"] != first.operation_id
        history = await temporal_client.get_workflow_handle(bulk_sync_id(seller.user_id)).fetch_history()
        assert not any(
            event.HasField("workflow_execution_cancel_requested_event_attributes") for event in history.events
        )
