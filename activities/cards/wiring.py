"""Every activity of the `cards` context with its dependencies, by the queue it is called on."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio.client import Client

from activities.cards.blueprints import BlueprintReconciliation
from activities.cards.changes import AccountChanges
from activities.cards.chunks import ChunkMerge
from activities.cards.events import AccountEvents
from activities.cards.export import ExportStaging
from activities.cards.operations import SyncOperations
from activities.cards.orders import MissedOrders
from activities.cards.purchases import Purchases
from activities.cards.reread import ContestedReread
from activities.cards.rereading import BlueprintReader
from activities.cards.staging_area import StagingArea
from activities.cards.sweep import ReconcileSweep
from activities.support import Activities
from clients.cardtrader import CardTrader
from clients.catalog import Catalog
from db.session import Database
from db.vault import Vault
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
