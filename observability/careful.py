"""What of a span may leave the process: known attributes, addresses without queries, errors without their text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status

_LONGEST_STATEMENT: Final = 2000


def _as_it_is(value: Any) -> Any:
    return value


def _place(url: Any) -> str:
    """Scheme, host and path; no user, no query."""
    parts = urlsplit(str(url))
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _workflow(name: Any) -> str:
    """Its kind and its owner: what follows may be a word of a caller, such as an idempotency key."""
    return ":".join(str(name).split(":")[:2])


def _statement(text: Any) -> str:
    return str(text)[:_LONGEST_STATEMENT]


KEPT: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(
        (
            *("http.method", "http.route", "http.scheme", "http.status_code"),
            *("http.request.method", "http.response.status_code", "url.scheme"),
            *("server.address", "server.port", "net.peer.name", "net.peer.port", "error.type"),
            *("db.system", "db.system.name", "db.name", "db.namespace", "db.operation.name"),
            *("temporalActivityID", "temporalRunID"),
        ),
        _as_it_is,
    ),
    **dict.fromkeys(("db.statement", "db.query.text"), _statement),
    "temporalWorkflowID": _workflow,
}
_OF_CLIENTS: Final[Mapping[str, Callable[[Any], Any]]] = {"http.url": _place, "url.full": _place}


class CarefulExporter(SpanExporter):
    """Passes spans on without what is not known to be harmless."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As the SDK calls it."""
        return self._exporter.export([careful(span) for span in spans])

    def shutdown(self) -> None:
        """As the SDK calls it."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """As the SDK calls it."""
        return self._exporter.force_flush(timeout_millis)


def careful(span: ReadableSpan) -> ReadableSpan:
    """The span as it may be told."""
    # The address that a caller of ours asked for may hold anything; its route says enough.
    kept = {**KEPT, **_OF_CLIENTS} if span.kind is SpanKind.CLIENT else KEPT
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: kept[name](value) for name, value in (span.attributes or {}).items() if name in kept},
        events=[_event(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _event(event: Event) -> Event:
    attributes = {name: value for name, value in (event.attributes or {}).items() if name == "exception.type"}
    return Event(event.name, attributes, event.timestamp)
