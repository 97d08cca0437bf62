"""`inventory list`: filters become query parameters, rows become a table."""

from __future__ import annotations

import json

from tests.helpers.fake_api import CommandLine, FakeApi

USER = "0b5fbb2c-91d3-4c52-8f0e-3f2c4b8f5a11"
ITEM = {
    "id": 7,
    "blueprint_id": 42,
    "quantity": 3,
    "price_cents": 1250,
    "properties": {"condition": "Near Mint", "mtg_language": "it", "signed": False},
    "external_stock_id": "900",
    "description": "with [brackets]",
    "sync_state": "pending",
}
PAGE = {"items": [ITEM, ITEM | {"properties": None, "stale_since": "2026-01-01T00:00:00Z"}], "total": 1234}


def test_rows_are_shown(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET /inventory/{USER}", PAGE | {"next_cursor": "abc"})
    lines = brx("inventory", "list", USER).out.splitlines()
    assert lines[1].split() == ["7", "42", "900", "3", "12.50", "Near", "Mint", "it", "pending", "with", "[brackets]"]
    assert "stale" in lines[2].split()
    assert lines[3:] == ["2 of 1,234", "next page: --cursor abc"]


def test_filters_are_sent_and_absent_ones_are_not(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET /inventory/{USER}", PAGE)
    since = ("--updated-since", "2026-01-02T03:04:05")
    brx("inventory", "list", USER, "--blueprint", 42, "--state", "failed", "-q", "foil", "--cursor", "abc", *since)
    assert fake_api.received[0].query == {
        "limit": ["20"],
        "blueprint_id": ["42"],
        "sync_state": ["failed"],
        "q": ["foil"],
        "cursor": ["abc"],
        "updated_since": ["2026-01-02T03:04:05Z"],
    }


def test_json_is_the_answer_itself(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET /inventory/{USER}", PAGE)
    assert json.loads(brx("inventory", "list", USER, "--json").out) == PAGE
