"""Spans of the requests to an application."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from opentelemetry.metrics import NoOpMeterProvider

from observability import Telemetry

_UNTRACED: Final = "health,metrics"


def watch_app(app: FastAPI, telemetry: Telemetry) -> None:
    """Trace every request but the questions of orchestrators and Prometheus, once all middleware is there."""
    if telemetry.tracing is None:
        return
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=telemetry.tracing.provider,
        meter_provider=NoOpMeterProvider(),
        excluded_urls=_UNTRACED,
        exclude_spans=["receive", "send"],
    )
