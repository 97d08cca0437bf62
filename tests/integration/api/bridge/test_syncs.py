"""Batches: committed before they are started, one at a time per entity, stopped for good, counted as they went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from temporalio.client import Client

from api.bridge.batches import AlreadyRunning, BridgeBatches
from api.errors import TemporalUnavailable
from db.bridge import records
from db.bridge.records import Superseded
from db.bridge.tables import batch_pages, record_state, sync_batches
from domain.pipeline.metrics import Metrics
from tests.helpers.api import error_of
from tests.helpers.bridge_api import Bridge, FakeBatches, serving_bridge
from tests.helpers.waiting import eventually
from workflows.bridge.contracts import bridge_batch_id

STATUS_KEYS = {
    "batch_uid",
    "entity_name",
    "sync_type",
    "status",
    "connector_api_slug",
    "total_records",
    "records_processed",
    "records_inserted",
    "records_updated",
    "records_deleted",
    "records_skipped",
    "records_failed",
    "last_rowversion",
    "error_message",
    "started_at",
    "completed_at",
    "created_at",
}
DONE = Metrics(
    rows_fetched=20,
    rows_normalized=19,
    rows_validated=19,
    rows_mapped=18,
    rows_identified=18,
    rows_inserted=7,
    rows_updated=5,
    rows_skipped=4,
    rows_pending=2,
    rows_failed=2,
    pages_fetched=1,
    bytes_fetched=999,
)


async def started(bridge: Bridge, **body: Any) -> dict[str, Any]:
    """A batch of a new entity, as its start was answered."""
    entity = await bridge.entity()
    answer: dict[str, Any] = await bridge.ok("POST", "/sync/start", {"entity_name": entity["entity_name"], **body})
    return answer


async def set_batch(bridge: Bridge, batch_uid: str, **columns: Any) -> None:
    async with bridge.services.transaction() as connection:
        await connection.execute(update(sync_batches).where(sync_batches.c.uid == UUID(batch_uid)).values(columns))


async def test_a_started_batch_is_pollable_at_once(bridge: Bridge) -> None:
    entity = await bridge.entity(source_system="oracle")
    body = {"entity_name": entity["uid"], "sync_type": "full", "page_size": 500, "max_pages": 3, "dry_run": True}
    answer = await bridge("POST", "/sync/start", {**body, "force": True})
    assert answer.status_code == 202
    accepted = answer.json()
    assert accepted == {
        "success": True,
        "batch_uid": accepted["batch_uid"],
        "entity_name": entity["entity_name"],
        "sync_type": "full",
        "message": "Sync started successfully",
        "started_at": accepted["started_at"],
    }
    [run] = [batch for batch in _fakes(bridge).started if str(batch.uid) == accepted["batch_uid"]]
    assert (run.source_system, run.page_size, run.max_pages, run.force) == ("oracle", 500, 3, True)
    shown = await bridge.reader().ok("GET", f"/sync/status/{accepted['batch_uid']}")
    assert set(shown) >= STATUS_KEYS | set(Metrics().as_dict())
    assert (shown["status"], shown["dry_run"], shown["rows_fetched"], shown["success_rate"]) == (
        "pending",
        True,
        0,
        100,
    )


def _fakes(bridge: Bridge) -> FakeBatches:
    fakes = bridge.services.batches
    assert isinstance(fakes, FakeBatches)
    return fakes


async def test_the_first_apis_callers_define_an_entity_by_starting_it(bridge: Bridge) -> None:
    body = {"entity_name": f"new_{uuid4().hex}", "connector_api_slug": "items", "business_key_fields": ["item"]}
    assert (await bridge("POST", "/sync/start", body)).status_code == 202
    shown = await bridge.ok("GET", f"/entities/{body['entity_name']}")
    assert (shown["connector_api_slug"], shown["business_key_fields"]) == ("items", ["item"])
    assert _fakes(bridge).started[-1].sync_type == "incremental"
    different = {**body, "business_key_fields": ["other"]}
    assert error_of(await bridge("POST", "/sync/start", different), 409)["context"]["fields"] == ["business_key_fields"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"entity_name": "nobody"}, 404, "ENTITY_NOT_FOUND"),
        ({"entity_name": "nobody", "connector_api_slug": "s"}, 404, "ENTITY_NOT_FOUND"),
        ({"entity_name": "a/b", "connector_api_slug": "s", "business_key_fields": ["id"]}, 400, "VALIDATION_ERROR"),
        ({"entity_name": "n", "connector_api_slug": "s", "business_key_fields": ["a", "a"]}, 400, "ENTITY_INVALID"),
        ({"entity_name": "no\x00body"}, 422, "VALIDATION_ERROR"),
        ({"entity_name": "nobody", "page_size": 99}, 422, "VALIDATION_ERROR"),
        ({"entity_name": "nobody", "page_size": 10001}, 422, "VALIDATION_ERROR"),
        ({"entity_name": "nobody", "max_pages": 0}, 422, "VALIDATION_ERROR"),
        ({"entity_name": "nobody", "sync_type": "retry"}, 422, "VALIDATION_ERROR"),
    ],
    ids=["unknown", "half known", "no name", "no key", "nul", "small", "large", "no pages", "type"],
)
async def test_what_cannot_be_started_is_told(bridge: Bridge, body: dict[str, Any], status: int, code: str) -> None:
    assert error_of(await bridge("POST", "/sync/start", body), status)["code"] == code


async def test_an_entity_that_is_switched_off_is_not_synchronised(bridge: Bridge) -> None:
    name = (await bridge.entity(sync_enabled=False))["entity_name"]
    error = error_of(await bridge("POST", "/sync/start", {"entity_name": name}), 409)
    assert error["code"] == "ENTITY_DISABLED"
    assert (await bridge.ok("GET", "/sync/history", entity_name=name))["total"] == 0


async def test_of_many_starts_at_once_one_is_accepted(bridge: Bridge) -> None:
    name = (await bridge.entity())["entity_name"]
    answers = await asyncio.gather(*(bridge("POST", "/sync/start", {"entity_name": name}) for _ in range(20)))
    [uid] = [answer.json()["batch_uid"] for answer in answers if answer.status_code == 202]
    refused = [error_of(answer, 409) for answer in answers if answer.status_code != 202]
    assert len(refused) == 19
    assert {error["context"]["batch_uid"] for error in refused} == {uid}
    assert [str(batch.uid) for batch in _fakes(bridge).started if batch.entity_name == name] == [uid]


async def test_without_temporal_the_batch_is_closed_with_its_reason(bridge: Bridge) -> None:
    name, fakes = (await bridge.entity())["entity_name"], _fakes(bridge)
    fakes.error = TemporalUnavailable()
    error_of(await bridge("POST", "/sync/start", {"entity_name": name}), 503)
    fakes.error = None
    [batch] = (await bridge.ok("GET", "/sync/history", entity_name=name))["items"]
    shown = await bridge.ok("GET", f"/sync/status/{batch['batch_uid']}")
    assert (shown["status"], shown["error_code"]) == ("failed", "BATCH_NOT_STARTED")
    assert (await bridge("POST", "/sync/start", {"entity_name": name})).status_code == 202


async def test_behind_a_workflow_that_is_closing_the_batch_waits_for_the_relay(bridge: Bridge) -> None:
    fakes = _fakes(bridge)
    fakes.error = AlreadyRunning()
    accepted = await started(bridge)
    fakes.error = None
    assert (await bridge.ok("GET", f"/sync/status/{accepted['batch_uid']}"))["status"] == "pending"


async def test_stopping_asks_the_workflow_or_closes_what_has_none(bridge: Bridge) -> None:
    running, orphan = await started(bridge), await started(bridge)
    _fakes(bridge).started.pop()
    await set_batch(bridge, orphan["batch_uid"], status="running", started_at=datetime.now(UTC))
    assert await bridge.ok("POST", f"/sync/stop/{running['batch_uid']}") == {
        "success": True,
        "message": "The batch stops",
        "batch_uid": running["batch_uid"],
    }
    assert _fakes(bridge).cancelled == [UUID(running["batch_uid"])]
    assert (await bridge.ok("POST", f"/sync/stop/{orphan['batch_uid']}"))["message"] == "The batch is stopped"
    shown = await bridge.ok("GET", f"/sync/status/{orphan['batch_uid']}")
    assert (shown["status"], shown["error_code"]) == ("cancelled", "BATCH_CANCELLED")
    again = error_of(await bridge("POST", f"/sync/stop/{orphan['batch_uid']}"), 400)
    assert (again["code"], again["message"]) == ("BATCH_NOT_RUNNING", "Batch is not running (status: cancelled)")


async def test_a_batch_nobody_knows_is_not_found(bridge: Bridge) -> None:
    uid = uuid4()
    for method, path in (
        ("GET", f"status/{uid}"),
        ("GET", f"planned/{uid}"),
        ("GET", f"planned/{uid}/deletions"),
        ("GET", f"superseded/{uid}"),
        ("POST", f"stop/{uid}"),
    ):
        assert error_of(await bridge(method, f"/sync/{path}"), 404)["message"] == f"Batch not found: {uid}"
    assert (await bridge("GET", "/sync/status/no-uuid")).status_code == 422


async def test_a_running_batch_shows_the_pages_that_are_through(bridge: Bridge) -> None:
    uid = (await started(bridge))["batch_uid"]
    begun = datetime.now(UTC) - timedelta(seconds=10)
    await set_batch(bridge, uid, status="running", started_at=begun, total_reported=100)
    numbers = {name: value for name, value in DONE.as_dict().items() if name not in ("rows_per_second", "success_rate")}
    page = {"batch_uid": UUID(uid), "rows": 20, "last": False, **numbers}
    now = datetime.now(UTC)
    await bridge.write(batch_pages, *({**page, "page_no": number, "processed_at": now} for number in (1, 2)))
    await bridge.write(batch_pages, {**page, "page_no": 3, "processed_at": None})
    shown = await bridge.ok("GET", f"/sync/status/{uid}")
    assert [shown[name] for name in ("total_records", "records_processed", "rows_fetched")] == [100, 40, 40]
    assert [shown[f"records_{fate}"] for fate in ("inserted", "updated", "skipped", "failed")] == [14, 10, 8, 4]
    assert shown["success_rate"] == 90.0
    assert 10_000 <= shown["duration_ms"] < 60_000
    assert shown["rows_per_second"] == round(40_000 / shown["duration_ms"], 2)
    [item] = (await bridge.ok("GET", "/sync/history", entity_name=shown["entity_name"]))["items"]
    assert item["rows_fetched"] == 40
    assert not {"connector_api_slug", "last_rowversion", "error_message"} & set(item)


async def test_the_history_is_paged_newest_first_and_counts_what_its_filters_leave(bridge: Bridge) -> None:
    entity = await bridge.entity()
    names = {"entity_name": entity["entity_name"], "source_system": "erp", "connector_api_slug": "s", "page_size": 100}
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 6)]
    rows = [
        {**names, "sync_type": "full", "status": "failed" if at.day == 2 else "completed", "created_at": at}
        for at in moments
    ]
    await bridge.write(sync_batches, *rows)
    page = await bridge.ok("GET", "/sync/history", entity_name=entity["entity_name"], page=2, page_size=2)
    assert [item["created_at"][:10] for item in page["items"]] == ["2026-01-03", "2026-01-02"]
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (5, 2, 2, 3)
    failed = await bridge.ok("GET", "/sync/history", entity_name=entity["entity_name"], status="failed")
    assert (failed["total"], len(failed["items"])) == (1, 1)
    assert (await bridge("GET", "/sync/history", page=0)).status_code == 400


async def test_a_dry_run_shows_some_of_what_it_would_change_to_operators_only(bridge: Bridge) -> None:
    uid = (await started(bridge, dry_run=True))["batch_uid"]
    planned = [
        {"row": 0, "change": "insert", "record": {"id": "1"}},
        {"row": 1, "change": "failed", "stage": "map", "code": "X"},
    ]
    await set_batch(bridge, uid, sample=planned)
    shown = await bridge.ok("GET", f"/sync/planned/{uid}")
    assert [
        {name: value for name, value in change.items() if value is not None} for change in shown["changes"]
    ] == planned
    assert (await bridge.reader()("GET", f"/sync/planned/{uid}")).status_code == 403


async def test_rows_of_a_batch_are_listed_page_by_page_to_operators_only(bridge: Bridge) -> None:
    accepted = await started(bridge, dry_run=True)
    uid = UUID(accepted["batch_uid"])
    known = {"source_system": "erp", "entity_name": accepted["entity_name"], "bk_hash": b"b", "data_hash": b"d"}
    await bridge.write(record_state, {**known, "rowversion": "7", "hash_scheme": "v2", "target_uid": "t-1"})
    raw = b'{"price":1.50000000000000000001}'
    async with bridge.services.transaction() as connection:
        await records.plan_deletions(connection, uid, [b"c", b"b", b"a"])
        rows = [Superseded(3, row, b"k", None, raw) for row in (4, 2)]
        await records.note_superseded(connection, uid, rows)
    await set_batch(bridge, str(uid), status="completed", rows_deleted=3)
    gone = await bridge.ok("GET", f"/sync/planned/{uid}/deletions", page=2, page_size=1)
    assert gone["items"] == [{"erp_key_hash": b"b".hex(), "target_uid": "t-1", "rowversion": "7"}]
    assert (gone["total"], gone["total_pages"], gone["rows_deleted"]) == (3, 3, 3)
    answer = await bridge("GET", f"/sync/superseded/{uid}")
    assert [one["row"] for one in answer.json()["items"]] == [2, 4]
    assert raw in answer.content
    for path in (f"planned/{uid}/deletions", f"superseded/{uid}"):
        assert (await bridge.reader()("GET", f"/sync/{path}")).status_code == 403


@pytest.fixture
async def real(bridge: Bridge, temporal_client: Client) -> AsyncIterator[Bridge]:
    """The same over a real Temporal, and no worker."""
    services = replace(bridge.services, batches=BridgeBatches(temporal_client))
    async with serving_bridge(services) as http:
        yield replace(bridge, http=http, services=services)


async def test_the_workflow_belongs_to_the_batch_that_was_answered(real: Bridge, temporal_client: Client) -> None:
    accepted = await started(real)
    handle = temporal_client.get_workflow_handle(bridge_batch_id("erp", accepted["entity_name"]))
    try:
        assert await real.services.batches.running("erp", accepted["entity_name"]) == UUID(accepted["batch_uid"])
        assert (await real.ok("POST", f"/sync/stop/{accepted['batch_uid']}"))["message"] == "The batch stops"

        async def cancel_arrived() -> None:
            events = (await handle.fetch_history()).events
            assert any(event.HasField("workflow_execution_cancel_requested_event_attributes") for event in events)

        await eventually(cancel_arrived)
    finally:
        await handle.terminate()
    assert (await real.ok("POST", f"/sync/stop/{accepted['batch_uid']}"))["message"] == "The batch is stopped"
