"""Every `temporal` command of the operator's sheet runs. No C extension is imported here: see test_temporal_client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleSpec
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from devstack.temporal import CONFIG_DIR, TemporalServer, temporal_program
    from tests.helpers import eventually

STARTED = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
WAITING = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
_JOB_HAS_ENDED = "could not find Batch Job"
_COMMAND = re.compile(r"`(temporal [^`]+)`")
_QUEUE = "bulk-sync"


@activity.defn(name="apply_chunk")
async def poisoned_chunk(hangs: bool) -> None:
    if hangs:
        await asyncio.Event().wait()
    raise ApplicationError("poisoned", category=ApplicationErrorCategory.BENIGN)


@workflow.defn(name="BulkSyncWorkflow")
class StuckSync:
    @workflow.run
    async def run(self, hangs: bool) -> None:
        await workflow.execute_activity(
            poisoned_chunk,
            hangs,
            activity_id="chunk-12",
            start_to_close_timeout=timedelta(minutes=1),
            retry_policy=RetryPolicy(initial_interval=timedelta(minutes=5)),
        )


def _commands() -> list[str]:
    rows = [line.split("|") for line in (CONFIG_DIR / "commands.md").read_text().splitlines() if "`temporal " in line]
    return [match[1] for row in rows if (match := _COMMAND.search(row[2]))]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    """A server of our own: some commands stop everything they find."""
    temporal = TemporalServer(tmp_path, web_ui=False)
    yield await asyncio.to_thread(temporal.start)
    await asyncio.to_thread(temporal.stop)


async def test_every_command_is_accepted(server: str) -> None:
    client = await Client.connect(server)
    await client.create_schedule("SCHEDULE", _schedule())
    async with Worker(client, task_queue=_QUEUE, workflows=[StuckSync], activities=[poisoned_chunk]):
        commands = _commands()
        about_one = [command for command in commands if "$SYNC" in command]
        about_jobs = [command for command in commands if command.startswith("temporal batch")]
        others = [command for command in commands if command not in (*about_one, *about_jobs)]
        # In this order: the others cancel every sync and throttle the queue.
        refusals = await _refusals(client, server, about_one)
        job = await _job(server)
        refusals += await _refusals(client, server, [command.replace("JOB", job) for command in about_jobs])
        refusals += await _refusals(client, server, others)
    assert min(len(about_one), len(others)) > 10
    assert len(about_jobs) == 2
    assert refusals == []


async def _refusals(client: Client, address: str, commands: list[str]) -> list[str]:
    gate = asyncio.Semaphore(4)

    async def refusal(command: str) -> str | None:
        async with gate:
            user_id = await _stuck_sync(client, command) if "$SYNC" in command else ""
            code, output = await _shell(address, command, user_id)
        return f"{command}: {output}" if code and _JOB_HAS_ENDED not in output else None

    return [text for text in await asyncio.gather(*map(refusal, commands)) if text]


async def _stuck_sync(client: Client, command: str = "") -> str:
    """The seller of a sync whose chunk 12 is in the state that the command needs."""
    user_id = str(uuid.uuid4())
    hangs = command.startswith("temporal activity fail")
    handle = await client.start_workflow(StuckSync.run, hangs, id=f"bulk-sync:{user_id}", task_queue=_QUEUE)
    wanted = STARTED if hangs else WAITING

    async def chunk_is_in_that_state() -> None:
        pending = (await handle.describe()).raw_description.pending_activities
        assert [(chunk.state, chunk.last_failure.message != "") for chunk in pending] == [(wanted, not hangs)]

    await eventually(chunk_is_in_that_state)
    return user_id


async def _shell(address: str, command: str, user_id: str) -> tuple[int | None, str]:
    folder = os.path.dirname(temporal_program())
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "TEMPORAL_ADDRESS": address,
        "USER_ID": user_id,
        "SYNC": f"bulk-sync:{user_id}",
    }
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        command,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def _job(address: str) -> str:
    """A batch job over the syncs of this test."""
    query = "WorkflowType='BulkSyncWorkflow' AND ExecutionStatus='Running'"
    signal = f'temporal workflow signal --name poke -q "{query}" --reason test --rps 0.1 -y -o json'
    code, output = await _shell(address, signal, "")
    assert code == 0, output
    return str(json.loads(output)["batchJobId"])


def _schedule() -> Schedule:
    action = ScheduleActionStartWorkflow(StuckSync.run, False, id="scheduled", task_queue=_QUEUE)
    return Schedule(action=action, spec=ScheduleSpec())
