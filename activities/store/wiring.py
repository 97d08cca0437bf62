"""Every activity of the `store` context with its dependencies, by the queue it is called on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from activities.connections import Connections
from activities.store.passes import StorePasses, backoff_within
from activities.store.sweeping import Poke, StoreSweep
from activities.support import Activities
from clients.central import CentralClient, Credentials
from db.session import Database
from settings import Settings
from workflows import task_queues
from workflows.store.poking import poke_store
from workflows.task_queues import TaskQueue

_CALL = timedelta(seconds=10)


@asynccontextmanager
async def open_store(settings: Settings, connections: Connections) -> AsyncIterator[dict[TaskQueue, Activities]]:
    """The activities, over connections that stay open longer than they."""
    credentials = Credentials(settings.central_service_name, connections.vault.reveal(settings.central_service_secret))
    yield store_activities(
        connections.database,
        CentralClient.connect(connections.http, settings.central_api_base_url, credentials),
        partial(poke_store, connections.temporal, timeout=_CALL),
        interval=timedelta(minutes=settings.store_push_interval_minutes or 15),
        kept=timedelta(days=settings.store_history_days),
    )


def store_activities(
    database: Database, central: CentralClient | None, poke: Poke, *, interval: timedelta, kept: timedelta
) -> dict[TaskQueue, Activities]:
    """The activities of each queue."""
    passes = StorePasses(database, central, backoff=backoff_within(interval))
    sweep = StoreSweep(database, poke, kept=kept)
    return {task_queues.DEFAULT: [passes.push_changes, passes.read_stock, sweep.wake_stores]}
