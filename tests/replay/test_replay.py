"""Histories of deployed versions replay on the workflow as it is; what would break one breaks here first."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError
from temporalio.workflow import _Definition as WorkflowDefinition

from tests.replay import bridge_mutants, marketplace_mutants, mutants
from tests.replay.refresh import scrub
from tests.replay.scenarios import DIRECTORY, SCENARIOS, START
from worker import WORKFLOWS
from workflows.bridge import contracts as bridge_contracts
from workflows.cards import contracts
from workflows.cards.contracts import bulk_sync_id
from workflows.marketplace import contracts as marketplace_contracts
from workflows.message import Message
from workflows.retention import contracts as retention_contracts
from workflows.store import contracts as store_contracts

HISTORIES = sorted(DIRECTORY.glob("*.json"))
FIELDS = {
    name
    for module in (bridge_contracts, contracts, marketplace_contracts, retention_contracts, store_contracts)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, Message)
    for name in model.model_fields
}
# What Temporal itself writes of an activity that ran within a workflow task.
OF_A_MARKER = {
    *("seq", "attempt", "activity_id", "activity_type", "backoff"),
    *("complete_time", "original_schedule_time", "activation_index"),
}
OF_A_MACHINE = re.compile(r"site-packages|File \\|\.py\b|\.venv|/(?:work|home|root|usr|tmp|var|opt)/|\d+@")


async def replay(workflows: Sequence[type], path: Path) -> None:
    replayer = Replayer(workflows=workflows, data_converter=pydantic_data_converter)
    await replayer.replay_workflow(recorded(path))


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(bulk_sync_id(START.user_id), path.read_text())


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    await replay(WORKFLOWS, path)


def test_every_scenario_is_recorded() -> None:
    assert {path.stem.rsplit("-", 1)[0] for path in HISTORIES} == set(SCENARIOS)


def test_every_workflow_has_the_history_of_a_run_that_completed() -> None:
    completed = set()
    for path in HISTORIES:
        first, *_, last = json.loads(path.read_text())["events"]
        if last["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED":
            completed.add(first["workflowExecutionStartedEventAttributes"]["workflowType"]["name"])
    assert completed == {WorkflowDefinition.must_from_class(one).name for one in WORKFLOWS}


@pytest.mark.parametrize(
    ("mutant", "scenario"),
    [
        (mutants.WithoutReread, "happy-0"),
        (mutants.WithPause, "by_expansion-0"),
        (mutants.WithOtherIds, "cancelled-0"),
        (mutants.WithOtherIds, "continued-1"),
        (mutants.Silent, "lost_chunk-0"),
        (mutants.ChangesFirst, "account_changes-0"),
        (mutants.ChangesFirst, "account_continued-0"),
        (mutants.ReadingFirst, "store_pushes-0"),
        (mutants.Hasty, "store_pushes-0"),
        (marketplace_mutants.Untold, "store_orders-1"),
        (bridge_mutants.OneAtATime, "batch_full-0"),
        (bridge_mutants.WithoutGrace, "batch_stopped-0"),
        (bridge_mutants.ClosedUnnoted, "night_lost-0"),
        (bridge_mutants.WithoutAsking, "night_share-0"),
        (bridge_mutants.TwiceLooked, "children_rounds-0"),
        (bridge_mutants.AfterAPause, "entity_sync-0"),
    ],
)
async def test_a_careless_change_breaks_the_replay(mutant: type, scenario: str) -> None:
    path = DIRECTORY / f"{scenario}.json"
    unchanged = [mutants.Unchanged, mutants.UnchangedAccount, mutants.UnchangedStore, *bridge_mutants.UNCHANGED]
    await replay([*unchanged, marketplace_mutants.UnchangedStoreOrders], path)
    with pytest.raises(NondeterminismError):
        await replay([mutant], path)


def payloads(node: Any) -> Iterator[str]:
    """Every payload of a history, decoded."""
    if isinstance(node, dict) and isinstance(data := node.get("data"), str) and "metadata" in node:
        yield base64.b64decode(data).decode()
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from payloads(inner)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_history_is_small_and_holds_ids_and_counts_only(path: Path) -> None:
    text = path.read_text()
    assert len(text) < 64 * 2**10
    assert not OF_A_MACHINE.search(text)
    history = json.loads(text)
    assert scrub(history) == history
    found = [json.loads(payload) for payload in payloads(history)]
    assert any(isinstance(message, dict) for message in found)
    for message in found:
        assert (
            message is None or isinstance(message, str | int) or set(message) <= FIELDS or set(message) == OF_A_MARKER
        ), message
        assert not isinstance(message, str) or not OF_A_MACHINE.search(message)
