"""The Temporal fixtures. This module imports no C extension: the sandbox would load it a second time and crash."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, text: str) -> str:
        return text


async def test_temporal_runs_a_workflow(temporal_client: Client, task_queue: str) -> None:
    async with Worker(temporal_client, task_queue=task_queue, workflows=[Echo]):
        result = await temporal_client.execute_workflow(
            Echo.run, "hello", id=task_queue, task_queue=task_queue, execution_timeout=timedelta(seconds=20)
        )
    assert result == "hello"
