"""Entities by cron: what Temporal holds is what the entity says, and a turn starts one batch or none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleOverlapPolicy
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment

from activities.bridge.entity_batches import EntityBatches
from activities.bridge.scheduling import keep_background_schedules
from api.bridge.background_schedules import BackgroundSchedules
from api.bridge.entity_schedules import EntitySchedules
from api.bridge.errors import EntityInvalid
from db.bridge import entities, history
from db.bridge.entities import ScheduledEntity
from db.bridge.tables import entity_config, sync_batches
from db.session import Database
from domain.pipeline.definition import read
from workflows.bridge.contracts import EntityBatch, EntitySync, bridge_batch_id, entity_sync_id
from workflows.bridge.schedules import CHILDREN, STOPPED, bridge_schedules, entity_schedule_id
from workflows.bridge.starting import running_batch

CALL = timedelta(seconds=5)


@pytest.fixture
async def database(module_database_url: str) -> AsyncIterator[Database]:
    opened = Database.connect(module_database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def entity(database: Database, temporal_client: Client) -> AsyncIterator[ScheduledEntity]:
    """One that is synchronised once a year, with nothing at Temporal before or after."""
    name = f"entity_{uuid4().hex[:8]}"
    row = {"entity_name": name, "source_system": "erp", "connector_api_slug": "s", "business_key_fields": ["id"]}
    async with database.begin() as connection:
        for table in (sync_batches, entity_config):
            await connection.execute(table.delete())
        await entities.add(connection, read(row), sync_enabled=True, sync_schedule="30 2 29 2 *")
        [made] = await entities.scheduled(connection)
    yield made
    for schedule_id in (entity_schedule_id(made.uid), CHILDREN):
        try:
            await temporal_client.get_schedule_handle(schedule_id).delete()
        except RPCError:
            continue
    try:
        await temporal_client.get_workflow_handle(bridge_batch_id("erp", name)).terminate()
    except RPCError:
        return


async def at_temporal(client: Client, entity: ScheduledEntity) -> Schedule:
    return (await client.get_schedule_handle(entity_schedule_id(entity.uid)).describe()).schedule


async def test_the_schedule_is_what_the_entity_says(entity: ScheduledEntity, temporal_client: Client) -> None:
    schedules = EntitySchedules(temporal_client)
    await schedules.put(entity)
    made = await at_temporal(temporal_client, entity)
    assert isinstance(made.action, ScheduleActionStartWorkflow)
    assert (made.action.id, made.policy.overlap) == (entity_sync_id(entity.uid), ScheduleOverlapPolicy.SKIP)
    assert (made.spec.calendars[0].hour[0].start, made.state.paused) == (2, False)
    await schedules.put(replace(entity, cron="0 5 * * *", sync_enabled=False))
    changed = await at_temporal(temporal_client, entity)
    assert changed.spec.calendars[0].hour[0].start == 5
    assert (changed.state.paused, changed.state.note) == (True, "switched off")
    await schedules.put_all([entity], held=STOPPED)
    assert (await at_temporal(temporal_client, entity)).state.note == STOPPED
    await schedules.remove(entity)
    await schedules.remove(entity)
    with pytest.raises(RPCError):
        await at_temporal(temporal_client, entity)


@pytest.mark.parametrize("cron", ["61 * * * *", "a b c d e", "* * * * 9"])
async def test_what_is_no_cron_is_refused(entity: ScheduledEntity, temporal_client: Client, cron: str) -> None:
    with pytest.raises(EntityInvalid, match="no cron expression"):
        await EntitySchedules(temporal_client).put(replace(entity, cron=cron))


async def test_a_worker_makes_good_what_is_missing(
    entity: ScheduledEntity, temporal_client: Client, module_database_url: str
) -> None:
    await temporal_client.create_schedule(CHILDREN, bridge_schedules()[CHILDREN])
    await keep_background_schedules(temporal_client, module_database_url)
    assert not (await at_temporal(temporal_client, entity)).state.paused
    await temporal_client.get_schedule_handle(entity_schedule_id(entity.uid)).delete()
    await BackgroundSchedules(temporal_client).stop_all([])
    await keep_background_schedules(temporal_client, module_database_url)
    assert (await at_temporal(temporal_client, entity)).state.note == STOPPED


async def started(database: Database, client: Client, wanted: EntityBatch) -> bool:
    activities = EntityBatches(database, client)
    return (await ActivityEnvironment().run(activities.start_entity_batch, wanted)).started


async def batches(database: Database) -> list[history.Batch]:
    async with database.begin() as connection:
        found, _ = await history.page(connection, entity_name=None, status=None, limit=10, offset=0)
    return found


async def test_a_turn_starts_one_batch_however_often_it_is_taken(
    database: Database, entity: ScheduledEntity, temporal_client: Client
) -> None:
    wanted = EntityBatch(entity_uid=entity.uid, batch_uid=uuid4())
    assert [await started(database, temporal_client, wanted) for _ in range(2)] == [True, True]
    [batch] = await batches(database)
    assert (batch.uid, batch.sync_type, batch.requested_by) == (wanted.batch_uid, "incremental", None)
    assert await running_batch(temporal_client, "erp", entity.entity_name, timeout=CALL) == batch.uid
    await set_batches(database, "completed")
    assert await started(database, temporal_client, wanted)
    assert [batch.status for batch in await batches(database)] == ["completed"]


async def set_batches(database: Database, status: str) -> None:
    async with database.begin() as connection:
        await connection.execute(update(sync_batches).values(status=status))


async def test_a_turn_is_left_out_while_a_batch_is_under_way(
    database: Database, entity: ScheduledEntity, temporal_client: Client
) -> None:
    first, second = (EntityBatch(entity_uid=entity.uid, batch_uid=uuid4()) for _ in range(2))
    assert await started(database, temporal_client, first)
    assert not await started(database, temporal_client, second)
    assert [batch.uid for batch in await batches(database)] == [first.batch_uid]


@pytest.mark.parametrize(
    "change", [{"sync_enabled": False}, {"sync_schedule": None}, None], ids=["off", "none", "gone"]
)
async def test_an_entity_that_is_not_to_be_synchronised_is_not(
    database: Database, entity: ScheduledEntity, temporal_client: Client, change: dict[str, object] | None
) -> None:
    async with database.begin() as connection:
        if change is not None:
            await connection.execute(update(entity_config).values(change))
    uid = UUID(int=1) if change is None else entity.uid
    assert not await started(database, temporal_client, EntityBatch(entity_uid=uid, batch_uid=uuid4()))
    assert await batches(database) == []


def test_its_message_names_the_entity_only() -> None:
    assert set(EntitySync.model_fields) == {"entity_uid"}
