"""Reads the rows again that a bulk sync had to leave alone.

Idempotent: see activities.cards.rereading.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.cards.errors import OperationClosed
from activities.cards.rereading import BlueprintReader, Rereading
from activities.cards.showing import is_cheaper_by_export
from db.cards import lifecycle, staging
from db.session import Database
from workflows.cards.contracts import Manifest, OperationRef, Reread

# What is left over waits for the next sync.
_MOST_BLUEPRINTS = 5_000


class ContestedReread:
    """Settles the rows that a bulk sync had to leave alone."""

    def __init__(self, database: Database, reader: BlueprintReader) -> None:
        self._database = database
        self._reader = reader

    @activity.defn
    async def reread_contested(self, ref: OperationRef) -> Reread:
        """Re-read the blueprints whose rows the export could not settle; answers how many."""

        async def still_running(connection: AsyncConnection) -> None:
            current = await lifecycle.operation(connection, ref.operation_id, lock=True)
            if current is None or current.status != "running":
                raise OperationClosed

        blueprints = await self._blueprints(ref)
        if blueprints:
            many = await is_cheaper_by_export(self._database, ref.user_id, len(blueprints))
            reading = Rereading(ref.user_id, ref.operation_id, fence=still_running, by_export=many)
            await self._reader.read_again(reading, blueprints)
        return Reread(blueprints=len(blueprints))

    async def _blueprints(self, ref: OperationRef) -> list[int]:
        async with self._database.begin() as connection:
            current = await lifecycle.operation(connection, ref.operation_id)
            if current is None or current.status != "running":
                raise OperationClosed
            await lifecycle.note(connection, ref.operation_id, {"phase": "finishing"})
            manifest = Manifest.model_validate(current.operation_metadata["manifest"])
            return await staging.to_read_again(
                connection, ref.user_id, ref.operation_id, and_missing=not manifest.complete, most=_MOST_BLUEPRINTS
            )
