"""The commands of a shop against a stand-in for the API."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.helpers.fake_api import CommandLine, FakeApi

P = "/store/v1/local"
OPERATION = uuid4()
ITEM = {"sku": "A-1", "name": "Lamp", "quantity": 7, "version": 3, "central_quantity": None, "last_synced_at": None}
MOVEMENT = {
    "operation_id": str(OPERATION), "sku": "A-1", "kind": "local", "delta": -2, "status": "failed", "attempts": 4,
    "created_at": "2026-01-01", "completed_at": None, "error_message": "The central inventory refuses this change",
}  # fmt: skip


def test_items_are_listed(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET {P}/inventory", {"items": [ITEM], "next_cursor": None})
    done = brx("store", "list", "--limit", 5)
    assert (done.code, fake_api.received[0].query) == (0, {"limit": ["5"]})
    assert "A-1" in done.out
    assert json.loads(brx("store", "list", "--json").out) == {"items": [ITEM], "next_cursor": None}


@pytest.mark.parametrize("delta", [-2, 5])
def test_stock_is_moved(brx: CommandLine, fake_api: FakeApi, delta: int) -> None:
    fake_api.will(f"POST {P}/inventory/A-1/update", {**ITEM, "operation_id": str(OPERATION)})
    done = brx("store", "update", "A-1", delta, "--operation", OPERATION)
    assert done.out == f"7 of A-1 left; operation {OPERATION}\n"
    assert json.loads(fake_api.received[0].body) == {"delta": delta, "operation_id": str(OPERATION)}


@pytest.mark.parametrize(("command", "decision"), [("retry", "retry"), ("discard", "discard")])
def test_a_person_decides(brx: CommandLine, fake_api: FakeApi, command: str, decision: str) -> None:
    fake_api.will(f"POST {P}/sync/{decision}/{OPERATION}", {**MOVEMENT, "status": "pending"})
    assert brx("store", command, OPERATION).out == "-2 of A-1: pending\n"


def test_what_failed_is_told_with_its_reason(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"GET {P}/sync/failed", {"operations": [MOVEMENT], "next_cursor": None})
    fake_api.will(f"GET {P}/inventory/A-1/operations", {"operations": [MOVEMENT], "next_cursor": None})
    assert "refuses" in brx("store", "failed").out.replace("\n", " ")
    assert brx("store", "operations", "A-1").code == 0


def test_the_rest(brx: CommandLine, fake_api: FakeApi) -> None:
    fake_api.will(f"PUT {P}/inventory/A-1", ITEM)
    assert brx("store", "put", "A-1", "Lamp").out == "A-1 is Lamp\n"
    fake_api.will(f"GET {P}/sync/status/{OPERATION}", {"message": "Sync status: completed", "attempts": 1})
    assert brx("store", "status", OPERATION).out == "Sync status: completed (1 attempts)\n"
    fake_api.will(f"POST {P}/sync/trigger", {"ok": True, "message": "Sync enqueued", "pending": 3})
    assert brx("store", "trigger").out == "Sync enqueued, 3 movements wait\n"
    fake_api.will(f"PUT {P}/settings", {"store_id": "milan", "conflict_strategy": "manual"})
    assert brx("store", "strategy", "manual").out == "milan: manual\n"
    fake_api.will(f"GET {P}/settings", {"store_id": "milan", "conflict_strategy": "rebase"})
    assert brx("store", "strategy").out == "milan: rebase\n"


def test_a_refusal_is_a_sentence(brx: CommandLine, fake_api: FakeApi) -> None:
    error = {"code": "INSUFFICIENT_QUANTITY", "message": "Insufficient quantity. Available: 1, requested: 2"}
    fake_api.will(f"POST {P}/inventory/A-1/update", {"error": error}, 400)
    done = brx("store", "update", "A-1", -2)
    assert done.code == 1
    assert "Available: 1, requested: 2" in done.err
