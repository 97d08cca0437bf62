"""What one process tells of itself, made by its composition root and handed to all who open connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from temporalio.client import Interceptor
from temporalio.runtime import Runtime

from observability.correlation import CorrelatingInterceptor
from observability.metrics import Metrics
from observability.serving import serving_metrics
from observability.temporal import SdkMetrics

if TYPE_CHECKING:
    import httpx

    from observability.traces import Tracing


@dataclass(frozen=True)
class Telemetry:
    """Metrics always; traces where an endpoint is named."""

    metrics: Metrics
    tracing: Tracing | None = None

    @classmethod
    def of(cls, service: str, otlp_endpoint: str = "", ratio: float = 1.0) -> Self:
        """Traces go to `otlp_endpoint`, `ratio` of them; without one nothing is imported or wrapped for them."""
        if not otlp_endpoint:
            return cls(Metrics.create(service))
        from observability.traces import Tracing

        return cls(Metrics.create(service), Tracing.to(otlp_endpoint, service, ratio))

    def interceptors(self) -> Sequence[Interceptor]:
        """For the Temporal client of the process; its workers take them over."""
        correlating = CorrelatingInterceptor()
        # The outermost first: within a span, log lines take its trace.
        return [correlating] if self.tracing is None else [self.tracing.interceptor(), correlating]

    def runtime(self) -> Runtime:
        """For the same client: what the SDK measures is on our page from now on."""
        sdk = SdkMetrics.of_process()
        self.metrics.others.append(sdk.render)
        return sdk.runtime

    def watch_database(self) -> None:
        """Trace every statement of this process."""
        if self.tracing is not None:
            self.tracing.watch_database()

    def watch_http(self, http: httpx.AsyncClient) -> None:
        """Trace every request of a client."""
        if self.tracing is not None:
            self.tracing.watch_http(http)

    @contextmanager
    def served(self, bind: str) -> Iterator[None]:
        """The metrics' page at `bind`, if that is an address, while the block runs; then nothing is told any more."""
        try:
            with serving_metrics(self.metrics, bind):
                yield
        finally:
            self.close()

    def close(self) -> None:
        """Tell what is left."""
        if self.tracing is not None:
            self.tracing.close()
        self.metrics.shutdown()
