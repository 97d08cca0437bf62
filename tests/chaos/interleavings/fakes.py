"""What stands in for servers that are judged elsewhere: the limiter, Temporal's client, threads."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from api.cards.account_work import AccountWork, Check
from api.cards.purchase_runs import PurchaseRuns
from api.cards.signalling import AccountSignals
from api.cards.syncs import AlreadyRunning, BulkSyncs, RunningSync
from api.cards.verification import LinkedAccount
from api.temporal import CALL
from db.cards.purchases import Purchase
from devstack.simulators.cardtrader.seller import Seller
from tests.chaos.interleavings.schedule import pause
from tests.chaos.interleavings.stand_in import StandIn
from tests.chaos.interleavings.story import Post
from workflows.cards.account import AccountWorkflow
from workflows.cards.bulk_sync import BulkSyncWorkflow
from workflows.cards.contracts import (
    CHANGES_PENDING,
    EVENTS_PENDING,
    AccountState,
    BulkSyncInput,
    PurchaseRef,
    ReconcileBlueprint,
    account_id,
    bulk_sync_id,
    purchase_id,
    reconcile_blueprint_id,
)
from workflows.cards.poking import Matter
from workflows.cards.purchase import PurchaseWorkflow
from workflows.cards.reconcile_blueprint import ReconcileBlueprintWorkflow

T = TypeVar("T")
_LOOKS: Final = 20


async def inline(call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`asyncio.to_thread` without a thread."""
    return call(*args, **kwargs)


class NoLimit:
    """A bucket and a breaker that let everything pass."""

    tolerance = 1.0

    async def acquire(self, _key: str, _klass: str) -> float:
        """At once."""
        return 0.0

    async def penalise(self, _key: str, _retry_after: float | None = None) -> float:
        """No penalty."""
        return 0.0

    async def check(self, _key: str) -> None:
        """Never open."""

    async def record(self, _key: str, ok: bool) -> None:
        """Forget it."""


class StandInSyncs(BulkSyncs):
    """Starts bulk syncs in the stand-in."""

    def __init__(self, engine: StandIn) -> None:
        self._engine = engine

    async def start(self, sync: BulkSyncInput) -> None:
        """Start."""
        if self._engine.start(BulkSyncWorkflow, sync, bulk_sync_id(sync.user_id)) is None:
            raise AlreadyRunning

    async def start_blueprint(self, request: ReconcileBlueprint) -> None:
        """Start."""
        name = reconcile_blueprint_id(request.user_id, request.blueprint_id)
        if self._engine.start(ReconcileBlueprintWorkflow, request, name) is None:
            raise AlreadyRunning

    async def running(
        self, user_id: UUID, *, blueprint_id: int | None = None, timeout: timedelta = CALL
    ) -> RunningSync | None:
        """Look."""
        run = self._engine.runs.get(_name(user_id, blueprint_id))
        return None if run is None else RunningSync(str(run.start.operation_id), str(id(run)), retrying=False)

    async def cancel(self, user_id: UUID, sync: RunningSync) -> None:
        """Ask this very one to stop."""
        if await self.running(user_id) == sync:
            self._engine.cancel(bulk_sync_id(user_id))

    async def ended(self, user_id: UUID, sync: RunningSync, *, blueprint_id: int | None = None) -> bool:
        """Wait for its end, or lose patience."""

        def gone() -> bool:
            return id(self._engine.runs.get(_name(user_id, blueprint_id))) != int(sync.first_run_id)

        return await self._engine.schedule.until(gone, may_time_out=True)


def _name(user_id: UUID, blueprint_id: int | None) -> str:
    return bulk_sync_id(user_id) if blueprint_id is None else reconcile_blueprint_id(user_id, blueprint_id)


class StandInAccounts(AccountWork):
    """Looks whether the account's workflow waits for an activity."""

    def __init__(self, engine: StandIn) -> None:
        self._engine = engine

    async def is_quiet(self, user_id: UUID) -> bool:
        """Look."""
        return not self._engine.working(account_id(user_id))

    async def until(self, check: Check) -> bool:
        """Look again and again; what it waits for may take its time."""
        for _ in range(_LOOKS):
            if await check():
                return True
            await pause("look again")
        return False


@dataclass
class Verifier:
    """CardTrader says whose token it is: always the account that is open."""

    seller: Seller

    async def verify(self, token: str) -> LinkedAccount:
        """The account; asked while anything else may happen."""
        await pause("verify the token")
        newest = max(self.seller.orders, default=0)
        await pause("the token was verified")
        return LinkedAccount(self.seller.spec.user_id, token, self.seller.secret, newest)


class StandInSignals(AccountSignals):
    """Pokes the account's workflow at once, or not at all."""

    def __init__(self, engine: StandIn, rng: random.Random, post: Post) -> None:
        self._engine, self._rng, self.post = engine, rng, post

    def notify(self, user_id: UUID, matter: Matter = "events") -> None:
        """Poke."""
        if self._rng.random() >= self.post.unsaid:
            state = AccountState(
                user_id=user_id, events_pending=matter == "events", changes_pending=matter == "changes"
            )
            signal = EVENTS_PENDING if matter == "events" else CHANGES_PENDING
            self._engine.signal_with_start(AccountWorkflow, state, account_id(user_id), signal)


class StandInPurchases(PurchaseRuns):
    """Starts purchases in the stand-in; a buyer waits, or loses patience whenever the seed likes."""

    def __init__(self, engine: StandIn, rng: random.Random) -> None:
        self._engine, self._rng = engine, rng

    async def ended(self, purchase: Purchase) -> bool:
        """Start or join, and wait."""
        name = purchase_id(purchase.user_id, purchase.idempotency_key)
        await self.start(purchase.user_id, purchase.operation_id, purchase.idempotency_key)
        return await self._engine.schedule.until(lambda: name not in self._engine.runs, may_time_out=True)

    async def start(self, user_id: UUID, operation_id: UUID, key: str) -> None:
        """As the relay does."""
        ref = PurchaseRef(user_id=user_id, operation_id=operation_id)
        self._engine.start(PurchaseWorkflow, ref, purchase_id(user_id, key))
