"""`sync from-cardtrader` and `drift` against a fake API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.api_client import Api
from cli.reconciling import ended
from tests.helpers.fake_api import CommandLine, FakeApi

USER = "0b5fbb2c-91d3-4c52-8f0e-3f2c4b8f5a11"
TASK = "5c6d8a52-1ff2-4d7c-a5a4-0d1f3e2b4c6d"
ITEM = {
    "kind": "corrected",
    "blueprint_id": 7,
    "product_id": 42,
    "field": "description",
    "old": "[red]x[/red]",
    "new": None,
    "cause": "edited_on_cardtrader",
}
REPORT: dict[str, Any] = {
    "operation_id": TASK,
    "state": "completed",
    "dry_run": True,
    "completed_at": "2026-11-20T06:15:00Z",
    "summary": {
        "equal": 1_497,
        "corrected": 2,
        "missing": 1,
        "extra": 0,
        "contested": 0,
        "missed_orders": 1,
        "causes": {"missed_webhook": 2, "edited_on_cardtrader": 1},
    },
    "items": [ITEM, {**ITEM, "kind": "missing", "field": "", "old": {"quantity": 2}}],
    "next_cursor": "abc",
}


@pytest.fixture
def reporting(fake_api: FakeApi) -> FakeApi:
    fake_api.will(f"POST /sync-from-cardtrader/{USER}", {"task_id": TASK, "message": "queued"}, 202)
    fake_api.will(f"GET /task/{TASK}", {"status": "SUCCESS", "ready": True})
    fake_api.will(f"GET /drift/{USER}", REPORT)
    return fake_api


def test_a_report_shows_counts_causes_and_both_values(brx: CommandLine, reporting: FakeApi) -> None:
    outcome = brx("drift", USER, "--operation", TASK, "--kind", "missing", "--limit", "5")
    assert outcome.code == 0
    assert "Reconciliation of 2026-11-20 06:15 UTC, completed (dry run: nothing was changed)" in outcome.out
    assert "equal 1,497  corrected 2  missing 1  extra 0  contested 0" in outcome.out
    assert "1 orders of which no webhook had told" in outcome.out
    assert "causes: missed_webhook 2, edited_on_cardtrader 1" in outcome.out
    assert "[red]x[/red]" in outcome.out
    assert '{"quantity": 2}' in outcome.out
    assert "next page: --cursor abc" in outcome.out
    [request] = reporting.received
    assert request.query == {"operation_id": [TASK], "kind": ["missing"], "limit": ["5"]}


def test_reconciling_names_the_task_and_can_wait_for_its_report(brx: CommandLine, reporting: FakeApi) -> None:
    outcome = brx("sync", "from-cardtrader", USER, "--blueprint", "7", "--dry-run", "--follow")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Started {TASK}\n")
    assert "equal 1,497" in outcome.out
    started, _, shown = reporting.received
    assert started.query == {"blueprint_id": ["7"], "dry_run": ["true"]}
    assert shown.query == {"operation_id": [TASK]}


def test_json_prints_the_answers_as_they_are(brx: CommandLine, reporting: FakeApi) -> None:
    outcome = brx("sync", "from-cardtrader", USER, "--follow", "--json")
    accepted, report = map(json.loads, outcome.out.splitlines())
    assert (accepted["task_id"], report) == (TASK, REPORT)


def test_a_failed_reconciliation_is_exit_code_1_with_its_reason(brx: CommandLine, reporting: FakeApi) -> None:
    failure = {"code": "TOKEN_REJECTED", "message": "CardTrader no longer accepts the token."}
    reporting.will(f"GET /task/{TASK}", {"status": "FAILURE", "ready": True, "error": failure})
    outcome = brx("sync", "from-cardtrader", USER, "--follow")
    assert outcome.code == 1
    assert "TOKEN_REJECTED: CardTrader no longer accepts the token." in outcome.err


def test_waiting_asks_again_until_the_task_has_ended(reporting: FakeApi) -> None:
    reporting.will(f"GET /task/{TASK}", {"status": "STARTED", "ready": False})
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            reporting.will(f"GET /task/{TASK}", {"status": "SUCCESS", "ready": True})

    with Api.connect(reporting.url, "t") as api:
        ended(api, TASK, sleep)
    assert len(waits) == 2
