"""The whole service as processes that tell everything: metrics of both kinds, traces to a collector, logs in files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from devstack import DevStack
from devstack.ports import free_port
from devstack.service import CARDTRADER_TOKEN, RunningService, ServiceOptions, start_service
from tests.helpers.collector import Collector, collecting
from tests.helpers.shop import Shop

PRODUCTS = 600


@dataclass(frozen=True)
class Observed:
    """The service, and where it tells what."""

    service: RunningService
    collector: Collector
    worker_metrics: str

    def lines(self, process: str) -> list[dict[str, Any]]:
        """What a process has logged."""
        written = self.service.processes[process].command.log.read_text().splitlines()
        return [json.loads(line) for line in written if line.startswith("{")]

    async def page(self, process: str) -> str:
        """The metrics' page of the API or the worker."""
        address = f"{self.service.api_url}/metrics" if process == "api" else self.worker_metrics
        async with httpx.AsyncClient(timeout=15) as http:
            return (await http.get(address)).raise_for_status().text


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """Servers and queues of their own."""
    data_dir, port = tmp_path_factory.mktemp("observed"), free_port()
    with (
        collecting() as collector,
        DevStack(data_dir, services={"postgres", "valkey", "temporal"}, durable=False, environ={}) as stack,
    ):
        variables = {
            "WORKER_METRICS_BIND": f"127.0.0.1:{port}",
            "WORKER_GRACE_SECONDS": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            # Milliseconds; else a test waits five seconds for the last span.
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "BULK_CHUNK_SIZE": "250",
        }
        workers = {"worker": ("high-priority", "bulk-sync", "default")}
        options = ServiceOptions(products=PRODUCTS, workers=workers, variables=variables)
        running = start_service(stack, options)
        yield Observed(running, collector, f"http://127.0.0.1:{port}/metrics")
        running.stop()


@pytest.fixture(scope="session")
async def shop(observed: Observed) -> AsyncIterator[Shop]:
    """A linked seller."""
    shop = Shop(observed.service, CARDTRADER_TOKEN, uuid4())
    await shop.link()
    yield shop
    await shop.close()
