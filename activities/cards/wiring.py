"""Every activity of the `cards` context with its dependencies, by the queue it is called on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client

from activities.cards.blueprints import BlueprintReconciliation
from activities.cards.changes import AccountChanges
from activities.cards.chunks import ChunkMerge
from activities.cards.events import AccountEvents
from activities.cards.export import ExportStaging
from activities.cards.forgetting import Ages, CardsRetention
from activities.cards.leftovers import Leftovers
from activities.cards.operations import SyncOperations
from activities.cards.orders import MissedOrders
from activities.cards.purchases import Purchases
from activities.cards.reread import ContestedReread
from activities.cards.rereading import BlueprintReader
from activities.cards.staging_area import StagingArea
from activities.cards.sweep import ReconcileSweep
from activities.connections import Connections
from activities.support import Activities
from clients.cardtrader import CardTrader
from clients.catalog import Catalog, catalog_engine
from db.session import Database
from db.vault import Vault
from settings import Settings
from workflows import task_queues
from workflows.cards.contracts import SyncPlan
from workflows.task_queues import TaskQueue


@dataclass(frozen=True)
class Resources:
    """What the activities share; opened and closed by the composition root."""

    database: Database
    vault: Vault
    cardtrader: CardTrader
    catalog: Catalog
    area: StagingArea
    temporal: Client


@asynccontextmanager
async def open_cards(settings: Settings, connections: Connections) -> AsyncIterator[dict[TaskQueue, Activities]]:
    """The activities, over connections that stay open longer than they."""
    cardtrader = CardTrader.limited(
        connections.http,
        connections.redis,
        settings.cardtrader_api_base_url,
        limit=settings.rate_limit_requests,
        window=settings.rate_limit_window_seconds,
        burst=settings.rate_limit_burst,
        export_timeout=settings.export_timeout_seconds,
        measures=connections.measures,
    )
    database, area = connections.database, StagingArea(settings.staging_dir)
    await Leftovers(database, area).sweep_at_start()
    engine = catalog_engine(settings.catalog_dsn)
    catalog = Catalog(engine, ttl=settings.catalog_ttl_seconds)
    try:
        activities = cards_activities(
            Resources(database, connections.vault, cardtrader, catalog, area, connections.temporal),
            SyncPlan(window=settings.bulk_window, chunks_per_run=settings.bulk_chunks_per_run),
            chunk_size=settings.bulk_chunk_size,
            writes_enabled=settings.cardtrader_writes_enabled,
        )
        activities[task_queues.DEFAULT].append(CardsRetention(database, ages(settings)).forget_cards)
        yield activities
    finally:
        engine.dispose()


def ages(settings: Settings) -> Ages:
    """How long what ended is kept."""
    return Ages(
        bodies=timedelta(days=settings.webhook_body_days),
        history=timedelta(days=settings.cards_history_days),
        purchases=timedelta(days=settings.purchase_history_days),
    )


def cards_activities(
    resources: Resources, plan: SyncPlan, *, chunk_size: int, writes_enabled: bool = True
) -> dict[TaskQueue, Activities]:
    """The activities of each queue."""
    database, vault = resources.database, resources.vault
    cardtrader, catalog = resources.cardtrader, resources.catalog
    operations = SyncOperations(database, plan)
    staging = ExportStaging(database, vault, cardtrader, catalog, area=resources.area, chunk_size=chunk_size)
    chunks = ChunkMerge(database, catalog)
    reader = BlueprintReader(database, vault, cardtrader, catalog)
    reread, events = ContestedReread(database, reader), AccountEvents(database, reader)
    blueprints = BlueprintReconciliation(database, catalog, reader)
    orders, sweep = MissedOrders(database, vault, reader), ReconcileSweep(database, resources.temporal)
    changes = AccountChanges(database, reader, writes_enabled=writes_enabled)
    purchases = Purchases(database, vault, cardtrader, writes_enabled=writes_enabled)
    return {
        task_queues.HIGH_PRIORITY: [
            events.take_events,
            events.reread_events,
            events.settle_events,
            events.suspend_account,
            blueprints.reconcile_blueprint,
            changes.take_changes,
            changes.send_changes,
            changes.follow_job,
            changes.settle_changes,
            changes.verify_changes,
            changes.reread_uncertain,
            purchases.take_copies,
        ],
        task_queues.BULK_SYNC: [staging.stage_export, chunks.apply_chunk, reread.reread_contested],
        task_queues.DEFAULT: [
            operations.begin_sync,
            operations.finish_sync,
            operations.abort_sync,
            chunks.lose_chunk,
            orders.find_orders,
            sweep.plan_sweep,
            sweep.sweep_page,
            blueprints.abort_blueprint,
        ],
    }
