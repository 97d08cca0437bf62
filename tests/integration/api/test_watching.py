"""Status, progress (also as a stream) and tasks: the seed's shapes, live numbers, interrupted syncs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert
from starlette.types import Message

from api.cards.syncs import RunningSync
from api.errors import TemporalUnavailable
from api.main import create_app
from db.cards import operations
from db.cards.tables import export_chunks
from tests.helpers.api import PREFIX, FakeSyncs, error_of, opening, serving, settings_for_tests
from tests.helpers.api_seller import Seller

SEED_PROGRESS = {
    "user_id",
    "operation_id",
    "status",
    "progress_percent",
    "total_chunks",
    "processed_chunks",
    "total_products",
    "processed",
    "created",
    "updated",
    "skipped",
}
STAGED = {
    "mode": "bulk_sync",
    "phase": "applying",
    "total_chunks": 2,
    "total_products": 8,
    "started_at": "2026-01-01T00:00:00+00:00",
    "applying_since": "2026-01-01T00:00:00+00:00",
}
DONE = {
    **STAGED,
    "phase": "done",
    "processed_chunks": 2,
    "processed": 8,
    "created": 5,
    "updated": 1,
    "unchanged": 2,
    "skipped": 3,
    "stale": 1,
}


async def chunk(seller: Seller, operation_id: str, chunk_no: int, **values: Any) -> None:
    async with seller.services.transaction() as connection:
        row = {"operation_id": operation_id, "chunk_no": chunk_no, "keys": b"", "payload": b"", **values}
        await connection.execute(insert(export_chunks).values(row))


async def running_sync(seller: Seller) -> str:
    """A sync half way through, as its activities leave it."""
    operation_id = await seller.operation("running", STAGED)
    counts = {"created": 2, "updated": 1, "unchanged": 1, "skipped": 2}
    await chunk(seller, operation_id, 0, rows=4, applied_at=func.now(), **counts)
    await chunk(seller, operation_id, 1, rows=4)
    return operation_id


async def test_status_has_the_seed_fields_and_the_operation_in_flight(seller: Seller) -> None:
    body = (await seller.get("/status/{user}")).json()
    assert body == {
        "user_id": str(seller.user_id),
        "sync_status": "idle",
        "last_sync_at": None,
        "last_error": None,
        "disconnected": None,
        "operation": None,
    }
    operation_id = await running_sync(seller)
    operation = (await seller.get("/status/{user}")).json()["operation"]
    assert (operation["task_id"], operation["state"], operation["progress_percent"]) == (operation_id, "running", 50)


async def test_an_unreadable_token_shows_as_disconnected(seller: Seller) -> None:
    await seller.update_settings("cardtrader_token_encrypted = 'x'")
    assert (await seller.get("/status/{user}")).json()["disconnected"] is True


async def test_a_stranger_has_no_status_and_no_progress(seller: Seller) -> None:
    stranger = replace(seller, user_id=uuid4())
    assert error_of(await stranger.get("/status/{user}"), 404)["code"] == "SYNC_NOT_FOUND"
    answer = await stranger.get("/progress/{user}")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "user_id": str(stranger.user_id),
            "status": "no_sync_found",
            "message": "No sync operation found for this user",
            "progress_percent": 0,
        },
    )


async def test_progress_sums_the_applied_chunks(seller: Seller) -> None:
    operation_id = await running_sync(seller)
    body = (await seller.get("/progress/{user}")).json()
    assert body.keys() >= SEED_PROGRESS
    expected = {
        "operation_id": operation_id,
        "status": "pending",
        "state": "running",
        "phase": "applying",
        "progress_percent": 50,
        "total_chunks": 2,
        "processed_chunks": 1,
        "total_products": 8,
        "processed": 4,
        "created": 2,
        "updated": 1,
        "unchanged": 1,
        "skipped": 2,
        "error": None,
        "completed_at": None,
    }
    assert {name: body[name] for name in expected} == expected
    assert body["rate_per_second"] is not None


async def test_progress_keeps_the_numbers_of_a_finished_sync(seller: Seller) -> None:
    await seller.operation("completed_with_errors", DONE)
    body = (await seller.get("/progress/{user}")).json()
    assert (body["status"], body["state"], body["phase"]) == ("completed", "completed_with_errors", "done")
    assert (body["progress_percent"], body["processed"], body["stale"]) == (100, 8, 1)


@pytest.mark.parametrize(
    ("status", "word", "ready", "message"),
    [
        ("pending", "PENDING", False, "Task is waiting to be processed"),
        ("running", "STARTED", False, "Task is currently running"),
        ("completed", "SUCCESS", True, "Task completed successfully"),
        ("failed", "FAILURE", True, "Task failed"),
        ("cancelled", "FAILURE", True, "Task failed"),
    ],
)
async def test_tasks_speak_the_five_words(seller: Seller, status: str, word: str, ready: bool, message: str) -> None:
    error = {"code": "TOKEN_REJECTED", "message": "CardTrader no longer accepts the token."}
    task_id = await seller.operation(status, {**DONE, "error": error} if word == "FAILURE" else DONE)
    body = (await seller.get(f"/task/{task_id}")).json()
    assert (body["task_id"], body["status"], body["ready"], body["message"]) == (task_id, word, ready, message)
    assert (body["result"] or {}).get("created") == (5 if word == "SUCCESS" else None)
    assert body["error"] == (error if word == "FAILURE" else None)


async def test_a_sync_that_repeats_an_activity_is_retrying(seller: Seller) -> None:
    task_id = await seller.operation("running", STAGED)
    services = replace(seller.services, syncs=FakeSyncs(now=RunningSync(task_id, "run", retrying=True)))
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        body = (await replace(seller, http=http).get(f"/task/{task_id}")).json()
    assert (body["status"], body["message"]) == ("RETRY", "Task is being retried")


@pytest.mark.parametrize("task_id", ["68b9bdbc-1d24-4d1d-bd34-8d6cde50e4ac", "x", "%00", "a" * 300])
async def test_unknown_tasks_do_not_exist(seller: Seller, task_id: str) -> None:
    assert error_of(await seller.get(f"/task/{task_id}"), 404)["code"] == "NOT_FOUND"


async def test_foreign_tasks_do_not_exist(new_seller: Callable[[], Awaitable[Seller]]) -> None:
    ours, theirs = await new_seller(), await new_seller()
    task_id = await theirs.operation("completed")
    assert (await theirs.get(f"/task/{task_id}")).status_code == 200
    assert error_of(await ours.get(f"/task/{task_id}"), 404)["code"] == "NOT_FOUND"


async def test_a_sync_without_its_workflow_shows_as_interrupted(seller: Seller) -> None:
    operation_id = await seller.operation("running", STAGED, age=60)
    await chunk(seller, operation_id, 0, rows=4, created=4, applied_at=func.now())
    await seller.update_settings("sync_status = 'initial_sync'")
    progress = (await seller.get("/progress/{user}")).json()
    assert (progress["status"], progress["state"], progress["processed"]) == ("failed", "failed", 4)
    assert progress["error"]["code"] == "SYNC_INTERRUPTED"
    task = (await seller.get(f"/task/{operation_id}")).json()
    assert (task["status"], task["ready"], task["error"]["code"]) == ("FAILURE", True, "SYNC_INTERRUPTED")
    status = (await seller.get("/status/{user}")).json()
    assert (status["sync_status"], status["operation"]) == ("error", None)
    [row] = await seller.rows("SELECT status FROM sync_operations WHERE user_id = :user_id")
    assert row.status == "running", "derived, never written"


async def test_a_young_sync_is_not_called_interrupted(seller: Seller) -> None:
    await seller.operation("pending", age=10)
    assert (await seller.get("/progress/{user}")).json()["state"] == "pending"


@pytest.mark.parametrize("same", [True, False])
async def test_only_its_own_workflow_keeps_a_sync_alive(seller: Seller, same: bool) -> None:
    operation_id = await seller.operation("running", STAGED, age=60)
    syncs = FakeSyncs(now=RunningSync(operation_id if same else str(uuid4()), "run", retrying=False))
    services = replace(seller.services, syncs=syncs)
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        body = (await replace(seller, http=http).get("/progress/{user}")).json()
    assert body["state"] == ("running" if same else "failed")


async def test_progress_needs_no_temporal(seller: Seller) -> None:
    await seller.operation("running", STAGED, age=60)
    services = replace(seller.services, syncs=FakeSyncs(now=TemporalUnavailable()))
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        away = replace(seller, http=http)
        assert (await away.get("/progress/{user}")).json()["state"] == "running"
        assert (await away.get("/status/{user}")).status_code == 200


def events(body: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.split("\n") for block in body.strip().split("\n\n") if block.startswith("event:")]
    return [(event.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for event, data in blocks]


async def test_the_stream_tells_each_change_once_and_ends_with_the_sync(seller: Seller) -> None:
    operation_id = await running_sync(seller)

    async def finish() -> None:
        await asyncio.sleep(0.2)  # the stream polls every 10 ms; nothing may come of the quiet polls
        async with seller.services.transaction() as connection:
            await operations.close(connection, UUID(operation_id), "completed", DONE)

    answer, _ = await asyncio.gather(seller.get("/progress/{user}/stream"), finish())
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    told = events(answer.text)
    assert [(name, body["state"], body["progress_percent"]) for name, body in told] == [
        ("progress", "running", 50),
        ("progress", "completed", 100),
    ]


async def test_the_stream_of_nothing_ends_at_once(seller: Seller) -> None:
    [(name, body)] = events((await seller.get("/progress/{user}/stream")).text)
    assert (name, body["status"]) == ("progress", "no_sync_found")


async def test_the_stream_stops_when_nobody_listens(seller: Seller) -> None:
    await running_sync(seller)
    app = create_app(settings_for_tests(), opening(seller.services))
    gone = asyncio.Event()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message.get("body"):
            gone.set()

    path = f"{PREFIX}/progress/{seller.user_id}/stream"
    headers = [(name.lower().encode(), value.encode()) for name, value in seller.headers.items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": headers,
        "client": ("test", 1),
        "server": ("api", 80),
    }
    app.state.services = seller.services
    async with asyncio.timeout(5):
        await app(scope, receive, send)
    assert gone.is_set()
