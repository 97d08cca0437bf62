"""The outgoing half of the account workflow: which step comes next with the seller's changes, and its doing.

Idempotent: where a batch stands is in the database. Each step moves on the changes that are in its state, commits
before and after every request that changes something, and may be repeated or be interrupted anywhere.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from typing import Final
from uuid import UUID, uuid4, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.cards.news import SaleNews
from activities.cards.rereading import BlueprintReader, Rereading
from activities.cards.sending import ChangeSender
from activities.cards.settling import ChangeSettler
from activities.cards.showing import is_cheaper_by_export
from activities.cards.verifying import ChangeVerifier
from activities.support import beating, postponing
from clients.cardtrader import CardTraderClient
from clients.token_bucket import Klass
from db.cards import change_batches, change_queue, lifecycle, plans
from db.cards.change_batches import Standing
from db.cards.change_queue import Sent
from db.session import Database
from domain.cards.changes import FEW, MOST_IN_CALL, next_call
from domain.cards.pace import Patience, Work, next_work, wait_seconds
from workflows.cards.contracts import AccountRef, ChangeBatch, ChangeStep, Progressed, Reread

_NAMESPACE: Final = UUID("0b0f5f1c-6f1e-4d8e-8f0a-6b1f1f0a7c55")
_MOST_CHANGES: Final = 10_000
_MOST_BLUEPRINTS: Final = 200
_TOMBSTONE_AGE: Final = timedelta(minutes=30)
_JOB_GIVEN_UP: Final = timedelta(hours=1)


class AccountChanges:
    """The activities of the account workflow that deal with changes."""

    def __init__(
        self,
        database: Database,
        reader: BlueprintReader,
        *,
        writes_enabled: bool,
        patience: Patience | None = None,
    ) -> None:
        self._database, self._reader = database, reader
        self._writes_enabled = writes_enabled
        self._patience = patience or Patience()
        skew = timedelta(seconds=self._patience.skew)
        self._sender = ChangeSender(database)
        self._settler = ChangeSettler(database, SaleNews(database, reader.vault), skew=skew)

    @activity.defn
    async def take_changes(self, ref: AccountRef) -> ChangeStep:
        """What comes next; takes a new batch when none is open. Nothing for an account that cannot be worked on."""
        async with self._database.begin() as connection:
            if not await change_batches.lock_seller(connection, ref.user_id):
                return ChangeStep(user_id=ref.user_id)
            standing = await change_batches.standing(connection, ref.user_id)
            if standing is None and self._writes_enabled:
                standing = await self._new_batch(connection, ref.user_id)
            step = self._step(ref, standing)
            if step.work == "none" and await change_batches.uncertain_blueprints(connection, ref.user_id, most=1):
                return ChangeStep(user_id=ref.user_id, work="reread")
            return step

    async def _new_batch(self, connection: AsyncConnection, user_id: UUID) -> Standing | None:
        await plans.hold(connection, user_id)
        await change_batches.purge_tombstones(connection, user_id, age=_TOMBSTONE_AGE)
        taken = await change_batches.stamp(connection, user_id, uuid4(), most=_MOST_CHANGES)
        return await change_batches.standing(connection, user_id) if taken else None

    def _step(self, ref: AccountRef, standing: Standing | None) -> ChangeStep:
        if standing is None:
            return ChangeStep(user_id=ref.user_id)
        work = next_work(
            waiting=standing.waiting if self._writes_enabled else 0,
            slow=standing.differences,
            in_job=standing.in_job,
            unknown=standing.unknown,
            done=standing.changes - standing.waiting - standing.in_job - standing.unknown,
        )
        if work == "none":
            return ChangeStep(user_id=ref.user_id)
        return ChangeStep(
            user_id=ref.user_id,
            work=work,
            batch_id=standing.batch_id,
            changes=standing.changes,
            wait_seconds=self._wait(work, standing),
        )

    def _wait(self, work: Work, standing: Standing) -> int:
        if work == "follow":
            return self._patience.look_seconds
        if work != "settle" or standing.sent_at is None:
            return 0
        since, listings = standing.now - standing.sent_at, standing.unknown_listings > 0
        return wait_seconds(self._patience, since, attempts=standing.attempts, listings=listings)

    @activity.defn
    async def send_changes(self, batch: ChangeBatch) -> Progressed:
        """Send the oldest waiting changes: some, one by one, or one bulk call."""
        async with self._database.begin() as connection:
            waiting = await change_queue.waiting(connection, batch.user_id, batch.batch_id, most=MOST_IN_CALL)
        call = next_call(waiting)
        if call.changes:
            client = await self._client(batch, "interactive" if len(waiting) <= FEW else "bulk")
            with postponing():
                async with beating():
                    await self._sender.send(client, batch.user_id, call)
        return Progressed(user_id=batch.user_id, changes=len(call.changes))

    @activity.defn
    async def follow_job(self, batch: ChangeBatch) -> Progressed:
        """Look at the batch's job once; record its results when it is over. How many changes that decided."""
        async with self._database.begin() as connection:
            sent = await change_queue.in_job(connection, batch.user_id, batch.batch_id)
        client = await self._client(batch, "bulk")
        moved = 0
        for job_uuid, items in groupby(sent, key=lambda one: one.job_uuid):
            moved += await self._look(client, job_uuid, list(items)) if job_uuid else 0
        return Progressed(user_id=batch.user_id, changes=moved)

    async def _look(self, client: CardTraderClient, job_uuid: UUID, sent: list[Sent]) -> int:
        with postponing():
            job = await client.job(job_uuid)
        if not (job.is_over or await self._is_hopeless(sent)):
            return 0
        await self._settler.by_job(sent, job)
        return len(sent)

    async def _is_hopeless(self, sent: list[Sent]) -> bool:
        async with self._database.begin() as connection:
            return await lifecycle.now(connection) - sent[0].sent_at > _JOB_GIVEN_UP

    @activity.defn
    async def settle_changes(self, batch: ChangeBatch) -> Progressed:
        """Look in CardTrader's stock for what became of changes whose answer is lost."""
        async with self._database.begin() as connection:
            sent = await change_queue.unknown(connection, batch.user_id, batch.batch_id, most=MOST_IN_CALL)
        if sent:
            client = await self._client(batch, "interactive")
            with postponing():
                async with beating():
                    await self._settler.by_stock(client, batch.user_id, sent)
        return Progressed(user_id=batch.user_id, changes=len(sent))

    @activity.defn
    async def verify_changes(self, batch: ChangeBatch) -> Progressed:
        """Read again what CardTrader took or refused, and end these changes."""
        verifier = ChangeVerifier(batch.user_id, batch.batch_id)
        async with self._database.begin() as connection:
            blueprints = await change_queue.blueprints(connection, batch.user_id, batch.batch_id)
        many = await is_cheaper_by_export(self._database, batch.user_id, len(blueprints))
        reading = Rereading(
            batch.user_id,
            batch.batch_id,
            "bulk" if many else "interactive",
            witness=verifier.witness,
            by_export=many,
        )
        await self._reader.read_again(reading, blueprints)
        async with self._database.begin() as connection:
            await verifier.give_up(connection)
        return Progressed(user_id=batch.user_id, changes=verifier.ended)

    @activity.defn
    async def reread_uncertain(self, ref: AccountRef) -> Reread:
        """Read rows again that nothing else would settle."""
        async with self._database.begin() as connection:
            blueprints = await change_batches.uncertain_blueprints(connection, ref.user_id, most=_MOST_BLUEPRINTS)
        if blueprints:
            name = uuid5(_NAMESPACE, str(ref.user_id))
            await self._reader.read_again(Rereading(ref.user_id, name, "interactive"), blueprints)
        return Reread(blueprints=len(blueprints))

    async def _client(self, batch: ChangeBatch, klass: Klass) -> CardTraderClient:
        return await self._reader.client(batch.user_id, klass)
