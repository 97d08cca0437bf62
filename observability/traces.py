"""Traces, told to an OTLP endpoint: request -> workflow -> activity -> SQL and HTTP in one. Imported only where wanted.

What leaves the process is what `observability.careful` lets through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes
from temporalio.contrib.opentelemetry import TracingInterceptor

from observability.careful import CarefulExporter

_COLLECTOR_SECONDS: Final = 5
_OF_TEMPORAL: Final = "temporalWorkflowID"


@dataclass(frozen=True)
class Tracing:
    """The spans of one process. `close` sends what is left."""

    provider: TracerProvider

    @classmethod
    def to(cls, endpoint: str, service: str, ratio: float = 1.0) -> Tracing:
        """Send spans in the background to `endpoint`, as the OTLP specification builds the path on it."""
        # A collector that is away may not keep a worker from ending within its grace.
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_COLLECTOR_SECONDS)
        return cls.by(BatchSpanProcessor(CarefulExporter(exporter)), service, ratio)

    @classmethod
    def by(cls, processor: SpanProcessor, service: str, ratio: float = 1.0) -> Tracing:
        """Hand spans to `processor`; `ratio` of all traces, of which the one that begins them decides."""
        sampler = ParentBased(root=_Work(ratio))
        provider = TracerProvider(sampler, Resource.create({"service.name": service}), shutdown_on_exit=False)
        provider.add_span_processor(processor)
        return cls(provider)

    def interceptor(self) -> TracingInterceptor:
        """For the Temporal client of the process."""
        return TracingInterceptor(self.provider.get_tracer("brx_sync"))

    def watch_database(self) -> None:
        """Every statement, with its text and without its values."""
        if not _asyncpg().is_instrumented_by_opentelemetry:
            _asyncpg().instrument(tracer_provider=self.provider)

    def watch_http(self, http: httpx.AsyncClient) -> None:
        """Every request of a client."""
        HTTPXClientInstrumentor.instrument_client(
            http, tracer_provider=self.provider, meter_provider=NoOpMeterProvider()
        )

    def close(self) -> None:
        """Send what is left; end the watch of the database."""
        if _asyncpg().is_instrumented_by_opentelemetry:
            _asyncpg().uninstrument()
        self.provider.shutdown()


def _asyncpg() -> Any:
    # There is one, whoever asks.
    return AsyncPGInstrumentor()  # type: ignore[no-untyped-call]


class _Work(Sampler):
    """Begins traces with requests, activities and calls of Temporal; what polls in the background begins none."""

    def __init__(self, ratio: float) -> None:
        self._ratio = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if kind is SpanKind.CLIENT and _OF_TEMPORAL not in (attributes or {}):
            return SamplingResult(Decision.DROP)
        return self._ratio.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"Work({self._ratio.get_description()})"
