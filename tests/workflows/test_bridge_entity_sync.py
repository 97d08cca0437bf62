"""EntitySyncWorkflow on a real server, begun by its schedule: one activity, one batch per turn."""

from __future__ import annotations

from uuid import uuid4

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from tests.helpers.waiting import eventually
from workflows.bridge.contracts import EntityBatch, EntityBatchStarted
from workflows.bridge.entity_sync import EntitySyncWorkflow
from workflows.bridge.schedules import entity_schedule, entity_schedule_id
from workflows.task_queues import DEFAULT, HIGH_PRIORITY


async def test_a_turn_of_the_schedule_asks_for_one_batch_however_often_it_is_tried(temporal_client: Client) -> None:
    asked: list[EntityBatch] = []
    entity = uuid4()

    @activity.defn(name="start_entity_batch")
    async def start_entity_batch(wanted: EntityBatch) -> EntityBatchStarted:
        info = activity.info()
        assert (info.activity_id, info.task_queue) == ("start", DEFAULT)
        asked.append(wanted)
        if len(asked) == 1:
            raise RuntimeError("the database is away")
        return EntityBatchStarted(started=True)

    schedule = entity_schedule(entity, "items", "0 0 29 2 *")
    handle = await temporal_client.create_schedule(entity_schedule_id(entity), schedule)

    async def both_attempts() -> None:
        assert len(asked) == 2

    async with (
        Worker(temporal_client, task_queue=HIGH_PRIORITY, workflows=[EntitySyncWorkflow]),
        Worker(temporal_client, task_queue=DEFAULT, activities=[start_entity_batch]),
    ):
        await handle.trigger()
        await eventually(both_attempts, deadline=20.0)
    await handle.delete()
    assert asked[0] == asked[1]
    assert (asked[0].entity_uid, asked[0].batch_uid.version) == (entity, 4)
