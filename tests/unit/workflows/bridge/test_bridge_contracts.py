"""What its messages need to be told; steps and activities bear the same names."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from pydantic import BaseModel
from temporalio import activity

from activities.bridge.wiring import Resources, bridge_activities
from workflows import policies
from workflows.bridge import contracts, steps
from workflows.bridge.contracts import BatchPlan, Message, PageCounts
from workflows.steps import Step

MODELS = [
    model
    for _, model in inspect.getmembers(contracts, inspect.isclass)
    if issubclass(model, BaseModel) and model is not Message
]
STEPS = [step for step in vars(steps).values() if isinstance(step, Step)]
ACTIVITIES = {
    activity._Definition.must_from_callable(method).name: (queue, method)
    for queue, methods in bridge_activities(Resources(*[Mock()] * len(fields(Resources))), BatchPlan()).items()
    for method in methods
}


def test_only_ids_and_facts_are_without_default() -> None:
    required = {name for model in MODELS for name, field in model.model_fields.items() if field.is_required()}
    facts = {"now", "code", "source_system", "entity_name"}
    assert {name for name in required if not name.endswith("_uid")} == facts


def test_counts_add_up_field_by_field() -> None:
    one = PageCounts(rows=1, inserted=2, updated=3, skipped=4, pending=5, failed=6)
    assert one + one == PageCounts(rows=2, inserted=4, updated=6, skipped=8, pending=10, failed=12)
    assert PageCounts() + one == one


def test_the_ids_are_those_that_people_look_for() -> None:
    uid = uuid4()
    assert contracts.bridge_batch_id("erp", "items") == "bridge-batch:erp:items"
    assert contracts.background_sync_id(uid) == f"bridge-background:{uid}"
    assert contracts.background_schedule_id(uid) == f"brx-bridge-{uid}"


@pytest.mark.parametrize("length", [1, 60, 61, 100])
def test_the_longest_names_are_still_short_enough_for_the_scheduler(length: int) -> None:
    keys = {contracts.bridge_fairness("erp", last + "n" * (length - 1)) for last in "ab"}
    assert len(keys) == 2
    assert all(len(key.encode()) <= 64 for key in keys)


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
    assert policy.heartbeat is None or policy.heartbeat < policy.start_to_close
    pages = {"fetch_page", "process_page", "finish_batch"}
    assert (policy.heartbeat is not None) or step.name not in pages
    assert "BatchClosed" in (policy.retry.non_retryable_error_types or ()) or policy is policies.WAKE
