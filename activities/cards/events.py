"""Works off the webhook inbox: what is pending, its re-read, its outcome.

Idempotent: events are named by id, a settled one is neither read nor settled again, and a re-read may repeat.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from temporalio import activity

from activities.cards.rereading import BlueprintReader, Rereading
from activities.cards.showing import is_cheaper_by_export
from db.cards import inbox, lifecycle
from db.session import Database
from domain.cards.sync_errors import sentence
from workflows.cards.contracts import MOST_EVENTS, AccountRef, EventBatch, Reread, Settled, SuspendAccount

_NAMESPACE = UUID("5b6f9f43-61f5-4a19-9a4b-2f3f3f4f2c11")


class AccountEvents:
    """The activities of the account workflow that deal with webhooks."""

    def __init__(self, database: Database, reader: BlueprintReader) -> None:
        self._database = database
        self._reader = reader

    @activity.defn
    async def take_events(self, ref: AccountRef) -> EventBatch:
        """The oldest pending events; none while the account has to be linked again."""
        async with self._database.begin() as connection:
            event_ids = await inbox.take(connection, ref.user_id, MOST_EVENTS)
        return EventBatch(user_id=ref.user_id, event_ids=event_ids)

    @activity.defn
    async def reread_events(self, batch: EventBatch) -> Reread:
        """Read again, before any bulk work, the blueprints the events name; answers how many."""
        async with self._database.begin() as connection:
            blueprints = await inbox.blueprints(connection, batch.user_id, batch.event_ids)
        if blueprints:
            name = uuid5(_NAMESPACE, f"{batch.user_id}:{batch.event_ids[0]}")
            many = await is_cheaper_by_export(self._database, batch.user_id, len(blueprints))
            reading = Rereading(batch.user_id, name, "interactive", by_export=many)
            await self._reader.read_again(reading, blueprints)
        return Reread(blueprints=len(blueprints))

    @activity.defn
    async def settle_events(self, batch: EventBatch) -> Settled:
        """Note that the events' blueprints were read again."""
        async with self._database.begin() as connection:
            return Settled(events=await inbox.settle(connection, batch.user_id, batch.event_ids))

    @activity.defn
    async def suspend_account(self, request: SuspendAccount) -> None:
        """Show the seller why nothing goes on; the events stay pending."""
        async with self._database.begin() as connection:
            await lifecycle.close_account(connection, request.user_id, error=sentence(request.code), synced=False)
