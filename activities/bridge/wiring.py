"""Every activity of the `bridge` context with its dependencies, by the queue it is called on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client

from activities.bridge.background import BackgroundNights
from activities.bridge.batches import BatchLifecycle
from activities.bridge.children import DueRows
from activities.bridge.entity_batches import EntityBatches
from activities.bridge.fetching import PageFetch
from activities.bridge.forgetting import Ages, BridgeRetention
from activities.bridge.processing import PageProcessing
from activities.bridge.waking import ChildrenWaking
from activities.connections import Connections
from activities.support import Activities
from clients.apismith import ApiSmith
from clients.neighbour import Credentials, Place
from clients.schedulehub import ScheduleHub
from db.session import Database
from settings import Settings
from workflows import task_queues
from workflows.bridge.contracts import BatchPlan
from workflows.task_queues import TaskQueue


@dataclass(frozen=True)
class Resources:
    """What the activities share; opened and closed by the composition root."""

    database: Database
    source: ApiSmith
    hub: ScheduleHub
    temporal: Client


@asynccontextmanager
async def open_bridge(settings: Settings, connections: Connections) -> AsyncIterator[dict[TaskQueue, Activities]]:
    """The activities, over connections that stay open longer than they."""
    source = ApiSmith.connect(
        connections.http,
        Place(settings.apismith_url, settings.apismith_api_prefix),
        Credentials(settings.apismith_token, settings.apismith_username, settings.apismith_password),
        execute_timeout=settings.apismith_timeout_seconds,
    )
    hub = ScheduleHub.connect(
        connections.http,
        Place(settings.schedulehub_url, settings.schedulehub_api_prefix),
        Credentials(settings.schedulehub_token, settings.schedulehub_username, settings.schedulehub_password),
        batch_timeout=settings.schedulehub_timeout_seconds,
    )
    activities = bridge_activities(Resources(connections.database, source, hub, connections.temporal), BatchPlan())
    ages = Ages(
        batches=timedelta(days=settings.bridge_batch_days),
        letters=timedelta(days=settings.bridge_failed_days),
        waits=timedelta(days=settings.bridge_children_days),
    )
    activities[task_queues.DEFAULT].append(BridgeRetention(connections.database, ages).forget_bridge)
    yield activities


def bridge_activities(resources: Resources, plan: BatchPlan) -> dict[TaskQueue, Activities]:
    """The activities of each queue."""
    database, temporal = resources.database, resources.temporal
    lifecycle = BatchLifecycle(database, resources.hub, plan)
    fetch, process = PageFetch(database, resources.source), PageProcessing(database, resources.hub)
    due, nights = DueRows(database), BackgroundNights(database, temporal)
    return {
        task_queues.BULK_SYNC: [fetch.fetch_page, process.process_page],
        task_queues.DEFAULT: [
            lifecycle.begin_batch,
            lifecycle.finish_batch,
            lifecycle.abort_batch,
            due.open_children_batches,
            ChildrenWaking(temporal).wake_children,
            EntityBatches(database, temporal).start_entity_batch,
            nights.open_night,
            nights.next_page,
            nights.close_night,
        ],
    }
