"""What is carried for logs and traces is a header: histories replay with it and without, and it holds ids alone."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Interceptor, Replayer

from observability.correlation import HEADER, CorrelatingInterceptor
from observability.traces import Tracing
from tests.helpers.shop import Shop
from tests.integration.observability.conftest import Observed
from worker import WORKFLOWS
from workflows.cards.contracts import bulk_sync_id

HISTORIES = Path(__file__).resolve().parents[2] / "replay" / "histories"
RECORDED = ["happy-0", "continued-1", "account_events-0", "account_continued-1", "callback-0", "batch_full-0"]
TRACE_PARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]")


def tracing() -> tuple[Tracing, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    return Tracing.by(SimpleSpanProcessor(exporter), "replay"), exporter


async def replay(history: WorkflowHistory, *interceptors: Interceptor) -> None:
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter, interceptors=interceptors)
    await replayer.replay_workflow(history)


@pytest.mark.parametrize("name", RECORDED)
async def test_a_history_recorded_without_headers_replays_with_the_interceptors(name: str) -> None:
    traced, exporter = tracing()
    text = (HISTORIES / f"{name}.json").read_text()
    await replay(WorkflowHistory.from_json("recorded", text), traced.interceptor(), CorrelatingInterceptor())
    assert exporter.get_finished_spans() == ()
    traced.close()


async def test_a_history_with_headers_replays_either_way_and_they_hold_nothing_but_ids(
    observed: Observed, shop: Shop
) -> None:
    await shop.sync()
    client = await Client.connect(observed.service.environment["TEMPORAL_ADDRESS"])
    history = await client.get_workflow_handle(bulk_sync_id(shop.user_id)).fetch_history()
    await replay(history)
    traced, exporter = tracing()
    await replay(history, traced.interceptor(), CorrelatingInterceptor())
    assert exporter.get_finished_spans() == ()
    traced.close()
    headers = [fields for event in history.events for fields in headers_in(MessageToDict(event))]
    assert len(headers) > len(("begin_sync", "stage_export", "apply_chunk", "finish_sync"))
    for fields in headers:
        assert set(fields) == {"_tracer-data", HEADER}
        assert fields["_tracer-data"].keys() == {"traceparent"}
        assert TRACE_PARENT.fullmatch(fields["_tracer-data"]["traceparent"])
        assert re.fullmatch("[0-9a-f]{32}", fields[HEADER])


def headers_in(node: Any) -> list[dict[str, Any]]:
    """Every header anywhere in an event, its payloads decoded."""
    if isinstance(node, list):
        return [found for item in node for found in headers_in(item)]
    if not isinstance(node, dict):
        return []
    own = [_decoded(node["header"]["fields"])] if node.get("header", {}).get("fields") else []
    return own + [found for value in node.values() for found in headers_in(value)]


def _decoded(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: json.loads(base64.b64decode(payload["data"])) for name, payload in fields.items()}
