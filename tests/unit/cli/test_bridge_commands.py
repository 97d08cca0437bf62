"""`bridge` and `schedules` against a fake API: what is sent, what is shown, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.bridge import syncs
from tests.helpers.fake_api import CommandLine, FakeApi

AT = "/bridge/api/v1"
UID = "0b5fbb2c-91d3-4c52-8f0e-3f2c4b8f5a11"
PAGE = {"total": 51, "page": 1, "total_pages": 2}
REFUSAL = {"error": {"code": "ENTITY_EXISTS", "message": "Entity already exists: items", "trace_id": "t"}}
BATCH: dict[str, Any] = {
    "batch_uid": UID,
    "entity_name": "items",
    "sync_type": "full",
    "status": "completed_with_errors",
    "total_records": 1200,
    "rows_fetched": 1200,
    "rows_inserted": 1000,
    "rows_updated": 100,
    "rows_deleted": 7,
    "rows_skipped": 80,
    "rows_pending": 15,
    "rows_failed": 5,
    "rows_per_second": 4321.4,
    "success_rate": 99.58,
    "created_at": "2026-01-02T03:04:00Z",
    "deletion_refused_message": "More than 10 % of the rows would be deleted.",
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncs, "_POLL_SECONDS", 0)


def test_entities_are_listed(brx: CommandLine, fake_api: FakeApi) -> None:
    line = {"entity_name": "items", "source_system": "erp", "connector_api_slug": "s", "sync_enabled": False}
    fake_api.will(f"GET {AT}/entities", {**PAGE, "items": [{**line, "total_syncs": 1234}]})
    lines = brx("bridge", "entities", "list", "--search", "it").out.splitlines()
    assert lines[1].split() == ["items", "erp", "s", "no", "1,234"]
    assert lines[2] == "51 in all; next page: --page 2"
    assert fake_api.received[0].query == {"search": ["it"], "page": ["1"]}
    assert fake_api.received[0].token == "the-token"


def test_an_entity_is_defined_or_changed_to_what_the_file_says(
    brx: CommandLine, fake_api: FakeApi, tmp_path: Path
) -> None:
    body = {"entity_name": "items", "connector_api_slug": "s", "business_key_fields": ["id"]}
    definition = tmp_path / "items.json"
    definition.write_text(json.dumps(body))
    fake_api.will(f"POST {AT}/entities", {}, 201)
    assert brx("bridge", "entities", "define", definition).out == "items is defined\n"
    fake_api.will(f"POST {AT}/entities", REFUSAL, 409)
    fake_api.will(f"PUT {AT}/entities/items", {"entity_name": "items"})
    assert json.loads(brx("bridge", "entities", "define", definition, "--json").out) == {"entity_name": "items"}
    sent = [json.loads(request.body) for request in fake_api.received]
    assert sent[:2] == [body, body]
    assert sent[2] == {"field_mappings": [], "connector_api_slug": "s", "business_key_fields": ["id"]}


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_file_that_defines_nothing_is_told(brx: CommandLine, fake_api: FakeApi, tmp_path: Path, text: str) -> None:
    definition = tmp_path / "items.json"
    definition.write_text(text)
    outcome = brx("bridge", "entities", "define", definition)
    assert (outcome.code, fake_api.received) == (1, [])
    assert "holds no JSON" in outcome.err


def test_any_other_refusal_changes_nothing(brx: CommandLine, fake_api: FakeApi, tmp_path: Path) -> None:
    definition = tmp_path / "items.json"
    definition.write_text('{"entity_name": "items"}')
    refusal = {"error": {"code": "ENTITY_INVALID", "message": "The entity has no key.", "trace_id": "t"}}
    fake_api.will(f"POST {AT}/entities", refusal, 400)
    outcome = brx("bridge", "entities", "define", definition)
    assert (outcome.code, outcome.err) == (1, "ENTITY_INVALID: The entity has no key.\n")
    assert [request.method for request in fake_api.received] == ["POST"]


def test_entities_are_shown_and_removed(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET {AT}/entities/items", {"entity_name": "items"})
    assert json.loads(brx("bridge", "entities", "show", "items").out) == {"entity_name": "items"}
    fake_api.will(f"DELETE {AT}/entities/items", {}, 200)
    assert brx("bridge", "entities", "remove", "items").out == "items is deleted\n"


def test_mappings_are_listed_added_and_removed(brx: CommandLine, fake_api: FakeApi) -> None:
    mapping = {"uid": UID, "source_field": "[bold]A", "target_field": "a", "is_required": True}
    rules = {"validation_rule": [{"type": "min", "value": "1"}]}
    fake_api.will(f"GET {AT}/mappings/items", {"total": 1, "mappings": [{**mapping, **rules, "default_value": 0}]})
    assert brx("bridge", "mappings", "list", "items").out.splitlines()[1].split() == [
        UID,
        "[bold]A",
        "a",
        "0",
        "yes",
        "min",
    ]
    fake_api.will(f"POST {AT}/mappings/items", mapping, 201)
    assert brx("bridge", "mappings", "add", "items", "A", "a", "--required").out == f"Mapping {UID} is added\n"
    assert json.loads(fake_api.received[-1].body) == {"source_field": "A", "target_field": "a", "is_required": True}
    fake_api.will(f"DELETE {AT}/mappings/items/all", {}, 200)
    assert brx("bridge", "mappings", "remove", "items", "all").out == "Removed\n"


def test_a_start_sends_what_was_asked_for(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST {AT}/sync/start", {"batch_uid": UID}, 202)
    assert brx("bridge", "start", "items").out == f"Started {UID}\n"
    brx("bridge", "start", "items", "--type", "full", "--page-size", 500, "--max-pages", 2, "--dry-run", "--force")
    plain, full = [json.loads(request.body) for request in fake_api.received]
    assert plain == {"entity_name": "items", "sync_type": "incremental", "dry_run": False, "force": False}
    assert full == {
        "entity_name": "items",
        "sync_type": "full",
        "page_size": 500,
        "max_pages": 2,
        "dry_run": True,
        "force": True,
    }


def test_a_batch_is_followed_to_its_end(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST {AT}/sync/start", {"batch_uid": UID}, 202)
    states = iter(["pending", "running", "completed_with_errors"])
    fake_api.will_each(f"GET {AT}/sync/status/{UID}", lambda: {**BATCH, "status": next(states)})
    outcome = brx("bridge", "start", "items", "--follow")
    assert outcome.code == 0
    *_, what, counts, speed, refused = outcome.out.splitlines()
    assert what == "Batch completed_with_errors  full sync of items"
    assert counts == (
        "fetched 1,200 of 1,200  inserted 1,000  updated 100  deleted 7  skipped 80  pending 15  failed 5"
    )
    assert speed == "4,321 rows/s  99.58 % without failure"
    assert refused == BATCH["deletion_refused_message"]


def test_a_batch_that_fails_is_told_by_the_exit_code(brx: CommandLine, fake_api: FakeApi) -> None:
    failed = {**BATCH, "status": "failed", "error_code": "SOURCE_REJECTED", "error_message": "The source refused."}
    fake_api.will(f"GET {AT}/sync/status/{UID}", failed)
    outcome = brx("bridge", "status", UID, "--follow", "--json")
    assert (outcome.code, json.loads(outcome.out)) == (1, failed)
    shown = brx("bridge", "status", UID)
    assert (shown.code, shown.out.splitlines()[3]) == (0, "SOURCE_REJECTED: The source refused.")


def test_the_history_is_shown(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET {AT}/sync/history", {**PAGE, "items": [{**BATCH, "dry_run": True}]})
    lines = brx("bridge", "history", "--entity", "items", "--status", "failed").out.splitlines()
    assert lines[:2] == [
        f"{UID}  items  full (dry run)  completed_with_errors",
        "    fetched 1,200  inserted 1,000  updated 100  deleted 7  skipped 80  pending 15  failed 5",
    ]
    assert lines[2] == "51 in all; next page: --page 2"
    assert fake_api.received[0].query == {"entity_name": ["items"], "status": ["failed"], "page": ["1"]}


def test_batches_are_stopped_and_plans_shown(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST {AT}/sync/stop/{UID}", {"message": "The batch stops"})
    assert brx("bridge", "stop", UID).out == "The batch stops\n"
    fake_api.will(f"GET {AT}/sync/planned/{UID}", {"changes": []})
    assert json.loads(brx("bridge", "planned", UID).out) == {"changes": []}


def test_rows_of_a_batch_are_listed(brx: CommandLine, fake_api: FakeApi) -> None:
    gone = [{"erp_key_hash": "ab", "target_uid": "t-1", "rowversion": "7"}, {"erp_key_hash": "cd"}]
    fake_api.will(f"GET {AT}/sync/planned/{UID}/deletions", {**PAGE, "rows_deleted": 1234, "items": gone})
    lines = brx("bridge", "planned", UID, "--deletions", "--page", 1).out.splitlines()
    assert [line.split() for line in lines[1:3]] == [["ab", "t-1", "7"], ["cd"]]
    assert lines[3:] == ["1,234 would be deleted", "51 in all; next page: --page 2"]
    assert json.loads(brx("bridge", "planned", UID, "--deletions", "--json").out)["rows_deleted"] == 1234
    row = {"page_no": 2, "row": 5, "erp_key_hash": "ab", "rowversion": "6", "record_data": {}}
    fake_api.will(f"GET {AT}/sync/superseded/{UID}", {**PAGE, "items": [row]})
    lines = brx("bridge", "superseded", UID).out.splitlines()
    assert (lines[1].split(), lines[2]) == (["ab", "2", "5", "6"], "51 in all; next page: --page 2")
    assert json.loads(brx("bridge", "superseded", UID, "--json").out)["items"] == [row]


def test_what_failed_is_shown_and_settled(brx: CommandLine, fake_api: FakeApi) -> None:
    letter = {"uid": "7", "entity_name": "items", "stage": "map", "error_message": "why", "retry_count": 2}
    fake_api.will(f"GET {AT}/failed-records", {**PAGE, "items": [{**letter, "error_type": "REQUIRED"}]})
    lines = brx("bridge", "failed", "--entity", "items", "--stage", "map", "--all").out.splitlines()
    assert lines[1].split() == ["7", "items", "map", "REQUIRED", "2", "open", "why"]
    assert fake_api.received[0].query["resolution"] == ["all"]
    fake_api.will(f"POST {AT}/failed-records/7/resolve", letter)
    assert brx("bridge", "resolve", 7).out == "Letter 7 is settled\n"


def test_a_retry_tells_what_became_of_the_rows(brx: CommandLine, fake_api: FakeApi) -> None:
    told = {"message": "Retrying 3 records", "finished": False, "records_resolved": 2, "records_still_failed": 1}
    refused = [{"entity_name": "orders", "code": "BATCH_IN_PROGRESS"}]
    fake_api.will(f"POST {AT}/sync/retry-failed", {**told, "not_retried": refused}, 202)
    assert brx("bridge", "retry", "--entity", "items", "--limit", 3).out.splitlines() == [
        "Retrying 3 records: resolved 2, still failed 1",
        "They are still at work; look again with `bridge history`.",
        "orders: not now (BATCH_IN_PROGRESS)",
    ]
    assert json.loads(fake_api.received[0].body) == {"entity_name": "items", "limit": 3}


def test_what_waits_is_shown(brx: CommandLine, fake_api: FakeApi) -> None:
    child = {"entity_name": "lines", "ref": "order", "parent_entity": "orders", "retry_count": 1}
    fake_api.will(f"GET {AT}/pending-children", {**PAGE, "items": [child]})
    assert brx("bridge", "pending", "--parent", "orders").out.splitlines()[1].split()[:4] == [
        "lines",
        "order",
        "orders",
        "1",
    ]
    fake_api.will(f"GET {AT}/stats", {"batches": {}})
    assert json.loads(brx("bridge", "stats").out) == {"batches": {}}


def test_schedules_are_made_changed_and_shown(brx: CommandLine, fake_api: FakeApi) -> None:
    line = {
        "uid": UID,
        "entity_name": "items",
        "is_enabled": True,
        "state": "waiting",
        "sync_window_start": "19:00:00",
        "sync_window_end": "07:00:00",
        "rows_per_day": 1_000_000,
        "current_offset": 3_500_000,
        "progress_percent": 50,
    }
    fake_api.will(f"GET {AT}/schedules", {"items": [line], "total": 1, "page": 1, "pages": 1})
    lines = brx("schedules", "list").out.splitlines()
    assert "19:00-07:00 UTC" in lines[1]
    assert lines[1].split()[-3:] == ["3,500,000", "50.00", "1,000,000"]
    fake_api.will(f"POST {AT}/schedules", line, 201)
    assert brx("schedules", "create", "items", "--from", "20:00", "--zone", "Europe/Rome", "--days", 5).code == 0
    wanted = {"sync_window_start": "20:00", "zone": "Europe/Rome", "days_to_complete": 5}
    assert json.loads(fake_api.received[-1].body) == {"entity_name": "items", **wanted}
    fake_api.will(f"PATCH {AT}/schedules/{UID}", line)
    assert brx("schedules", "change", UID, "--disable").out == f"Schedule {UID} is changed\n"
    assert json.loads(fake_api.received[-1].body) == {"is_enabled": False}


def test_schedules_are_triggered_reset_and_removed(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST {AT}/schedules/{UID}/trigger", {"message": "Sync of items begins"})
    assert brx("schedules", "trigger", UID, "--force").out == "Sync of items begins\n"
    assert json.loads(fake_api.received[-1].body) == {"force": True}
    fake_api.will(f"POST {AT}/schedules/{UID}/reset", {})
    assert brx("schedules", "reset", UID).code == 0
    fake_api.will(f"DELETE {AT}/schedules/{UID}", {})
    assert brx("schedules", "remove", UID).code == 0
    for verb in ("start", "stop"):
        fake_api.will(f"POST {AT}/schedules/{verb}", {"message": f"{verb}ed"})
        assert brx("schedules", verb).out == f"{verb}ed\n"
    for path in ("status", "stats", UID):
        fake_api.will(f"GET {AT}/schedules/{path}", {"of": path})
    shown = [brx("schedules", "status"), brx("schedules", "stats"), brx("schedules", "show", UID)]
    assert [json.loads(outcome.out)["of"] for outcome in shown] == ["status", "stats", UID]
