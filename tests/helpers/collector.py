"""A collector of traces: an OTLP endpoint on this machine that keeps what it is told."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan


@dataclass(frozen=True)
class Span:
    """A span as it came; ids in hexadecimal, no parent is "". `service` is who told it."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    attributes: dict[str, Any]
    text: str = field(repr=False)


@dataclass
class Collector:
    """What was told so far."""

    endpoint: str
    spans: list[Span] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        """Keep the spans of one request."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [_span(names["service.name"], wire) for wire in scope.spans]

    def trace(self, trace_id: str) -> dict[str, Span]:
        """The spans of one trace, by their ids."""
        return {span.span_id: span for span in list(self.spans) if span.trace_id == trace_id}


def _span(service: str, wire: WireSpan) -> Span:
    values = {pair.key: pair.value.string_value or pair.value.int_value for pair in wire.attributes}
    ids = (wire.trace_id.hex(), wire.span_id.hex(), wire.parent_span_id.hex())
    return Span(service, wire.name, *ids, wire.kind, values, str(wire))


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port, while the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        server.RequestHandlerClass = _handler(collector)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    return Handler
