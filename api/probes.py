"""Questions to every dependency: does it answer? A probe returns a sentence, or raises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, cast

from redis.asyncio import Redis
from sqlalchemy import NullPool, create_engine, make_url, text
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from api.errors import ApiError, DatabaseUnavailable, RedisUnavailable, TemporalUnavailable, WorkerUnavailable
from api.temporal import GLANCE, temporal_faults
from db.session import Database

# A poll lasts up to a minute, and the server remembers pollers for five.
_POLLER_ALIVE: Final = timedelta(seconds=90)
_CONNECT_SECONDS: Final = 2


class CatalogUnavailable(ApiError):
    """The card catalogue does not answer."""

    status, code = 503, "CATALOG_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a probe found; `active_workers` only where workers were counted."""

    message: str
    active_workers: int | None = None


class Probe(Protocol):
    """Asks one dependency. Raises anything when it is not usable; `fault` names that."""

    @property
    def fault(self) -> type[ApiError]:
        """The error that its absence causes."""
        ...

    async def __call__(self) -> Sighting:
        """Ask."""
        ...


@dataclass(frozen=True)
class PingProbe:
    """A dependency that answers a ping."""

    name: str
    fault: type[ApiError]
    ping: Callable[[], Awaitable[object]]

    async def __call__(self) -> Sighting:
        """Ask."""
        await self.ping()
        return Sighting(f"{self.name} connection successful")


def postgresql(database: Database) -> PingProbe:
    """`SELECT 1` through the pool."""
    return PingProbe("PostgreSQL", DatabaseUnavailable, database.ping)


def redis(client: Redis) -> PingProbe:
    """`PING`."""

    async def ping() -> None:
        # The library types one method for its two clients.
        await cast("Awaitable[bool]", client.ping())

    return PingProbe("Redis", RedisUnavailable, ping)


def catalog(dsn: str) -> PingProbe:
    """`SELECT 1` on a connection of its own: the facade keeps none to the catalogue."""

    def ask() -> None:
        if not dsn:
            raise CatalogUnavailable
        mysql = make_url(dsn).get_backend_name() in ("mysql", "mariadb")
        limits = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _CONNECT_SECONDS} if mysql else {}
        engine = create_engine(dsn, poolclass=NullPool, connect_args=limits)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    return PingProbe("MySQL", CatalogUnavailable, lambda: asyncio.to_thread(ask))


def temporal(client: Client) -> PingProbe:
    """The front end's health check."""

    async def ping() -> None:
        with temporal_faults():
            await client.service_client.check_health(timeout=GLANCE)

    return PingProbe("Temporal", TemporalUnavailable, ping)


@dataclass(frozen=True)
class WorkerProbe:
    """Whether somebody polls each task queue."""

    client: Client
    queues: tuple[str, ...]
    fault: type[ApiError] = WorkerUnavailable

    async def __call__(self) -> Sighting:
        """Ask."""
        polled = await asyncio.gather(*(self._pollers(queue) for queue in self.queues))
        idle = [queue for queue, identities in zip(self.queues, polled, strict=True) if not identities]
        if idle:
            raise WorkerUnavailable(f"No worker polls {', '.join(idle)}.")
        workers = set[str]().union(*polled)
        return Sighting(f"{len(workers)} workers are polling", active_workers=len(workers))

    async def _pollers(self, queue: str) -> set[str]:
        kinds = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        found = await asyncio.gather(*(self._describe(queue, kind) for kind in kinds))
        return set[str]().union(*found)

    async def _describe(self, queue: str, kind: TaskQueueType.ValueType) -> set[str]:
        request = DescribeTaskQueueRequest(
            namespace=self.client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        with temporal_faults():
            answer = await self.client.workflow_service.describe_task_queue(request, timeout=GLANCE)
        return _alive(answer.pollers, datetime.now(UTC))


def _alive(pollers: Iterable[PollerInfo], now: datetime) -> set[str]:
    oldest = now - _POLLER_ALIVE
    return {poller.identity for poller in pollers if poller.last_access_time.ToDatetime(UTC) >= oldest}
