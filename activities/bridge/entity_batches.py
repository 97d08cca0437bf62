"""Starts the batches that entities' own schedules ask for."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from db.bridge import entities, history
from db.bridge.history import Batch, Request
from db.session import Database
from workflows.bridge.contracts import MOST_ROWS_PER_PAGE, BatchRun, EntityBatch, EntityBatchStarted
from workflows.bridge.starting import start_batch

_CALL: Final = timedelta(seconds=10)


class EntityBatches:
    """One activity. Done twice, there is one batch."""

    def __init__(self, database: Database, temporal: Client) -> None:
        self._database, self._temporal = database, temporal

    @activity.defn
    async def start_entity_batch(self, wanted: EntityBatch) -> EntityBatchStarted:
        """Register an incremental batch, unless one is under way or the entity is switched off, and start it."""
        batch = await self._registered(wanted)
        if batch is None or not batch.is_open:
            return EntityBatchStarted(started=batch is not None)
        run = BatchRun(batch_uid=batch.uid, source_system=batch.source_system, entity_name=batch.entity_name)
        try:
            await start_batch(self._temporal, run, timeout=_CALL)
        except WorkflowAlreadyStartedError:
            activity.logger.info("batch %s waits for the one before, or was started already", batch.uid)
        return EntityBatchStarted(started=True)

    async def _registered(self, wanted: EntityBatch) -> Batch | None:
        async with self._database.begin() as connection:
            if earlier := await history.find(connection, wanted.batch_uid):
                return earlier
            saved = await entities.find(connection, str(wanted.entity_uid))
            if saved is None or not saved.sync_enabled or saved.sync_schedule is None:
                return None
            request = Request(
                entity_name=saved.stored.entity_name,
                source_system=saved.stored.source_system,
                sync_type="incremental",
                connector_api_slug=saved.stored.connector_api_slug,
                page_size=MOST_ROWS_PER_PAGE,
            )
            registered = await history.register(connection, wanted.batch_uid, request)
            return await history.find(connection, wanted.batch_uid) if registered else None
