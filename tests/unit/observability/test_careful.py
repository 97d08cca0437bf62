"""What a span may say: nothing that is not known, no query, no text of an error."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from observability.careful import CarefulExporter
from observability.traces import Tracing

SECRET = "sésame-4711"


def told(kind: SpanKind = SpanKind.SERVER, error: Exception | None = None, **attributes: Any) -> ReadableSpan:
    exporter = InMemorySpanExporter()
    tracing = Tracing.by(SimpleSpanProcessor(CarefulExporter(exporter)), "test")
    tracer = tracing.provider.get_tracer("test")
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    with tracer.start_as_current_span("outer"):
        span = tracer.start_span("inner", kind=kind, attributes=named)
        if error is not None:
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, f"ValueError: {error}")
        span.end()
    tracing.close()
    [inner] = [span for span in exporter.get_finished_spans() if span.name == "inner"]
    return inner


def test_an_address_loses_its_user_and_its_query() -> None:
    span = told(SpanKind.CLIENT, http__url=f"https://bob:{SECRET}@shop.example:8443/a/b?token={SECRET}#x")
    assert dict(span.attributes or {}) == {"http.url": "https://shop.example:8443/a/b"}


def test_the_address_that_a_caller_asked_for_is_not_told() -> None:
    span = told(http__url=f"https://us.example/{SECRET}", http__route="/x/{id}", http__target=f"/x/{SECRET}")
    assert dict(span.attributes or {}) == {"http.route": "/x/{id}"}


def test_unknown_attributes_are_not_told() -> None:
    assert not told(http__user_agent=SECRET, client__address="10.1.2.3", enduser__id="bob").attributes


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("bulk-sync:7c0c", "bulk-sync:7c0c"),
        (f"purchase:7c0c:{SECRET}", "purchase:7c0c"),
        (f"order-import:7c0c:{SECRET}:2", "order-import:7c0c"),
    ],
)
def test_a_workflow_is_named_without_the_words_of_a_caller(name: str, shown: str) -> None:
    assert dict(told(temporalWorkflowID=name).attributes or {}) == {"temporalWorkflowID": shown}


def test_an_error_is_told_without_its_text() -> None:
    span = told(error=ValueError(SECRET))
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert [dict(event.attributes or {}) for event in span.events] == [{"exception.type": "ValueError"}]


def test_only_work_begins_a_trace() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing.by(SimpleSpanProcessor(exporter), "test")
    tracer = tracing.provider.get_tracer("test")
    for name, kind, attributes in (
        ("SELECT", SpanKind.CLIENT, {"db.system": "postgresql"}),
        ("StartWorkflow:X", SpanKind.CLIENT, {"temporalWorkflowID": "x"}),
        ("GET /x", SpanKind.SERVER, {}),
    ):
        tracer.start_span(name, kind=kind, attributes=attributes).end()
    tracing.close()
    assert [span.name for span in exporter.get_finished_spans()] == ["StartWorkflow:X", "GET /x"]


def test_no_trace_is_recorded_where_none_is_wanted() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing.by(SimpleSpanProcessor(exporter), "test", ratio=0.0)
    with tracing.provider.get_tracer("test").start_as_current_span("GET /x", kind=SpanKind.SERVER):
        pass
    tracing.close()
    assert exporter.get_finished_spans() == ()
