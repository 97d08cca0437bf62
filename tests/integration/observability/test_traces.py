"""One trace from a request to the last statement; log lines that name it; and nothing secret in either."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from devstack.service import CARDTRADER_TOKEN
from tests.helpers.collector import Span
from tests.helpers.shop import Shop
from tests.helpers.waiting import eventually
from tests.integration.observability.conftest import Observed

ACTIVITIES = {"begin_sync", "stage_export", "apply_chunk", "finish_sync"}


def path_of(span: Span, trace: dict[str, Span]) -> list[str]:
    """Names from the root down to a span."""
    names = [span.name]
    while span.parent_id:
        span = trace[span.parent_id]
        names.append(span.name)
    return names[::-1]


async def test_a_whole_sync_is_one_trace_from_the_request_to_the_statements(observed: Observed, shop: Shop) -> None:
    route = "POST /api/v1/sync/start/{user_id}"
    earlier = {span.trace_id for span in list(observed.collector.spans)}
    await shop.sync()

    def told() -> dict[str, Span]:
        news = [span for span in list(observed.collector.spans) if span.trace_id not in earlier]
        [request] = [span for span in news if span.name == route]
        trace = observed.collector.trace(request.trace_id)
        assert "CompleteWorkflow:BulkSyncWorkflow" in {span.name for span in trace.values()}
        assert {span.parent_id for span in trace.values()} - {""} <= set(trace)
        return trace

    trace = await eventually(told, 20)
    assert [span.name for span in trace.values() if not span.parent_id] == [route]
    assert {span.service for span in trace.values()} == {"brx-sync-api", "brx-sync-worker"}
    begun = [route, "StartWorkflow:BulkSyncWorkflow", "RunWorkflow:BulkSyncWorkflow"]
    by_name: dict[str, list[Span]] = {}
    for span in trace.values():
        by_name.setdefault(span.name, []).append(span)
    assert path_of(by_name["RunWorkflow:BulkSyncWorkflow"][0], trace) == begun
    for name in ACTIVITIES:
        start, run = f"StartActivity:{name}", f"RunActivity:{name}"
        assert path_of(by_name[run][0], trace)[-2:] == [start, run]
        assert path_of(by_name[run][0], trace)[:2] == begun[:2]
    parents = {trace[span.parent_id].name for span in trace.values() if "db.statement" in span.attributes}
    assert {f"RunActivity:{name}" for name in ACTIVITIES} | {route} <= parents
    asked = [span for span in trace.values() if "/products/export" in str(span.attributes.get("http.url", ""))]
    assert {trace[span.parent_id].name for span in asked} == {"RunActivity:stage_export"}
    assert {span.kind for span in asked} == {WireSpan.SPAN_KIND_CLIENT}


async def test_lines_of_the_worker_name_the_request_the_workflow_and_the_seller(observed: Observed, shop: Shop) -> None:
    answer = await shop.api.post(f"/start/{shop.user_id}", headers={"X-Trace-Id": "asked-by-a-test"})
    await shop.ended(answer.json()["task_id"])
    names = {"trace_id": "asked-by-a-test", "user_id": str(shop.user_id)}
    [asked] = [line for line in observed.lines("api") if line.get("trace_id") == "asked-by-a-test"]
    assert asked.items() >= {**names, "event": "request.answered", "status": 202}.items()

    def told() -> dict[str, object]:
        lines = [line for line in observed.lines("worker") if line.get("trace_id") == "asked-by-a-test"]
        [ended] = [line for line in lines if line["event"] == "sync.ended"]
        return ended

    ended = await eventually(told)
    assert ended.items() >= {**names, "workflow_id": f"bulk-sync:{shop.user_id}", "activity": "finish_sync"}.items()


async def test_no_secret_and_no_query_is_in_any_span_or_line(observed: Observed, shop: Shop) -> None:
    secrets = [CARDTRADER_TOKEN, observed.service.keys.fernet_key, shop.api.headers["Authorization"], "Bearer"]
    await shop.api.get(f"/inventory/{shop.user_id}", params={"search": "a-name-of-a-person"})
    told = [span.text for span in observed.collector.spans]
    assert len(told) > 100
    written = [observed.service.processes[name].command.log.read_text() for name in ("api", "worker")]
    assert not [word for word in [*secrets, "a-name-of-a-person"] for text in [*told, *written] if word in text]


async def test_what_polls_in_the_background_begins_no_trace(observed: Observed, shop: Shop) -> None:
    roots = {span.name for span in list(observed.collector.spans) if not span.parent_id}
    assert not {name for name in roots if name.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN;")}
