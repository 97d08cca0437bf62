"""What forgets, without any system behind it. Imported by tests that run workflows: see `tests.helpers.scripted`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from tests.helpers.scripted import Scripted
from workflows.retention.contracts import RETENTION_ID, RETENTION_WORKFLOW, Forgotten, Retention
from workflows.retention.forgetting import RetentionWorkflow
from workflows.task_queues import DEFAULT, HIGH_PRIORITY


class FakeRetention(Scripted):
    """Seven rows of the bridge and five of the cards are old."""

    @activity.defn(name="forget_bridge")
    async def forget_bridge(self, turn: Retention) -> Forgotten:
        await self.step(turn)
        return Forgotten(rows=7)

    @activity.defn(name="forget_cards")
    async def forget_cards(self, turn: Retention) -> Forgotten:
        await self.step(turn)
        return Forgotten(rows=5)

    async def begin(self, client: Client) -> WorkflowHandle[RetentionWorkflow, Forgotten]:
        """A turn."""
        return await client.start_workflow(
            RETENTION_WORKFLOW,
            Retention(),
            id=f"{RETENTION_ID}-{uuid4()}",
            task_queue=HIGH_PRIORITY,
            result_type=Forgotten,
        )


@asynccontextmanager
async def forgetting(client: Client, fake: FakeRetention) -> AsyncIterator[None]:
    """Workers of a turn."""
    async with (
        Worker(client, task_queue=HIGH_PRIORITY, workflows=[RetentionWorkflow]),
        Worker(client, task_queue=DEFAULT, activities=[fake.forget_bridge, fake.forget_cards]),
    ):
        yield
