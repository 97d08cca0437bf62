"""Composition root of the workers: one per task queue, drained on SIGTERM. `python -m worker [queue ...]`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import get_args

import structlog
import uvloop
from redis.asyncio import Redis
from temporalio.client import Client, Schedule
from temporalio.worker import Worker

from activities.cards.leftovers import Leftovers
from activities.cards.purchase_relay import relaying_purchases
from activities.cards.relay import relaying
from activities.cards.staging_area import StagingArea
from activities.cards.wiring import Resources, cards_activities
from activities.support import Activities
from clients.cardtrader import CardTrader, new_http_client
from clients.catalog import Catalog, catalog_engine
from db.session import Database
from db.vault import Vault
from observability import configure_logging
from process import connect_temporal, return_large_buffers, stop_event
from settings import Settings
from workflows import task_queues
from workflows.cards.account import AccountWorkflow
from workflows.cards.bulk_sync import BulkSyncWorkflow
from workflows.cards.contracts import SyncPlan
from workflows.cards.poking import poke_account
from workflows.cards.purchase import PurchaseWorkflow
from workflows.cards.purchasing import start_purchase
from workflows.cards.reconcile import ReconcileSweepWorkflow
from workflows.cards.reconcile_blueprint import ReconcileBlueprintWorkflow
from workflows.cards.schedules import cards_schedules
from workflows.schedules import reconcile_schedules
from workflows.task_queues import TaskQueue

WORKFLOWS = (
    AccountWorkflow,
    BulkSyncWorkflow,
    PurchaseWorkflow,
    ReconcileBlueprintWorkflow,
    ReconcileSweepWorkflow,
)
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def build_activities(settings: Settings, client: Client) -> AsyncIterator[dict[TaskQueue, Activities]]:
    """Every activity with its dependencies, by the queue it is called on; closes what it opened."""
    async with AsyncExitStack() as stack:
        database = Database.connect(
            settings.database_url, pool_size=settings.db_pool_size, max_overflow=settings.db_max_overflow
        )
        stack.push_async_callback(database.close)
        redis = Redis.from_url(settings.redis_url.get_secret_value())
        stack.push_async_callback(redis.aclose)
        engine = catalog_engine(settings.catalog_dsn)
        stack.callback(engine.dispose)
        http = await stack.enter_async_context(new_http_client())
        vault = Vault.from_setting(settings.fernet_key.get_secret_value())
        cardtrader = CardTrader.limited(
            http,
            redis,
            settings.cardtrader_api_base_url,
            limit=settings.rate_limit_requests,
            window=settings.rate_limit_window_seconds,
            burst=settings.rate_limit_burst,
            export_timeout=settings.export_timeout_seconds,
        )
        catalog = Catalog(engine, ttl=settings.catalog_ttl_seconds)
        plan = SyncPlan(window=settings.bulk_window, chunks_per_run=settings.bulk_chunks_per_run)
        resources = Resources(database, vault, cardtrader, catalog, StagingArea(settings.staging_dir), client)
        await Leftovers(database, resources.area).sweep_at_start()
        yield cards_activities(
            resources,
            plan,
            chunk_size=settings.bulk_chunk_size,
            writes_enabled=settings.cardtrader_writes_enabled,
        )


def wanted_schedules(settings: Settings) -> dict[str, Schedule]:
    """The schedules of every context, by id."""
    interval = timedelta(hours=settings.reconcile_interval_hours)
    return cards_schedules(interval, most_running=settings.reconcile_most_running)


def build_worker(client: Client, queue: TaskQueue, activities: Activities, settings: Settings) -> Worker:
    """The worker of one queue; workflow tasks run on the high-priority queue, away from heavy chunks."""
    slots = {
        task_queues.HIGH_PRIORITY: settings.worker_high_priority_slots,
        task_queues.BULK_SYNC: settings.worker_bulk_sync_slots,
        task_queues.DEFAULT: settings.worker_default_slots,
    }
    return Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS if queue == task_queues.HIGH_PRIORITY else (),
        activities=activities,
        max_concurrent_activities=slots[queue],
        max_concurrent_local_activities=slots[queue],
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_grace_seconds),
        max_heartbeat_throttle_interval=timedelta(seconds=5),
    )


async def run(settings: Settings, queues: Sequence[TaskQueue], stop: asyncio.Event) -> None:
    """Serve `queues` until `stop`, then let running activities finish within the grace period."""
    client = await connect_temporal(settings)
    async with build_activities(settings, client) as activities, AsyncExitStack() as workers:
        if task_queues.HIGH_PRIORITY in queues:
            await reconcile_schedules(client, wanted_schedules(settings))
            poke = partial(poke_account, client, timeout=timedelta(seconds=5))
            poke_changes = partial(poke, matter="changes") if settings.cardtrader_writes_enabled else None
            await workers.enter_async_context(relaying(settings.database_url, poke, poke_changes))
            start = partial(start_purchase, client, timeout=timedelta(seconds=5))
            await workers.enter_async_context(relaying_purchases(settings.database_url, start))
        for queue in queues:
            await workers.enter_async_context(build_worker(client, queue, activities[queue], settings))
        _log.info("worker.started", queues=list(queues))
        await stop.wait()
        _log.info("worker.draining")


def main(queues: Sequence[TaskQueue] = task_queues.ALL) -> None:
    """Run until SIGTERM or SIGINT."""
    return_large_buffers()
    settings = Settings()
    configure_logging(settings.log_level, settings.log_format)

    async def until_signalled() -> None:
        await run(settings, queues, stop_event())

    uvloop.run(until_signalled())


if __name__ == "__main__":
    known: tuple[TaskQueue, ...] = get_args(TaskQueue)
    chosen = [queue for queue in known if queue in sys.argv[1:]]
    main(chosen or task_queues.ALL)
