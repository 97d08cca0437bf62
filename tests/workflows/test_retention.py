"""RetentionWorkflow on a real server: each context forgets, whatever becomes of the others; its schedule is nightly."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleOverlapPolicy, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from settings import Settings
from tests.helpers.fake_retention import FakeRetention, forgetting
from tests.helpers.scripted import error
from worker import WORKFLOWS, wanted_schedules
from workflows.retention.contracts import Forgotten
from workflows.retention.forgetting import RetentionWorkflow
from workflows.retention.schedules import RETENTION


async def test_every_context_forgets_and_a_failure_is_tried_again(temporal_client: Client) -> None:
    fake = FakeRetention()
    fake.fail("cards", error("DatabaseUnavailable"))
    async with forgetting(temporal_client, fake):
        assert await (await fake.begin(temporal_client)).result() == Forgotten(rows=12)
    assert (fake.attempts("bridge"), fake.attempts("cards")) == (1, 2)


async def test_a_context_that_cannot_forget_holds_no_other_up_and_is_told_of(temporal_client: Client) -> None:
    fake = FakeRetention()
    fake.fail_always("bridge", ApplicationError("it cannot", type="Broken", non_retryable=True))
    async with forgetting(temporal_client, fake):
        with pytest.raises(WorkflowFailureError):
            await (await fake.begin(temporal_client)).result()
    assert fake.ids == {"bridge", "cards"}


def test_it_is_wanted_every_night() -> None:
    schedule = wanted_schedules(Settings(environment="test", _env_file=None))[RETENTION]
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    assert schedule.action.id == "retention"
    [interval] = schedule.spec.intervals
    assert (interval.every, schedule.policy.overlap) == (timedelta(days=1), ScheduleOverlapPolicy.SKIP)
    assert RetentionWorkflow in WORKFLOWS
