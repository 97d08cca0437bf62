"""What a worker process sets up once about itself: its memory, its signals, its build, its connection to Temporal."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.converter import DataConverter
from temporalio.worker import WorkerDeploymentConfig

from db.vault import Vault
from observability import Telemetry
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


def payload_converter(settings: Settings) -> DataConverter:
    """Seals and opens what travels through Temporal, where the settings say so."""
    keys = settings.fernet_key.get_secret_value()
    return data_converter(settings.temporal_payload_encryption, partial(Vault.from_setting, keys))


async def connect_temporal(
    settings: Settings, telemetry: Telemetry, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> Client:
    """A connected client; waits for a server that is still starting, then raises its last error."""
    tries, runtime = 0, telemetry.runtime()
    while True:
        try:
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=payload_converter(settings),
                interceptors=telemetry.interceptors(),
                runtime=runtime,
            )
        except RuntimeError:
            tries += 1
            if tries == _CONNECT_TRIES:
                raise
            _log.warning("worker.temporal_unreachable", attempt=tries)
            await sleep(1.0)
