"""What a workflow's history says, in the few words the tests ask for."""

from __future__ import annotations

from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle
from temporalio.converter import DataConverter


async def events(handle: WorkflowHandle[Any, Any], kind: str) -> list[HistoryEvent]:
    """The events of a kind, such as `WORKFLOW_TASK_FAILED`, oldest first."""
    number = EventType.Value(f"EVENT_TYPE_{kind}")
    return [event async for event in handle.fetch_history_events() if event.event_type == number]


async def summaries(handle: WorkflowHandle[Any, Any]) -> dict[str, str]:
    """Summary of each scheduled activity, by activity id."""
    found = {}
    for event in await events(handle, "ACTIVITY_TASK_SCHEDULED"):
        [text] = await DataConverter.default.decode([event.user_metadata.summary], [str])
        found[event.activity_task_scheduled_event_attributes.activity_id] = text
    return found
