"""The three task queues. Each has its own worker in worker.py, its slots sized to the database pool."""

from __future__ import annotations

from typing import Final, Literal

TaskQueue = Literal["high-priority", "bulk-sync", "default"]

HIGH_PRIORITY: Final[TaskQueue] = "high-priority"
BULK_SYNC: Final[TaskQueue] = "bulk-sync"
DEFAULT: Final[TaskQueue] = "default"

ALL: Final[tuple[TaskQueue, ...]] = (HIGH_PRIORITY, BULK_SYNC, DEFAULT)
