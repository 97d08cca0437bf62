"""Dead letters and waiting children: listed with what their filters leave, shown digit by digit, counted, settled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.bridge.letter_models import FailedPage, PendingPage
from db.bridge.tables import pending_children, sync_batches
from db.failed_tables import failed_records
from tests.helpers.api import error_of
from tests.helpers.bridge_api import Bridge

EXACT = b'{"id":"7","price":12345678901234567890.10,"ratio":1e300}'
NOW = datetime.now(UTC)


def letter(entity: str, **columns: Any) -> dict[str, Any]:
    values = {"context": "bridge", "operation_id": str(uuid4()), "subject": uuid4().hex, "stage": "validate"}
    row = {**values, "entity_name": entity, "source_system": "erp", "reason": "why", "error_type": "PATTERN"}
    return {**row, "raw": EXACT, "max_retries": 3, "retries": 0, "resolved_at": None, **columns}


def wait(entity: str, parent: str, **columns: Any) -> dict[str, Any]:
    values = {"batch_uid": uuid4(), "source_system": "erp", "child_entity": entity, "child_bk_hash": uuid4().bytes}
    row = {**values, "child_payload": EXACT, "ref": "home", "parent_entity": parent, "parent_bk_hash": b"p" * 16}
    return {**row, "retry_count": 0, "resolved_at": None, **columns}


@pytest.fixture
def name() -> str:
    """An entity that only this test knows."""
    return f"entity_{uuid4().hex[:8]}"


@pytest.mark.parametrize("prefix", ["", "/monitoring"])
async def test_letters_are_shown_digit_by_digit(bridge: Bridge, name: str, prefix: str) -> None:
    await bridge.write(failed_records, letter(name, normalized={"id": "7"}))
    answer = await bridge("GET", f"{prefix}/failed-records", entity_name=name)
    assert answer.headers["content-type"] == "application/json"
    assert b'"record_data":' + EXACT in answer.content
    [item] = FailedPage.model_validate_json(answer.content).items
    assert (item.normalized_data, item.mapped_data, item.error_message) == ({"id": "7"}, None, "why")


@pytest.mark.parametrize("prefix", ["", "/monitoring"])
async def test_readers_see_that_rows_failed_and_not_what_is_in_them(bridge: Bridge, name: str, prefix: str) -> None:
    await bridge.write(failed_records, letter(name, normalized={"secret": 1}, mapped={"secret": 1}))
    await bridge.write(pending_children, wait(name, "sites"))
    for path in ("failed-records", "pending-children"):
        answer = await bridge.reader()("GET", f"{prefix}/{path}", entity_name=name)
        assert answer.json()["total"] == 1
        assert b"price" not in answer.content
        assert b"secret" not in answer.content


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\xff", "\\xff"),
        (b"{", "{"),
        (b'{"a":"\xff"}', '{"a":"\\xff"}'),
        (b'{"a":"\\ud800"}', '{"a":"\\ud800"}'),
        (None, None),
    ],
    ids=["byte", "half", "no utf-8", "half a pair", "not kept"],
)
async def test_what_is_no_json_does_no_harm(bridge: Bridge, name: str, raw: bytes | None, shown: str | None) -> None:
    await bridge.write(failed_records, letter(name, raw=raw))
    [item] = (await bridge.ok("GET", "/failed-records", entity_name=name))["items"]
    assert item["record_data"] == shown


async def test_totals_count_what_the_filters_leave(bridge: Bridge, name: str) -> None:
    batch = uuid4()
    await bridge.write(
        failed_records,
        letter(name, created_at=NOW - timedelta(hours=3)),
        letter(name, stage="map", created_at=NOW - timedelta(hours=2)),
        letter(name, error_type="LENGTH", operation_id=str(batch), created_at=NOW - timedelta(hours=1)),
        letter(name, resolved_at=NOW, resolved_by="batch x", created_at=NOW),
        letter(name, context="cards", created_at=NOW),
    )
    wanted: list[tuple[dict[str, object], int]] = [
        ({}, 3),
        ({"stage": "map"}, 1),
        ({"error_type": "LENGTH"}, 1),
        ({"batch_uid": str(batch)}, 1),
        ({"batch_uid": str(uuid4())}, 0),
        ({"resolution": "resolved"}, 1),
        ({"resolution": "all"}, 4),
    ]
    for query, total in wanted:
        assert (await bridge.ok("GET", "/failed-records", entity_name=name, **query))["total"] == total, query
    page = await bridge.ok("GET", "/failed-records", entity_name=name, page=2, page_size=2)
    assert (page["total"], page["total_pages"], len(page["items"])) == (3, 2, 1)
    assert page["items"][0]["stage"] == "validate"


async def test_waiting_children_name_what_they_wait_for(bridge: Bridge, name: str) -> None:
    one, other, over = wait(name, "sites"), wait(name, "items"), wait(name, "sites", resolved_at=NOW, resolved_by="b")
    await bridge.write(pending_children, one, other, over)
    answer = await bridge("GET", "/pending-children", entity_name=name, parent_entity="sites")
    assert b'"child_data":' + EXACT in answer.content
    [item] = PendingPage.model_validate_json(answer.content).items
    assert (item.child_bk_hash, item.parent_bk_hash) == (one["child_bk_hash"].hex(), (b"p" * 16).hex())
    assert item.reason == "The parent of 'home' among 'sites' has not arrived."
    assert (await bridge.ok("GET", "/pending-children", entity_name=name))["total"] == 2
    assert (await bridge.ok("GET", "/pending-children", entity_name=name, resolution="all"))["total"] == 3


async def test_a_letter_is_settled_by_hand_once_and_never_deleted(bridge: Bridge, name: str) -> None:
    await bridge.write(failed_records, letter(name, next_retry_at=NOW))
    [item] = (await bridge.ok("GET", "/failed-records", entity_name=name))["items"]
    path = f"/failed-records/{item['uid']}/resolve"
    assert (await bridge.reader()("POST", path)).status_code == 403
    settled = await bridge("POST", path)
    assert (settled.status_code, settled.json()["next_retry_at"]) == (200, None)
    assert settled.json()["resolved_by"].startswith("operator ")
    assert (await bridge("POST", path)).content == settled.content
    assert (await bridge.ok("GET", "/failed-records", entity_name=name))["total"] == 0
    assert (await bridge.ok("GET", "/failed-records", entity_name=name, resolution="all"))["total"] == 1


async def test_a_letter_of_another_context_does_not_exist_here(bridge: Bridge, name: str) -> None:
    await bridge.write(failed_records, letter(name, context="cards", id=2**40))
    for uid in (2**40, 2**62):
        assert error_of(await bridge("POST", f"/failed-records/{uid}/resolve"), 404)["code"] == "RECORD_NOT_FOUND"
    assert (await bridge("POST", "/failed-records/0/resolve")).status_code == 422


async def test_counts_respect_each_letters_own_limit(bridge: Bridge, name: str) -> None:
    bridge.services.counts.forget()
    before = await bridge.ok("GET", "/stats")
    await bridge.write(
        failed_records,
        letter(name, retries=2, max_retries=3),
        letter(name, retries=3, max_retries=3, stage="map"),
        letter(name, retries=3, max_retries=5, stage="map", error_type="LENGTH"),
        letter(name, resolved_at=NOW),
    )
    await bridge.write(pending_children, wait(name, "sites"), wait(name, "sites", retry_count=5))
    batch = {"entity_name": name, "source_system": "erp", "connector_api_slug": "s", "page_size": 100}
    begun = NOW - timedelta(seconds=90)
    await bridge.write(
        sync_batches,
        {**batch, "sync_type": "full", "status": "completed", "started_at": None},
        {**batch, "sync_type": "full", "status": "running", "started_at": begun},
    )
    # What is kept for a few seconds is of the tests before.
    bridge.services.counts.forget()
    shown = await bridge.reader().ok("GET", "/stats")
    assert shown["batches"]["by_entity"][name] == 2
    assert shown["failed_records"]["by_entity"][name] == 3
    assert shown["pending_children"]["by_entity"][name] == 2
    failed = shown["failed_records"]
    more = {key: failed[key] - before["failed_records"][key] for key in ("retryable", "max_retry_exceeded")}
    assert more == {"retryable": 2, "max_retry_exceeded": 1}
    exhausted = [stats["pending_children"]["max_retry_exceeded"] for stats in (before, shown)]
    assert exhausted[1] - exhausted[0] == 1
    assert (
        failed["retryable"] + failed["max_retry_exceeded"] == failed["total_failed"] == sum(failed["by_stage"].values())
    )
    again = await bridge.ok("GET", "/monitoring/stats")
    assert {**again, "generated_at": None} == {**shown, "generated_at": None}
    pages = [
        (await bridge.http.get(f"/bridge/api/v1{path}")) for path in ("/metrics", "/monitoring/metrics/prometheus")
    ]
    for page in pages:
        assert page.headers["content-type"].startswith("text/plain")
        assert f"syncflow_failed_records_total {float(failed['total_failed'])}" in page.text
        assert f"syncflow_failed_records_retryable {float(failed['retryable'])}" in page.text
        assert 'syncflow_batches_by_status{status="running"} ' in page.text
        assert name not in page.text
    age = next(line for line in pages[0].text.splitlines() if line.startswith("brx_sync_bridge_oldest_open_batch"))
    assert float(age.split()[1]) >= 90


async def test_what_is_asked_often_is_counted_once(bridge: Bridge, name: str) -> None:
    bridge.services.counts.forget()
    before = await bridge.ok("GET", "/stats")
    await bridge.write(failed_records, letter(name))
    after = await bridge.ok("GET", "/stats")
    assert after["failed_records"] == before["failed_records"]
    bridge.services.counts.forget()
    assert (await bridge.ok("GET", "/stats"))["failed_records"]["total_failed"] == before["failed_records"][
        "total_failed"
    ] + 1
