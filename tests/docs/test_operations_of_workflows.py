"""docs/operations.md on the real workflows, with scripted activities: what is about builds, wedges and many at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from devstack import DevStack
from tests.helpers import eventually
from tests.helpers.builds import Build
from tests.helpers.fake_account import alive
from tests.helpers.fake_api import CommandLine
from tests.helpers.fake_cards import start_sync
from tests.helpers.operations_page import Operator, Play
from tests.replay.mutants import WithOtherIds
from workflows.cards.account import AccountWorkflow
from workflows.cards.contracts import EVENTS_PENDING, BulkSyncInput
from workflows.cards.schedules import RECONCILE, cards_schedules
from workflows.schedules import reconcile_schedules

Sync = WorkflowHandle[object, object]
QUEUES = ("bulk-sync", "default", "high-priority  activity", "high-priority  workflow")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose queues nobody else polls."""
    data_dir = tmp_path_factory.mktemp("workflows")
    with DevStack(data_dir, services={"temporal"}, durable=False, environ={}) as stack:
        yield stack.env()["TEMPORAL_ADDRESS"]


@pytest.fixture(scope="module")
async def client(address: str) -> Client:
    """As our processes connect."""
    return await Client.connect(address, data_converter=pydantic_data_converter)


@pytest.fixture
def play(address: str, capsys: pytest.CaptureFixture[str]) -> Play:
    """Somebody who has set up a shell as the page says."""
    return lambda section: Operator(section, {"TEMPORAL_ADDRESS": address}, CommandLine(capsys))


async def started(client: Client, build: Build, reaches: str) -> Sync:
    """A new sync that stands at that activity."""
    build.cards.hold(reaches)
    before = build.cards.attempts(reaches)
    handle = await start_sync(client, BulkSyncInput(user_id=uuid4(), operation_id=uuid4()))

    def stands() -> None:
        assert build.cards.attempts(reaches) > before

    await eventually(stands, 60)
    return client.get_workflow_handle(handle.id)


async def status(handle: Sync) -> WorkflowExecutionStatus | None:
    return (await handle.describe()).status


async def completed(handle: Sync) -> None:
    """It, or the run that took its place, has come to its end."""

    async def over() -> None:
        assert await status(handle) == WorkflowExecutionStatus.COMPLETED

    await eventually(over, 60)


async def test_a_wedged_workflow_is_reset_or_given_up(play: Play, client: Client, tmp_path: Path) -> None:
    bad = Build(workflows=[WithOtherIds])
    async with bad.running(client):
        wedged = [await started(client, bad, "part-1") for _ in range(2)]
    good = Build()
    async with good.running(client), play("a-workflow-is-wedged") as operator:
        history = tmp_path / "history.json"
        operator.give(SYNC=wedged[0].id, HISTORY=history)
        await operator.sees("temporal workflow list", wedged[0].id, wedged[1].id)
        assert "WorkflowTaskFailed" in await operator.types("temporal workflow show")
        await operator.types("temporal workflow show")
        assert json.loads(history.read_text())["events"][0]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"
        await operator.types("temporal workflow reset -q")
        for sync in wedged:
            await completed(sync)
        assert good.cards.attempts("chunk-1") == len(wedged)
        await operator.sees("temporal batch list", "Completed")
        await operator.types("temporal workflow reset -w")
        await completed(wedged[0])
        assert good.cards.attempts("chunk-1") == len(wedged) + 1
        await operator.types("temporal workflow reset -w")
        await completed(wedged[0])
        assert good.cards.attempts("chunk-1") == len(wedged) + 1
        assert good.cards.attempts("finish") > len(wedged)
        running = await started(client, good, "chunk-2")
        operator.give(SYNC=running.id)
        await operator.types("temporal workflow terminate")
        assert await status(running) == WorkflowExecutionStatus.TERMINATED


async def test_many_syncs_are_cancelled_and_missed_sweeps_made_up_for(play: Play, client: Client) -> None:
    build = Build()
    await reconcile_schedules(client, cards_schedules(timedelta(hours=6), most_running=20))
    schedule = client.get_schedule_handle(RECONCILE)
    async with build.running(client), play("many-at-once") as operator:
        syncs = [await started(client, build, "chunk-0") for _ in range(3)]
        await operator.sees("temporal workflow count", "Total: 3")
        await operator.sees("temporal schedule list", RECONCILE)
        await operator.types("temporal schedule toggle")
        assert (await schedule.describe()).schedule.state.paused
        await operator.types("temporal workflow cancel -q")

        async def cancelled() -> None:
            assert {await status(sync) for sync in syncs} == {WorkflowExecutionStatus.CANCELED}

        await eventually(cancelled, 60)
        assert build.cards.attempts("abort") == len(syncs)
        await operator.sees("temporal batch list", "Completed")
        await operator.types("temporal schedule toggle")
        assert not (await schedule.describe()).schedule.state.paused
        await operator.types("temporal schedule backfill")

        async def swept() -> None:
            assert (await schedule.describe()).info.num_actions >= 1

        await eventually(swept, 60)


async def test_a_new_build_takes_over_and_is_taken_back(play: Play, client: Client) -> None:
    old, new = Build("2026.1"), Build("2026.2")
    builds = {"OLD_BUILD": old.id, "NEW_BUILD": new.id}
    async with old.running(client), play("roll-out-a-new-version") as operator:
        operator.values |= builds
        await operator.sees("temporal worker deployment list", "brx-sync")
        await is_current(client, old)
        pinned = await started(client, old, "chunk-1")
        entity = await busy_account(client, old)
        async with new.running(client):
            await operator.sees("temporal worker deployment describe-version", *QUEUES)
            await operator.types("temporal worker deployment set-ramping-version")
            await operator.types("temporal worker deployment set-current-version")
            await operator.sees("temporal workflow list", pinned.id)
            later = await started(client, new, "finish")
            await moves_at_its_continue_as_new(entity, old, new)
            old.cards.hold("chunk-1").set()
            await completed(pinned)
            assert (old.cards.attempts("finish"), new.cards.attempts("chunk-1")) == (1, 1)
            assert "drain" in await operator.types("temporal worker deployment describe-version")
            await a_bad_deploy(play, client, builds, old, later)
            new.cards.hold("finish").set()
            await operator.types("temporal worker deployment set-current-version")


async def a_bad_deploy(play: Play, client: Client, builds: dict[str, str], old: Build, later: Sync) -> None:
    """Back to the old build; what the new one has begun is moved to it, and ends there."""
    async with play("a-bad-deploy") as operator:
        operator.values |= builds | {"SYNC": later.id}
        assert "2026.2" in await operator.types("temporal worker deployment describe")
        await operator.types("temporal worker deployment set-current-version")
        await operator.sees("temporal workflow list", later.id)
        await operator.types("temporal workflow update-options")
        assert "2026.1" in await operator.types("temporal workflow describe")
    fresh = await started(client, old, "chunk-2")
    old.cards.hold("chunk-2").set()
    await completed(fresh)


async def is_current(client: Client, build: Build) -> None:
    """As after an earlier roll-out."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name="brx-sync", build_id=build.id
    )

    async def accepted() -> None:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError as error:
            raise AssertionError from error

    await eventually(accepted, 60)


async def busy_account(client: Client, build: Build) -> WorkflowHandle[AccountWorkflow, None]:
    """An account's workflow that reads events again, and has not done so yet."""
    build.account.gate.clear()
    build.account.pending = [1]
    handle = await alive(client, idle_seconds=30)

    def reading() -> None:
        assert build.account.rereads == 1

    await eventually(reading, 60)
    return handle


async def moves_at_its_continue_as_new(entity: WorkflowHandle[AccountWorkflow, None], old: Build, new: Build) -> None:
    """The turn that runs is the old build's, the next one the new build's; no event is lost between them."""
    new.account.pending = [2]
    old.account.gate.set()
    await entity.signal(EVENTS_PENDING)

    def moved() -> None:
        assert (old.account.settled, new.account.settled) == ([1], [2])

    await eventually(moved, 60)
