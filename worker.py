"""Composition root of the workers: one per task queue, drained on SIGTERM. `python -m worker [queue ...]`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import get_args

import structlog
import uvloop
from temporalio.client import Client, Schedule
from temporalio.worker import Worker

from activities.bridge.measures import TELLINGS as BRIDGE
from activities.bridge.scheduling import keep_background_schedules
from activities.bridge.wiring import open_bridge
from activities.cards.measures import TELLINGS as CARDS
from activities.cards.wiring import open_cards
from activities.connections import open_connections
from activities.marketplace.measures import TELLINGS as MARKETPLACE
from activities.marketplace.wiring import open_marketplace
from activities.measures import MeasuringInterceptor
from activities.relaying import relaying_all
from activities.store.measures import TELLINGS as STORE
from activities.store.wiring import open_store
from activities.support import Activities
from observability import Metrics, Telemetry, configure_logging
from process import connect_temporal, deployed_build, return_large_buffers, stop_event
from settings import Settings
from workflows import task_queues
from workflows.bridge.registered import BRIDGE_WORKFLOWS
from workflows.bridge.schedules import BACKGROUND_PREFIX, bridge_schedules
from workflows.cards.account import AccountWorkflow
from workflows.cards.bulk_sync import BulkSyncWorkflow
from workflows.cards.purchase import PurchaseWorkflow
from workflows.cards.reconcile import ReconcileSweepWorkflow
from workflows.cards.reconcile_blueprint import ReconcileBlueprintWorkflow
from workflows.cards.schedules import cards_schedules
from workflows.marketplace.registry import MARKETPLACE_WORKFLOWS
from workflows.marketplace.schedules import marketplace_schedules
from workflows.retention.forgetting import RetentionWorkflow
from workflows.retention.schedules import retention_schedules
from workflows.schedules import reconcile_schedules
from workflows.store.push import StorePushWorkflow
from workflows.store.schedules import store_schedules
from workflows.store.sweep import StoreSweepWorkflow
from workflows.task_queues import TaskQueue

WORKFLOWS = (
    AccountWorkflow,
    *BRIDGE_WORKFLOWS,
    BulkSyncWorkflow,
    PurchaseWorkflow,
    ReconcileBlueprintWorkflow,
    ReconcileSweepWorkflow,
    RetentionWorkflow,
    StorePushWorkflow,
    StoreSweepWorkflow,
    *MARKETPLACE_WORKFLOWS,
)
CONTEXTS = (open_bridge, open_cards, open_marketplace, open_store)
TELLINGS = {**BRIDGE, **CARDS, **MARKETPLACE, **STORE}
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def build_activities(
    settings: Settings, client: Client, telemetry: Telemetry
) -> AsyncIterator[dict[TaskQueue, Activities]]:
    """Every activity with its dependencies, by the queue it is called on; closes what it opened."""
    async with open_connections(settings, client, telemetry) as connections, AsyncExitStack() as stack:
        contexts = [await stack.enter_async_context(build(settings, connections)) for build in CONTEXTS]
        yield {queue: [run for context in contexts for run in context.get(queue, [])] for queue in task_queues.ALL}


def wanted_schedules(settings: Settings) -> dict[str, Schedule]:
    """The schedules of every context, by id."""
    interval = timedelta(hours=settings.reconcile_interval_hours)
    pushes = timedelta(minutes=settings.store_push_interval_minutes if settings.central_api_base_url else 0)
    cards = cards_schedules(interval, most_running=settings.reconcile_most_running)
    orders = marketplace_schedules(timedelta(seconds=settings.order_sweep_seconds))
    return cards | bridge_schedules() | store_schedules(pushes) | orders | retention_schedules()


def build_worker(
    client: Client, queue: TaskQueue, activities: Activities, settings: Settings, metrics: Metrics
) -> Worker:
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
        interceptors=[MeasuringInterceptor(metrics.meter, TELLINGS)],
        max_concurrent_activities=slots[queue],
        max_concurrent_local_activities=slots[queue],
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_grace_seconds),
        max_heartbeat_throttle_interval=timedelta(seconds=5),
        deployment_config=deployed_build(settings),
    )


async def run(
    settings: Settings, queues: Sequence[TaskQueue], stop: asyncio.Event, telemetry: Telemetry | None = None
) -> None:
    """Serve `queues` until `stop`, then let running activities finish within the grace period."""
    told = telemetry or Telemetry.of(
        "brx-sync-worker", settings.otel_exporter_otlp_endpoint, settings.otel_traces_sample_ratio
    )
    with told.served(settings.worker_metrics_bind):
        client = await connect_temporal(settings, told)
        async with build_activities(settings, client, told) as activities, AsyncExitStack() as opened:
            if task_queues.HIGH_PRIORITY in queues:
                await reconcile_schedules(client, wanted_schedules(settings), spared=BACKGROUND_PREFIX)
                await keep_background_schedules(client, settings.database_url)
                await opened.enter_async_context(relaying_all(settings, client))
            for queue in queues:
                worker = build_worker(client, queue, activities[queue], settings, told.metrics)
                await opened.enter_async_context(worker)
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
