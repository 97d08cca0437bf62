"""`inventory edit|delete|add` and `changes` against a fake API: what is sent, what is shown."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers.fake_api import CommandLine, FakeApi

USER = "0b5fbb2c-91d3-4c52-8f0e-3f2c4b8f5a11"
TASK = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
UPDATED = {
    "item_id": 7,
    "quantity": 1200,
    "quantity_on_sale": 5,
    "price_cents": 1250,
    "row_version": 3,
    "task_id": TASK,
    "waiting_for": None,
}
PLAN = {
    "plan_id": TASK,
    "state": "waiting",
    "creates": 1,
    "updates": 1200,
    "deletes": 3,
    "zeroed": 4,
    "repriced": 5,
    "value_before_cents": 123456,
    "value_after_cents": 7,
    "requests": 9,
    "seconds": 6,
}


def test_an_edit_sends_what_was_given(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"PUT /inventory/{USER}/item/7", UPDATED)
    options = ("--quantity", 1200, "--description", "", "--not-graded", "-p", "condition=Poor", "-p", "mtg_foil=true")
    shown = brx("inventory", "edit", USER, 7, *options, "--if-version", 2)
    assert shown.out.splitlines() == [
        "Item 7, version 3: 1,200 copies (5 on sale now) at 12.50",
        f"Follow it: changes task {TASK}",
    ]
    [request] = fake_api.received
    assert json.loads(request.body) == {
        "quantity": 1200,
        "description": "",
        "graded": False,
        "properties": {"condition": "Poor", "mtg_foil": "true"},
    }
    assert request.headers["If-Match"] == '"2"'


def test_a_refusal_names_the_fields(brx: CommandLine, fake_api: FakeApi) -> None:
    errors = [{"field": "body.properties", "message": "condition must be one of Mint", "type": "value_error"}]
    error = {"code": "VALIDATION_ERROR", "message": "Request validation failed", "errors": errors}
    fake_api.will(f"PUT /inventory/{USER}/item/7", {"error": error}, 422)
    refused = brx("inventory", "edit", USER, 7, "-p", "condition=Great")
    assert refused.code == 1
    assert "Request validation failed; body.properties: condition must be one of Mint" in refused.err


def test_a_property_needs_a_value(brx: CommandLine, fake_api: FakeApi) -> None:
    refused = brx("inventory", "edit", USER, 7, "-p", "condition")
    assert (refused.code, refused.err) == (1, "A property is given as NAME=VALUE.\n")
    assert fake_api.received == []


def test_a_deletion_says_what_it_waits_for(brx: CommandLine, fake_api: FakeApi) -> None:
    answer = {"item_id": 7, "task_id": TASK, "waiting_for": "WRITES_ENABLED"}
    fake_api.will(f"DELETE /inventory/{USER}/item/7", answer)
    shown = brx("inventory", "delete", USER, 7).out
    assert shown.startswith("Item 7 is off sale here")
    assert "once the operator allows changes" in shown
    assert "If-Match" not in fake_api.received[0].headers


def test_one_listing_is_added_by_options(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"POST /inventory/{USER}/items", {"task_id": TASK, "accepted": 1}, 202)
    options = ("--blueprint", 42, "--quantity", 2, "--price-cents", 99, "-p", "mtg_language=jp", "--key", "k1")
    assert brx("inventory", "add", USER, *options).out.startswith("1 listings accepted")
    [request] = fake_api.received
    listing = {"blueprint_id": 42, "quantity": 2, "price_cents": 99, "properties": {"mtg_language": "jp"}}
    assert json.loads(request.body) == {"items": [listing]}
    assert request.headers["Idempotency-Key"] == "k1"


def test_listings_are_added_from_a_file(brx: CommandLine, fake_api: FakeApi, tmp_path: Path) -> None:
    fake_api.will(f"POST /inventory/{USER}/items", {"task_id": TASK, "accepted": 2}, 202)
    file = tmp_path / "listings.json"
    file.write_text('[{"blueprint_id": 1}, {"blueprint_id": 2}]')
    brx("inventory", "add", USER, "--file", file)
    assert json.loads(fake_api.received[0].body) == {"items": [{"blueprint_id": 1}, {"blueprint_id": 2}]}
    for text, complaint in (("{}", "is not an array"), ("[", "is not JSON")):
        file.write_text(text)
        refused = brx("inventory", "add", USER, "--file", file)
        assert (refused.code, complaint in refused.err) == (1, True)


def test_a_task_shows_what_was_not_made(brx: CommandLine, fake_api: FakeApi) -> None:
    unmade = {
        "position": 3,
        "action": "create",
        "item_id": None,
        "blueprint_id": 42,
        "code": "REFUSED",
        "message": "CardTrader refused [condition]",
    }
    changes = {"verified": 2, "failed": 1, "unmade": [unmade]}
    fake_api.will(f"GET /task/{TASK}", {"status": "SUCCESS", "message": "Done", "changes": changes})
    lines = brx("changes", "task", TASK).out.splitlines()
    assert lines[:2] == ["SUCCESS: Done", "verified 2  failed 1"]
    assert lines[3].split() == ["3", "42", "create", "REFUSED", "CardTrader", "refused", "[condition]"]


def test_a_plan_is_shown_approved_and_given_up(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET /changes/{USER}/plan", PLAN)
    assert brx("changes", "plan", USER).out.splitlines() == [
        f"Plan {TASK} (waiting)",
        "1 new, 3 deleted, 1,200 changed (of these 4 to nothing, 5 repriced by more than half)",
        "Value 1,234.56 before, 0.07 after",
        "About 9 requests to CardTrader, 6 seconds",
    ]
    for word, state in (("approve", "approved"), ("cancel", "cancelled")):
        fake_api.will(f"POST /changes/{USER}/plan/{TASK}/{word}", PLAN | {"state": state})
        assert f"({state})" in brx("changes", word, USER, TASK).out
    assert json.loads(brx("changes", "plan", USER, "--json").out) == PLAN
