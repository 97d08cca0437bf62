"""The command that records histories for tests/replay still records what replays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.replay.refresh import record, scrub
from workflows.cards.bulk_sync import BulkSyncWorkflow


@pytest.mark.parametrize("scenario", ["continued", "cancelled"])
async def test_a_fresh_recording_is_scrubbed_and_replays(
    temporal_client: Client, tmp_path: Path, scenario: str
) -> None:
    paths = await record(temporal_client, [scenario], tmp_path)
    assert [path.name for path in paths] == [f"{scenario}-{number}.json" for number in range(len(paths))]
    replayer = Replayer(workflows=[BulkSyncWorkflow], data_converter=pydantic_data_converter)
    for path in paths:
        text = path.read_text()
        assert scrub(json.loads(text)) == json.loads(text)
        await replayer.replay_workflow(WorkflowHistory.from_json("bulk-sync:recorded", text))
