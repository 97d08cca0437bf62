"""HTTP and pool metrics of the facade, and the page Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, cast

from fastapi import APIRouter, Request, Response
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from sqlalchemy import QueuePool

from db.session import Database
from observability import Metrics

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_POOL: Final = {"database": "postgresql", "pool": "api"}

router = APIRouter(tags=["service"])


class HttpMetrics:
    """Requests by method, route template and status: nothing a caller can invent becomes a label."""

    def __init__(self, meter: Meter) -> None:
        self._requests = meter.create_counter("brx_sync_http_requests", description="Requests answered")
        self._duration = meter.create_histogram(
            "brx_sync_http_request_duration",
            unit="s",
            description="From the first byte of the request to the last of the answer",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )

    def record(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        labels = {"method": method if method in _METHODS else "OTHER", "endpoint": endpoint}
        self._requests.add(1, {**labels, "status_code": str(status)})
        self._duration.record(seconds, labels)


def observe_pool(meter: Meter, database: Database) -> None:
    """Show the connections of the pool."""
    pool = cast("QueuePool", database.engine.pool)

    def active(_options: CallbackOptions) -> Iterable[Observation]:
        return _single(pool.checkedout())

    def idle(_options: CallbackOptions) -> Iterable[Observation]:
        return _single(pool.checkedin())

    meter.create_observable_gauge("brx_sync_db_connections_active", [active], description="Connections in use")
    meter.create_observable_gauge("brx_sync_db_connections_idle", [idle], description="Connections kept open")


def _single(value: int) -> Iterator[Observation]:
    yield Observation(value, _POOL)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "exposition text"}},
)
def get_metrics(request: Request) -> Response:
    """Everything measured in this process, for Prometheus."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.render(), media_type=metrics.content_type)
