"""What its messages need to be told; steps and activities bear the same names."""

from __future__ import annotations

import inspect
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from pydantic import BaseModel
from temporalio import activity
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutError, TimeoutType

from activities.cards.wiring import Resources, cards_activities
from workflows.cards import contracts, steps
from workflows.cards.contracts import BulkSyncInput, ChunkLost, Counters, Message, SyncPlan
from workflows.steps import Step, wire_type

MODELS = [
    model
    for _, model in inspect.getmembers(contracts, inspect.isclass)
    if issubclass(model, BaseModel) and model is not Message
]
STEPS = [step for step in vars(steps).values() if isinstance(step, Step)]


def test_only_ids_and_facts_are_without_default() -> None:
    required = {name for model in MODELS for name, field in model.model_fields.items() if field.is_required()}
    facts = {
        "user_id",
        "operation_id",
        "batch_id",
        "chunk_no",
        "chunk_count",
        "product_count",
        "checksum",
        "reason",
        "code",
        "blueprint_id",
    }
    assert required == facts


def test_counters_add_up_field_by_field() -> None:
    one = Counters(rows=1, created=2, updated=3, unchanged=4, skipped=5, contested=6, failed=7)
    assert one + one == Counters(rows=2, created=4, updated=6, unchanged=8, skipped=10, contested=12, failed=14)
    assert Counters() + one == one


def test_the_workflow_id_is_the_sellers() -> None:
    user = uuid4()
    assert contracts.bulk_sync_id(user) == f"bulk-sync:{user}"
    assert contracts.account_id(user) == f"account:{user}"
    assert BulkSyncInput(user_id=user, operation_id=uuid4()).fan_out is None


# --- steps


QUEUES = cards_activities(Resources(*[Mock()] * 6), SyncPlan(), chunk_size=1)
ACTIVITIES = {
    activity._Definition.must_from_callable(method).name: (queue, method)
    for queue, methods in QUEUES.items()
    for method in methods
}


def test_every_step_has_its_activity_on_its_queue_and_every_activity_its_step() -> None:
    assert {step.name: step.queue for step in STEPS} == {name: queue for name, (queue, _) in ACTIVITIES.items()}
    assert len({step.name for step in STEPS}) == len(STEPS)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_takes_and_answers_what_its_activity_does(step: Step[Any, Any]) -> None:
    definition = activity._Definition.must_from_callable(ACTIVITIES[step.name][1])
    assert definition.arg_types is not None
    assert definition.arg_types[-1] is step.request
    assert definition.ret_type is step.answer


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_has_a_total_budget_and_long_ones_a_heartbeat(step: Step[Any, Any]) -> None:
    policy = step.policy
    assert policy.start_to_close <= policy.schedule_to_close
    assert policy.retry.maximum_attempts == 0
    assert "OperationClosed" in (policy.retry.non_retryable_error_types or ())
    if policy.heartbeat:
        assert policy.heartbeat < policy.start_to_close


# --- wire types


def failed(cause: BaseException) -> ActivityError:
    error = ActivityError(
        "failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="w",
        activity_type="a",
        activity_id="a",
        retry_state=RetryState.TIMEOUT,
    )
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (failed(ApplicationError("m", type="TokenRejected")), "TokenRejected"),
        (failed(ApplicationError("m")), "ApplicationError"),
        (failed(TimeoutError("m", type=TimeoutType.HEARTBEAT, last_heartbeat_details=[])), "TimeoutError"),
        (ApplicationError("m", type="X"), "X"),
        (ValueError("m"), "ValueError"),
        (failed(ApplicationError("m", type="E" * 500)), "E" * 100),
    ],
)
def test_the_wire_type_names_what_failed(error: BaseException, name: str) -> None:
    assert wire_type(error) == name
    assert ChunkLost(user_id=uuid4(), operation_id=uuid4(), chunk_no=0, reason=wire_type(error)).reason == name
