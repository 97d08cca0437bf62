"""HTTP metrics of the facade, and the page Prometheus reads."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Final

from fastapi import APIRouter, Request, Response
from opentelemetry.metrics import Meter

from api.backlog import Backlogs
from observability import Metrics

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WEBHOOK_BUCKETS: Final = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.05, 0.075, 0.1, 0.25, 1)
_WEBHOOK: Final = "/webhook/"

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
        self._webhook = meter.create_histogram(
            "brx_sync_webhook_duration",
            unit="s",
            description="Until a webhook of CardTrader was acknowledged, or refused",
            explicit_bucket_boundaries_advisory=_WEBHOOK_BUCKETS,
        )

    def record(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        labels = {"method": method if method in _METHODS else "OTHER", "endpoint": endpoint}
        self._requests.add(1, {**labels, "status_code": str(status)})
        self._duration.record(seconds, labels)
        if _is_webhook(endpoint):
            self._webhook.record(seconds)


@lru_cache(maxsize=256)
def _is_webhook(endpoint: str) -> bool:
    return _WEBHOOK in endpoint


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "exposition text"}},
)
async def get_metrics(request: Request) -> Response:
    """Everything measured in this process, and what waits in the database and in Temporal, for Prometheus."""
    metrics: Metrics = request.app.state.metrics
    backlogs: Backlogs = request.app.state.backlogs
    await backlogs.refresh()
    return Response(await asyncio.to_thread(metrics.render), media_type=metrics.content_type)
