"""What the Temporal SDK tells of itself: its core serves figures to this machine, and our page repeats them."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.request import ProxyHandler, build_opener

import structlog
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

_TRIES: Final = 5
_SECONDS: Final = 1.0
_BUCKETS: Final = {
    name: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
    for name in (
        "temporal_activity_execution_latency",
        "temporal_activity_schedule_to_start_latency",
        "temporal_activity_succeed_endtoend_latency",
        "temporal_workflow_endtoend_latency",
        "temporal_workflow_task_execution_latency",
        "temporal_workflow_task_schedule_to_start_latency",
    )
}
_open = build_opener(ProxyHandler({})).open
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SdkMetrics:
    """A runtime for the clients of a process, and where its figures are."""

    runtime: Runtime
    address: str

    @classmethod
    @cache
    def of_process(cls) -> SdkMetrics:
        """The one of this process: a runtime has threads, and never ends."""
        return cls.start()

    @classmethod
    def start(cls) -> SdkMetrics:
        """On a free port of the loopback interface. Raises `ValueError` when no port can be had."""
        for _ in range(_TRIES - 1):
            try:
                return cls._at(_free_address())
            except ValueError:
                # Somebody else has taken the port in between.
                continue
        return cls._at(_free_address())

    @classmethod
    def _at(cls, address: str) -> SdkMetrics:
        prometheus = PrometheusConfig(
            bind_address=address,
            durations_as_seconds=True,
            unit_suffix=True,
            counters_total_suffix=True,
            histogram_bucket_overrides=_BUCKETS,
        )
        telemetry = TelemetryConfig(metrics=prometheus, logging=_logging(), attach_service_name=False)
        return cls(Runtime(telemetry=telemetry), address)

    def render(self) -> bytes:
        """Its exposition text; nothing when it cannot be had, so that the rest of the page is."""
        try:
            with _open(f"http://{self.address}/metrics", timeout=_SECONDS) as answer:
                return bytes(answer.read())
        except OSError as error:
            _log.warning("metrics.sdk_silent", reason=type(error).__name__)
            return b""


def _logging() -> LoggingConfig:
    """Its lines among ours; their fields may quote an exception, so `observability.logs` picks the ids from them."""
    forwarding = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    return LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding)


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
