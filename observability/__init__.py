"""What a process tells of itself: logs, metrics, traces. Imports nothing of ours; composition roots hand it around."""

from __future__ import annotations

from observability.logs import RecentLogs, configure_logging
from observability.metrics import Metrics
from observability.telemetry import Telemetry

__all__ = ["Metrics", "RecentLogs", "Telemetry", "configure_logging"]
