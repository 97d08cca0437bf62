"""What waits, for Prometheus: rows of every context, tasks of every task queue; and what /health/ready would say.

Read while a page is made, at most every `FRESH_SECONDS` whoever asks how often, each source within `READ_SECONDS`.
A source that does not answer is missing on the page and has 0 in `brx_sync_backlog_readable`; the page comes anyway.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from api.temporal import GLANCE
from db.backlog import ReadBacklog
from db.bridge.backlog import backlog as bridge_backlog
from db.cards.backlog import backlog as cards_backlog
from db.marketplace.backlog import backlog as marketplace_backlog
from db.session import Database
from db.store.backlog import backlog as store_backlog

FRESH_SECONDS: Final = 10.0
READ_SECONDS: Final = 2.0
BACKLOGS: Final[Mapping[str, ReadBacklog]] = {
    "cards": cards_backlog,
    "bridge": bridge_backlog,
    "store": store_backlog,
    "marketplace": marketplace_backlog,
}
_GAUGES: Final = {
    "brx_sync_backlog_depth": "Rows that wait, counted up to 10,000",
    "brx_sync_backlog_age_seconds": "How long the oldest of them has waited",
    "brx_sync_task_queue_depth": "Tasks that no worker has taken yet, by Temporal's estimate",
    "brx_sync_task_queue_age_seconds": "How long the oldest of them has waited",
    "brx_sync_task_queue_pollers": "Workers that ask for tasks",
    "brx_sync_component_healthy": "1 when what /health/ready asks is well, else 0",
}
_READABLE: Final = "brx_sync_backlog_readable"
_KINDS: Final = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of one gauge."""

    gauge: str
    labels: Mapping[str, str]
    value: float


Source = Callable[[], Awaitable[list[Figure]]]


class Backlogs:
    """The latest figures of some sources, by their names."""

    def __init__(
        self,
        meter: Meter,
        sources: Mapping[str, Source],
        clock: Callable[[], float] = time.monotonic,
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._sources, self._clock, self._read_seconds = sources, clock, read_seconds
        self._figures: list[Figure] = []
        self._read_at: float | None = None
        self._turn = asyncio.Lock()
        for gauge, text in _GAUGES.items():
            meter.create_observable_gauge(gauge, [partial(self._observe, gauge)], description=text)
        text = "1 when a source of backlogs answered, else 0"
        meter.create_observable_gauge(_READABLE, [partial(self._observe, _READABLE)], description=text)

    async def refresh(self) -> None:
        """Read all sources at once, unless that was just done. Never raises."""
        async with self._turn:
            if self._read_at is not None and self._clock() - self._read_at < FRESH_SECONDS:
                return
            found = await asyncio.gather(*(self._ask(name, source) for name, source in self._sources.items()))
            self._figures = [figure for figures in found for figure in figures]
            self._read_at = self._clock()

    async def _ask(self, name: str, source: Source) -> list[Figure]:
        try:
            async with asyncio.timeout(self._read_seconds):
                figures = await source()
        except Exception as error:
            # The exception's own text may hold an address or a user name.
            _log.warning("backlog.unreadable", source=name, reason=type(error).__name__)
            return [Figure(_READABLE, {"source": name}, 0)]
        return [Figure(_READABLE, {"source": name}, 1), *figures]

    def _observe(self, gauge: str, _options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(figure.value, figure.labels) for figure in self._figures if figure.gauge == gauge]


def of_context(name: str, database: Database) -> Source:
    """The rows that wait in one context."""

    async def read() -> list[Figure]:
        async with database.statement() as connection:
            queues = await BACKLOGS[name](connection)
        return [
            figure
            for queue in queues
            for labels in ({"context": name, "queue": queue.queue},)
            for figure in (
                Figure("brx_sync_backlog_depth", labels, queue.depth),
                Figure("brx_sync_backlog_age_seconds", labels, queue.age),
            )
        ]

    return read


def of_task_queues(client: Client, queues: tuple[str, ...]) -> Source:
    """The tasks that wait for workers."""

    async def read() -> list[Figure]:
        asked = [_describe(client, queue, kind) for queue in queues for kind in _KINDS]
        return [figure for figures in await asyncio.gather(*asked) for figure in figures]

    return read


async def _describe(client: Client, queue: str, kind: str) -> list[Figure]:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=_KINDS[kind],
        report_stats=True,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=GLANCE)
    labels = {"queue_name": queue, "kind": kind}
    return [
        Figure("brx_sync_task_queue_depth", labels, answer.stats.approximate_backlog_count),
        Figure("brx_sync_task_queue_age_seconds", labels, answer.stats.approximate_backlog_age.ToMilliseconds() / 1000),
        Figure("brx_sync_task_queue_pollers", labels, len(answer.pollers)),
    ]
