"""Retries take the letters that were asked for, tell what became of them, and touch no others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from api.services import Services
from db.bridge.history import Batch
from db.bridge.tables import sync_batches
from db.failed_tables import failed_records
from tests.helpers.bridge_api import Bridge, FakeBatches, serving_bridge


@dataclass
class Worker(FakeBatches):
    """Every batch ends at once: all of its letters are rows, of which some fail again."""

    services: Services | None = None
    fail_again: int = 0
    ends: bool = True
    letters: list[list[int]] = field(default_factory=list)

    async def start(self, batch: Batch) -> None:
        """Work."""
        await super().start(batch)
        assert self.services is not None
        mine = sync_batches.c.uid == batch.uid
        async with self.services.transaction() as connection:
            chosen = (await connection.execute(select(sync_batches.c.selection).where(mine))).scalar_one()["letter_ids"]
            self.letters.append(chosen)
            if self.ends:
                numbers = {"rows_fetched": len(chosen), "rows_failed": self.fail_again}
                await connection.execute(update(sync_batches).where(mine).values(status="completed", **numbers))


@pytest.fixture
def worker(bridge: Bridge) -> Worker:
    return Worker(services=bridge.services)


@pytest.fixture
async def working(bridge: Bridge, worker: Worker) -> AsyncIterator[Bridge]:
    """The same with workflows that do something."""
    services = replace(bridge.services, batches=worker)
    async with serving_bridge(services) as http:
        yield replace(bridge, http=http, services=services)


async def letters(bridge: Bridge, entity: dict[str, Any], *columns: dict[str, Any]) -> list[int]:
    """Open letters of an entity; their ids."""
    names = {"entity_name": entity["entity_name"], "source_system": entity["source_system"]}
    usual = {"context": "bridge", "operation_id": str(uuid4()), "stage": "map", "reason": "why", "raw": b"{}"}
    rows = [
        {**names, **usual, "max_retries": 3, "retries": 0, "subject": uuid4().hex, "resolved_at": None, **each}
        for each in columns
    ]
    async with bridge.services.transaction() as connection:
        inserted = failed_records.insert().returning(failed_records.c.id, sort_by_parameter_order=True)
        return list((await connection.execute(inserted, rows)).scalars())


async def test_the_counts_are_those_of_the_batches(working: Bridge, worker: Worker) -> None:
    one, other = await working.entity(), await working.entity()
    await letters(working, one, {}, {}, {})
    await letters(working, other, {})
    worker.fail_again = 1
    answer = await working("POST", "/sync/retry-failed", {"entity_name": one["entity_name"]})
    assert answer.status_code == 200
    told = answer.json()
    assert told == {
        "success": True,
        "message": "Retried 3 records",
        "finished": True,
        "records_retried": 3,
        "records_resolved": 2,
        "records_still_failed": 1,
        "batch_uids": told["batch_uids"],
        "not_retried": [],
    }
    [batch] = worker.started
    assert (batch.sync_type, batch.entity_name, [str(batch.uid)]) == ("retry", one["entity_name"], told["batch_uids"])


async def test_only_the_letters_that_were_asked_for_are_taken(working: Bridge, worker: Worker) -> None:
    entity, batch = await working.entity(), uuid4()
    mine, *_ = await letters(
        working,
        entity,
        {"operation_id": str(batch)},
        {"operation_id": str(batch), "resolved_at": datetime.now(UTC)},
        {"operation_id": str(batch), "raw": None},
        {"operation_id": str(batch), "retries": 3},
        {},
    )
    assert (await working.ok("POST", "/sync/retry-failed", {"batch_uid": str(batch)}))["records_retried"] == 1
    assert worker.letters == [[mine]]


async def test_each_letters_own_limit_counts_unless_another_is_given(working: Bridge, worker: Worker) -> None:
    entity = await working.entity()
    ids = await letters(working, entity, {"retries": 3}, {"retries": 3, "max_retries": 5}, {"retries": 9})
    name = {"entity_name": entity["entity_name"]}
    await working.ok("POST", "/sync/retry-failed", name)
    await working.ok("POST", "/sync/retry-failed", {**name, "max_retries": 4})
    await working.ok("POST", "/sync/retry-failed", {**name, "max_retries": 10, "limit": 2})
    assert worker.letters == [[ids[1]], ids[:2], ids[:2]]


async def test_letters_that_cannot_be_tried_now_are_named(working: Bridge, worker: Worker) -> None:
    gone, off, busy = await working.entity(), await working.entity(), await working.entity()
    batch = str(uuid4())
    for entity in (gone, off, busy):
        await letters(working, entity, {"operation_id": batch})
    await working.ok("DELETE", f"/entities/{gone['uid']}")
    await working.ok("PUT", f"/entities/{off['uid']}", {"sync_enabled": False})
    row = {"entity_name": busy["entity_name"], "source_system": "erp", "connector_api_slug": "s", "page_size": 100}
    await working.write(sync_batches, {**row, "sync_type": "full", "status": "running"})
    told = await working.ok("POST", "/sync/retry-failed", {"batch_uid": batch})
    assert {each["entity_name"]: each["code"] for each in told["not_retried"]} == {
        gone["entity_name"]: "ENTITY_NOT_FOUND",
        off["entity_name"]: "ENTITY_DISABLED",
        busy["entity_name"]: "BATCH_IN_PROGRESS",
    }
    assert (told["records_retried"], told["batch_uids"], worker.started) == (0, [], [])


async def test_what_takes_longer_is_accepted_and_can_be_polled(working: Bridge, worker: Worker) -> None:
    worker.ends = False
    entity = await working.entity()
    await letters(working, entity, {}, {})
    answer = await working("POST", "/sync/retry-failed", {"entity_name": entity["entity_name"]})
    assert (answer.status_code, answer.json()["finished"], answer.json()["message"]) == (
        202,
        False,
        "Retrying 2 records",
    )
    assert (answer.json()["records_resolved"], answer.json()["records_still_failed"]) == (0, 2)
    [uid] = answer.json()["batch_uids"]
    assert (await working.ok("GET", f"/sync/status/{UUID(uid)}"))["sync_type"] == "retry"
