"""`failed` and `disconnect` against a fake API: what is sent, what is shown."""

from __future__ import annotations

import json

from tests.helpers.fake_api import CommandLine, FakeApi

USER = "0b5fbb2c-91d3-4c52-8f0e-3f2c4b8f5a11"
LETTER = {
    "id": 7,
    "subject": "900",
    "stage": "validate",
    "reason": "quantity [-1]",
    "retries": 2,
    "updated_at": "2026-01-01T00:00:00Z",
}
PAGE = {"records": [LETTER], "next_cursor": "abc"}


def test_open_records_are_shown(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET /failed-records/{USER}", PAGE)
    lines = brx("failed", "list", USER, "--stage", "validate").out.splitlines()
    assert lines[1].split() == ["7", "validate", "900", "3", "open", "quantity", "[-1]"]
    assert lines[2] == "next page: --cursor abc"
    assert fake_api.received[0].query == {"limit": ["20"], "stage": ["validate"], "resolution": ["open"]}


def test_all_records_as_json(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET /failed-records/{USER}", PAGE)
    assert json.loads(brx("failed", "list", USER, "--all", "--json").out) == PAGE
    assert fake_api.received[0].query == {"limit": ["20"]}


def test_a_retry_names_the_sync_that_it_became(brx: CommandLine, fake_api: FakeApi) -> None:
    answer = {"status": "accepted", "task_id": None, "message": "The blueprint of the record is read again"}
    fake_api.will(f"POST /failed-records/{USER}/7/retry", answer, 202)
    assert brx("failed", "retry", USER, 7).out == "The blueprint of the record is read again\n"
    fake_api.will(f"POST /failed-records/{USER}/7/retry", answer | {"task_id": "op-1", "message": "A sync"}, 202)
    assert brx("failed", "retry", USER, 7).out == "A sync: op-1\n"


def test_a_refusal_is_one_sentence(brx: CommandLine, fake_api: FakeApi) -> None:
    refusal = {"error": {"code": "NOT_REPEATABLE", "message": "It is not sent again.", "trace_id": "t"}}
    fake_api.will(f"POST /failed-records/{USER}/7/retry", refusal, 409)
    outcome = brx("failed", "retry", USER, 7)
    assert (outcome.code, outcome.err) == (1, "NOT_REPEATABLE: It is not sent again.\n")


def test_a_record_is_settled(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST /failed-records/{USER}/7/resolve", LETTER)
    assert brx("failed", "resolve", USER, 7).out == "Record 7 is settled\n"


def test_disconnecting_suspends_unless_told_to_remove(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST /disconnect/{USER}", {"message": "The account is suspended."})
    assert brx("disconnect", USER).out == "The account is suspended.\n"
    brx("disconnect", USER, "--remove", "--json")
    assert [json.loads(request.body)["action"] for request in fake_api.received] == ["suspend", "remove"]


def test_the_status_tells_of_a_suspension(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET /status/{USER}", {"user_id": USER, "sync_status": "idle", "disconnected": True})
    assert brx("sync", "status", USER).out.splitlines()[1] == "Disconnected: link the account to go on"
