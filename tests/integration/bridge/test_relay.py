"""A batch that nobody works on is started, or closed with its reason; one that somebody works on is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.bridge.relay import BatchRelay, TemporalEngine
from db.bridge import history
from db.bridge.history import Batch
from db.bridge.tables import sync_batches
from db.session import Database
from workflows.bridge.contracts import bridge_batch_id
from workflows.bridge.starting import running_batch

YOUNG, OLD = timedelta(seconds=1), timedelta(minutes=5)


@dataclass
class FakeEngine:
    """Workflows by entity, nights by batch; an entity may be out of reach."""

    at_work: dict[str, UUID] = field(default_factory=dict)
    nights: set[UUID] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    started: list[UUID] = field(default_factory=list)

    async def running(self, batch: Batch) -> UUID | None:
        if batch.entity_name in self.unreachable:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        return self.at_work.get(batch.entity_name)

    async def worked_on(self, schedule_uid: UUID, batch_uid: UUID) -> bool:
        return batch_uid in self.nights

    async def start(self, batch: Batch) -> None:
        self.started.append(batch.uid)


@pytest.fixture
async def database(module_database_url: str) -> AsyncIterator[Database]:
    opened = Database.connect(module_database_url, pool_size=1, max_overflow=0)
    async with opened.begin() as connection:
        await connection.execute(sync_batches.delete())
    yield opened
    await opened.close()


async def batch(database: Database, status: str, age: timedelta = OLD, **columns: Any) -> tuple[UUID, str]:
    """An open batch of an entity of its own."""
    uid, name = uuid4(), f"entity_{uuid4().hex[:8]}"
    at = datetime.now(UTC) - age
    row = {"uid": uid, "entity_name": name, "source_system": "erp", "connector_api_slug": "s", "page_size": 100}
    times = {"created_at": at, "started_at": at if status == "running" else None}
    async with database.begin() as connection:
        await connection.execute(
            insert(sync_batches), [{**row, "sync_type": "full", "status": status, **times, **columns}]
        )
    return uid, name


async def status_of(database: Database, uid: UUID) -> tuple[str, str | None]:
    async with database.begin() as connection:
        found = await history.find(connection, uid)
    assert found is not None
    return found.status, found.error_code


async def test_a_batch_whose_start_was_lost_is_started(database: Database) -> None:
    engine = FakeEngine()
    lost, _ = await batch(database, "pending")
    await batch(database, "pending", YOUNG)
    assert await BatchRelay(database, engine).relay() == 1
    assert engine.started == [lost]


async def test_a_batch_behind_another_waits_for_its_turn(database: Database) -> None:
    waiting, name = await batch(database, "pending")
    engine = FakeEngine(at_work={name: uuid4()})
    relay = BatchRelay(database, engine)
    assert await relay.relay() == 0
    engine.at_work.clear()
    assert await relay.relay() == 1
    assert engine.started == [waiting]


async def test_a_running_batch_without_a_workflow_is_closed_with_its_reason(database: Database) -> None:
    ended, _ = await batch(database, "running")
    replaced, name = await batch(database, "running")
    worked, busy = await batch(database, "running")
    begun, queued = await batch(database, "pending")
    engine = FakeEngine(at_work={name: uuid4(), busy: worked, queued: begun})
    assert await BatchRelay(database, engine).relay() == 2
    for uid in (ended, replaced):
        assert await status_of(database, uid) == ("failed", "BATCH_INTERRUPTED")
    assert await status_of(database, worked) == ("running", None)
    assert (await status_of(database, begun), engine.started) == (("pending", None), [])


async def test_nights_are_never_started_and_get_more_time(database: Database) -> None:
    night = {"sync_type": "background", "schedule_uid": uuid4()}
    left, _ = await batch(database, "pending", timedelta(minutes=11), **night)
    worked, _ = await batch(database, "running", timedelta(minutes=11), **night)
    fresh, _ = await batch(database, "running", timedelta(minutes=9), **night)
    engine = FakeEngine(nights={worked})
    assert await BatchRelay(database, engine).relay() == 1
    assert await status_of(database, left) == ("failed", "BATCH_INTERRUPTED")
    assert [await status_of(database, uid) for uid in (worked, fresh)] == [("running", None)] * 2
    assert engine.started == []


async def test_one_that_cannot_be_looked_at_keeps_nobody_waiting(database: Database) -> None:
    blind, name = await batch(database, "running")
    lost, _ = await batch(database, "pending")
    engine = FakeEngine(unreachable={name})
    assert await BatchRelay(database, engine).relay() == 1
    assert (await status_of(database, blind), engine.started) == (("running", None), [lost])


async def test_on_temporal_a_lost_start_becomes_a_workflow_of_that_batch(
    database: Database, temporal_client: Client
) -> None:
    uid, name = await batch(database, "pending")
    relay = BatchRelay(database, TemporalEngine(temporal_client))
    handle = temporal_client.get_workflow_handle(bridge_batch_id("erp", name))
    assert await relay.relay() == 1
    try:
        assert await running_batch(temporal_client, "erp", name, timeout=YOUNG * 5) == uid
        assert await relay.relay() == 0
    finally:
        await handle.terminate()
    assert await status_of(database, uid) == ("pending", None)
    assert not await TemporalEngine(temporal_client).worked_on(uuid4(), uid)
