"""`link` and `sync` against a fake API: what is sent, what is shown, how it ends."""

from __future__ import annotations

import json
import socket

import pytest

from tests.helpers.fake_api import Answer, CommandLine, FakeApi

USER = "0b5fbb2c-91d3-4c52-8f0e-3f2c4b8f5a11"
RUNNING = {"operation_id": "op-1", "state": "running", "phase": "applying", "total_products": 10, "processed": 4}
DONE = {
    "operation_id": "op-1",
    "state": "completed",
    "phase": "done",
    "progress_percent": 100,
    "total_products": 10,
    "processed": 10,
    "created": 7,
    "unchanged": 3,
    "skipped": 2,
}
FAILED = DONE | {"state": "failed", "error": {"code": "TOKEN_REJECTED", "message": "CardTrader refused the token."}}
BUSY = {"error": {"code": "SYNC_IN_PROGRESS", "message": "A sync of this account is running.", "trace_id": "t"}}


@pytest.fixture
def started(fake_api: FakeApi) -> FakeApi:
    fake_api.will(f"POST /start/{USER}", {"task_id": "op-1", "message": "Bulk sync started"}, 202)
    return fake_api


def test_start_names_the_task_and_sends_the_token(brx: CommandLine, started: FakeApi) -> None:
    outcome = brx("sync", "start", USER, "--force")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Started op-1\n", "")
    [request] = started.received
    assert (request.token, request.query) == ("the-token", {"force": ["true"]})


def test_follow_ends_with_the_counts(brx: CommandLine, started: FakeApi) -> None:
    started.will_stream(f"/progress/{USER}/stream", ("progress", RUNNING), ("progress", DONE))
    outcome = brx("sync", "start", USER, "--follow")
    assert outcome.code == 0
    assert "10/10 products" in outcome.out
    assert "created 7  unchanged 3" in outcome.out
    assert "2 without a catalogue entry" in outcome.out


def test_a_failed_sync_is_exit_code_1_with_its_reason(brx: CommandLine, started: FakeApi) -> None:
    started.will_stream(f"/progress/{USER}/stream", ("progress", FAILED))
    outcome = brx("sync", "start", USER, "--follow")
    assert outcome.code == 1
    assert "TOKEN_REJECTED: CardTrader refused the token." in outcome.out


def test_json_progress_is_one_line_per_event(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will_stream(f"/progress/{USER}/stream", ("progress", RUNNING), ("progress", DONE))
    outcome = brx("sync", "progress", USER, "--json")
    assert outcome.code == 0
    assert [json.loads(line)["state"] for line in outcome.out.splitlines()] == ["running", "completed"]


def test_progress_once_does_not_wait(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET /progress/{USER}", RUNNING | {"progress_percent": 40, "created": 4})
    outcome = brx("sync", "progress", USER, "--once")
    assert (outcome.code, outcome.out) == (0, "Sync running  40 %  4 of 10 products\ncreated 4\n")


@pytest.mark.parametrize("options", [("--once",), (), ("--json",)])
def test_an_account_that_never_synchronised(brx: CommandLine, fake_api: FakeApi, options: tuple[str, ...]) -> None:
    nothing = {"user_id": USER, "status": "no_sync_found", "message": "No sync operation found for this user"}
    fake_api.will(f"GET /progress/{USER}", nothing)
    fake_api.will_stream(f"/progress/{USER}/stream", ("progress", nothing))
    outcome = brx("sync", "progress", USER, *options)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "No sync operation found for this user. Start one with `sync start`.\n"


def test_a_stream_that_ends_early_is_no_success(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will_stream(f"/progress/{USER}/stream", ("progress", RUNNING))
    outcome = brx("sync", "progress", USER)
    assert outcome.code == 1
    assert "closed the stream before the sync was over" in outcome.err


def test_an_error_event_is_shown(brx: CommandLine, fake_api: FakeApi) -> None:
    problem = {"code": "DATABASE_UNAVAILABLE", "message": "The database does not answer."}
    fake_api.will_stream(f"/progress/{USER}/stream", ("progress", RUNNING), ("error", problem))
    outcome = brx("sync", "progress", USER, "--json")
    assert outcome.code == 1
    assert outcome.err.startswith("DATABASE_UNAVAILABLE: The database does not answer.")


def test_a_refusal_is_its_code_and_sentence(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST /start/{USER}", BUSY, 409)
    outcome = brx("sync", "start", USER, "--follow")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "SYNC_IN_PROGRESS: A sync of this account is running.\n"


def test_a_refused_stream_is_its_code_and_sentence(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.answers[f"GET /progress/{USER}/stream"] = Answer(json.dumps(BUSY), 409)
    outcome = brx("sync", "progress", USER)
    assert outcome.err == "SYNC_IN_PROGRESS: A sync of this account is running.\n"


def test_something_else_at_the_address(brx: CommandLine, fake_api: FakeApi) -> None:
    outcome = brx("sync", "status", USER)
    assert outcome.code == 1
    assert outcome.err == "HTTP_ERROR: The answer (404) is not this API's. Is the address right?\n"


def test_nobody_at_the_address(brx: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    outcome = brx("sync", "status", USER, "--api-url", url)
    assert outcome.code == 1
    assert outcome.err.startswith(f"No answer from {url}.")


def test_status_shows_the_account(brx: CommandLine, fake_api: FakeApi) -> None:
    answer = {"user_id": USER, "sync_status": "error", "last_sync_at": "2026-01-02T03:04:05Z", "last_error": "[why]"}
    fake_api.will(f"GET /status/{USER}", answer)
    assert brx("sync", "status", USER).out == "Account error\nLast sync 2026-01-02 03:04:05 UTC\n[why]\n"
    assert json.loads(brx("sync", "status", USER, "--json").out) == answer


def test_cancel_says_what_was_asked(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST /cancel/{USER}", {"task_id": "op-1", "message": "Cancellation requested"}, 202)
    assert brx("sync", "cancel", USER).out == "Cancellation requested\n"


def test_link_sends_the_cardtrader_token_and_shows_none(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST /link/{USER}", {"user_id": USER, "sync_status": "idle"})
    outcome = brx("link", USER, "--cardtrader-token", "ct-secret")
    assert outcome.code == 0
    assert json.loads(fake_api.received[0].body) == {"cardtrader_token": "ct-secret"}
    assert "ct-secret" not in outcome.out + outcome.err


def test_a_user_that_is_no_uuid_is_a_usage_error(brx: CommandLine) -> None:
    assert brx("sync", "status", "somebody").code == 2
