"""What a worker process sets up once about itself: its memory, its signals, its build, its connection to Temporal."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.converter import DataConverter
from temporalio.runtime import Runtime
from temporalio.worker import WorkerDeploymentConfig

from db.vault import Vault
from observability import Metrics
from observability.serving import serving_metrics
from observability.temporal import SdkMetrics
from settings import Settings
from workflows.payload_codec import data_converter

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE_BYTES: Final = 128 * 1024
_CONNECT_TRIES: Final = 30
_log = structlog.get_logger(__name__)


def return_large_buffers() -> bool:
    """Have glibc give large buffers back at once, and keep one heap for all threads; False where it is not glibc.

    Chunks are megabytes that come and go in several threads: by default every thread keeps a heap of its own, and
    freed blocks raise the size from which memory is returned, so that a worker keeps its peak for ever.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    options = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _LARGE_BYTES))
    return all(mallopt(option, value) == 1 for option, value in options)


def stop_event() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; to be called in a running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def deployed_build(settings: Settings) -> WorkerDeploymentConfig | None:
    """Which build this process runs; None where builds are not told apart. What runs is pinned: workflows.versions."""
    if not settings.worker_build_id:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.worker_deployment_name, settings.worker_build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


@dataclass(frozen=True)
class Telemetry:
    """What this process measures, and the runtime of its Temporal clients where the SDK's figures are shown too."""

    metrics: Metrics
    runtime: Runtime | None = None


@contextmanager
def observed(settings: Settings, service: str) -> Iterator[Telemetry]:
    """Measure while the block runs, and serve the figures where the settings say so."""
    metrics, runtime = Metrics.create(service), None
    if settings.worker_metrics_bind:
        sdk = SdkMetrics.of_process()
        metrics.others.append(sdk.render)
        runtime = sdk.runtime
    with serving_metrics(metrics, settings.worker_metrics_bind):
        yield Telemetry(metrics, runtime)
    metrics.shutdown()


def payload_converter(settings: Settings) -> DataConverter:
    """Seals and opens what travels through Temporal, where the settings say so."""
    keys = settings.fernet_key.get_secret_value()
    return data_converter(settings.temporal_payload_encryption, partial(Vault.from_setting, keys))


async def connect_temporal(
    settings: Settings, telemetry: Telemetry, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> Client:
    """A connected client; waits for a server that is still starting, then raises its last error."""
    tries = 0
    while True:
        try:
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=payload_converter(settings),
                runtime=telemetry.runtime,
            )
        except RuntimeError:
            tries += 1
            if tries == _CONNECT_TRIES:
                raise
            _log.warning("worker.temporal_unreachable", attempt=tries)
            await sleep(1.0)
