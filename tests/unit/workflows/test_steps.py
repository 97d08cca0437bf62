"""What the workflows of `store` and `marketplace` call is what the workers have: name, queue, request, answer.

The activities are those of the real wiring, over connections to nothing. Cards and bridge: their test_*contracts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from temporalio import activity

import workflows
from activities.connections import Connections
from activities.marketplace.wiring import open_marketplace
from activities.store.wiring import open_store
from activities.support import Activities
from settings import Settings
from tests.helpers.api import settings_for_tests
from workflows.marketplace import steps as marketplace_steps
from workflows.steps import Step
from workflows.store import steps as store_steps
from workflows.task_queues import TaskQueue

Open = Callable[[Settings, Connections], AbstractAsyncContextManager[Mapping[TaskQueue, Activities]]]
Wired = Mapping[str, tuple[TaskQueue, activity._Definition]]
"""Queue and definition of an activity, by its name."""

CONTEXTS: Mapping[str, tuple[Open, list[Step[Any, Any]]]] = {
    context: (opened, [step for step in vars(module).values() if isinstance(step, Step)])
    for context, opened, module in (
        ("marketplace", open_marketplace, marketplace_steps),
        ("store", open_store, store_steps),
    )
}
CALLS = [(context, step) for context, (_, steps) in CONTEXTS.items() for step in steps]
every_call = pytest.mark.parametrize(("context", "step"), CALLS, ids=[f"{name} {step.name}" for name, step in CALLS])


@pytest.fixture(scope="module")
async def wired() -> Mapping[str, Wired]:
    """The activities of each context, as a worker would get them."""
    settings, connections = settings_for_tests(), Connections(*[Mock()] * len(fields(Connections)))
    found: dict[str, Wired] = {}
    for context, (opened, _) in CONTEXTS.items():
        async with opened(settings, connections) as queues:
            found[context] = _by_name(queues)
    return found


def _by_name(queues: Mapping[TaskQueue, Activities]) -> Wired:
    pairs = [(queue, method) for queue, methods in queues.items() for method in methods]
    definitions = [(queue, activity._Definition.must_from_callable(method)) for queue, method in pairs]
    return {definition.name or "": (queue, definition) for queue, definition in definitions}


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_step_has_its_activity_on_its_queue_and_every_activity_its_step(
    wired: Mapping[str, Wired], context: str
) -> None:
    _, steps = CONTEXTS[context]
    assert {step.name: step.queue for step in steps} == {name: queue for name, (queue, _) in wired[context].items()}
    assert len({step.name for step in steps}) == len(steps)


@every_call
def test_a_step_takes_and_answers_what_its_activity_does(
    wired: Mapping[str, Wired], context: str, step: Step[Any, Any]
) -> None:
    _, definition = wired[context][step.name]
    assert definition.arg_types is not None
    assert definition.arg_types[-1] is step.request
    assert definition.ret_type is step.answer


def test_no_workflow_calls_an_activity_past_the_steps() -> None:
    (folder,) = workflows.__path__
    callers = {
        path.relative_to(folder).as_posix()
        for path in Path(folder).rglob("*.py")
        if any(word in path.read_text() for word in ("execute_activity", "start_activity", "execute_local_activity"))
    }
    assert callers == {"steps.py"}
