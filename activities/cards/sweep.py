"""Starts the periodic sync of every active account, a page at a time.

Idempotent: the id of an account's operation is made of the sweep's, so that a page that is repeated finds what it
registered, and the workflow id keeps a second sync of an account from starting.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid5

import structlog
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.support import beating
from db.cards import operations, sweeping
from db.session import Database
from domain.cards.sweep import pace, room
from workflows.cards.contracts import BulkSyncInput, SweepPage, SweepPeriod, SweepPlan, SweptPage
from workflows.cards.starting import running_operation, start_bulk_sync

_CALL = timedelta(seconds=10)
_NO_SWEEP = UUID(int=0)
_METADATA = {"mode": "periodic_sync", "force": False}
_log = structlog.get_logger(__name__)


class ReconcileSweep:
    """The activities of the sweep."""

    def __init__(self, database: Database, temporal: Client) -> None:
        self._database = database
        self._temporal = temporal

    @activity.defn
    async def plan_sweep(self, period: SweepPeriod) -> SweepPlan:
        """How to spread the accounts there are over the period."""
        async with self._database.begin() as connection:
            accounts = await sweeping.count(connection)
        chosen = pace(accounts, period.period_minutes)
        return SweepPlan(page=chosen.page, pause_seconds=chosen.pause_seconds, accounts=accounts)

    @activity.defn
    async def sweep_page(self, page: SweepPage) -> SweptPage:
        """Start what there is room for; `after` of the answer is where the next page begins."""
        async with beating():
            async with self._database.begin() as connection:
                running = await sweeping.running(connection, timedelta(minutes=page.period_minutes))
                most = room(page.most, running, page.most_running)
                accounts = await sweeping.page(connection, after=page.after, limit=most) if most else []
            started = [await self._start(user_id, page.sweep_id or _NO_SWEEP) for user_id in accounts]
        _log.info("sweep.page", started=sum(started), skipped=len(started) - sum(started), running=running)
        return SweptPage(
            started=sum(started),
            skipped=len(started) - sum(started),
            after=accounts[-1] if accounts else page.after,
            is_last=len(accounts) < most,
        )

    async def _start(self, user_id: UUID, sweep_id: UUID) -> bool:
        """False when a sync of the account is running that is not ours."""
        operation_id = uuid5(sweep_id, str(user_id))
        async with self._database.begin() as connection:
            await operations.register_once(connection, user_id, operation_id, "periodic_sync", _METADATA)
            registered = await operations.find(connection, user_id, str(operation_id))
        if registered is None or not registered.is_open:
            # A page that is repeated after its sync has ended.
            return registered is not None
        sync = BulkSyncInput(user_id=user_id, operation_id=operation_id, mode="periodic_sync")
        try:
            await start_bulk_sync(self._temporal, sync, timeout=_CALL)
        except WorkflowAlreadyStartedError:
            return await self._is_ours(user_id, operation_id)
        return True

    async def _is_ours(self, user_id: UUID, operation_id: UUID) -> bool:
        """A start whose answer was lost is ours; else the operation goes, as nobody will ever run it."""
        if await running_operation(self._temporal, user_id, timeout=_CALL) == str(operation_id):
            return True
        async with self._database.begin() as connection:
            await operations.discard(connection, operation_id)
        return False
