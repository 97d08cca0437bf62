"""One OpenTelemetry meter provider per process, and the page that shows what it measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_METER: Final = "brx_sync"


@dataclass(frozen=True)
class Metrics:
    """A meter provider and the Prometheus registry that shows what it measured.

    `others` render exposition text from elsewhere: the Temporal SDK measures itself, outside Python.
    """

    provider: MeterProvider
    registry: CollectorRegistry
    others: list[Callable[[], bytes]] = field(default_factory=list)
    content_type: str = CONTENT_TYPE_LATEST

    @classmethod
    def create(cls, service: str) -> Metrics:
        """A fresh, independent set; `service` becomes `service.name`."""
        registry = CollectorRegistry()
        reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
        resource = Resource.create({"service.name": service})
        return cls(MeterProvider([reader], resource=resource, shutdown_on_exit=False), registry)

    @property
    def meter(self) -> Meter:
        """Where everything of ours is measured."""
        return self.provider.get_meter(_METER)

    def render(self) -> bytes:
        """The exposition text."""
        return b"".join([generate_latest(self.registry), *(render() for render in self.others)])

    def shutdown(self) -> None:
        """Stop measuring."""
        self.provider.shutdown()
