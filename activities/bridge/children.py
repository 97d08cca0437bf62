"""Finds what waits and is due: children of missing parents, and dead letters that may go by now.

Idempotent: one batch per entity is open at a time, and a repeat answers those that were registered and not begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from db.bridge import batches, children, configuration, history, letters
from db.bridge.record_state import Scope
from db.session import Database
from domain.pipeline.definition import definition
from domain.pipeline.dependencies import in_order
from workflows.bridge.contracts import BatchRun, ChildrenBatches, Round, SyncType

PAGE: Final = 1_000
BY: Final = "bridge-children"


class DueRows:
    """Registers batches for rows that are due."""

    def __init__(self, database: Database, new_uid: Callable[[], UUID] = uuid4) -> None:
        self._database = database
        self._new_uid = new_uid

    @activity.defn
    async def open_children_batches(self, request: Round) -> ChildrenBatches:
        """One batch per entity with due rows and none under way, parents first; raises database errors."""
        async with self._database.begin() as connection:
            for scope, sync_type in list((await _due(connection)).items())[: request.most]:
                await self._register(connection, scope, sync_type)
            waiting = await batches.pending_of(connection, BY, most=request.most)
            place = await _places(connection, {scope.entity_name for _, scope, _ in waiting})
        ordered = sorted(waiting, key=lambda batch: place.get(batch[1].entity_name, 0))
        return ChildrenBatches(batches=[_run(*batch) for batch in ordered])

    async def _register(self, connection: AsyncConnection, scope: Scope, sync_type: SyncType) -> None:
        stored = await configuration.load(connection, scope.entity_name)
        if stored is None or not await configuration.is_enabled(connection, scope.entity_name):
            return
        request = history.Request(
            entity_name=scope.entity_name,
            source_system=scope.source_system,
            sync_type=sync_type,
            connector_api_slug=stored.connector_api_slug,
            page_size=PAGE,
            requested_by=BY,
            selection={"due": True} if sync_type == "retry" else None,
        )
        # Where a batch of the entity is under way, the next round finds the rows again.
        await history.register(connection, self._new_uid(), request)


async def _due(connection: AsyncConnection) -> dict[Scope, SyncType]:
    """Whose rows are due; of one entity its children before its letters."""
    found: dict[Scope, SyncType] = dict.fromkeys(await letters.due_scopes(connection), "retry")
    return {**found, **dict.fromkeys(await children.due_scopes(connection), "children")}


async def _places(connection: AsyncConnection, names: Iterable[str]) -> dict[str, int]:
    """Where each entity stands when parents come before their children."""
    stored = [await configuration.load(connection, name) for name in sorted(names)]
    entities = [definition(one).entity for one in stored if one is not None]
    return {name: place for place, name in enumerate(in_order(entities))}


def _run(uid: UUID, scope: Scope, sync_type: str) -> BatchRun:
    return BatchRun(
        batch_uid=uid,
        source_system=scope.source_system,
        entity_name=scope.entity_name,
        sync_type="retry" if sync_type == "retry" else "children",
    )
