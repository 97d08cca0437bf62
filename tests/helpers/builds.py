"""Workers of a build: the real workflows of cards with scripted activities, on the queues of the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from temporalio.client import Client
from temporalio.worker import Worker

from process import deployed_build
from settings import Settings
from tests.helpers.fake_account import FakeAccount
from tests.helpers.fake_cards import FakeCards
from tests.helpers.fake_reconciliation import FakeAccounts
from workflows.cards.account import AccountWorkflow
from workflows.cards.bulk_sync import BulkSyncWorkflow
from workflows.cards.reconcile import ReconcileSweepWorkflow
from workflows.task_queues import HIGH_PRIORITY

WORKFLOWS = (AccountWorkflow, BulkSyncWorkflow, ReconcileSweepWorkflow)


@dataclass
class Build:
    """What workers of one image do; `id` "" tells no builds apart."""

    id: str = ""
    workflows: Sequence[type] = WORKFLOWS
    cards: FakeCards = field(default_factory=lambda: FakeCards(chunks=3))
    account: FakeAccount = field(default_factory=FakeAccount)
    sweep: FakeAccounts = field(default_factory=lambda: FakeAccounts(0))

    @asynccontextmanager
    async def running(self, client: Client) -> AsyncIterator[None]:
        """A worker per queue, as worker.py sets them up, shut down without grace at the end."""
        settings = Settings(environment="test", worker_build_id=self.id, _env_file=None)
        others = self.sweep.by_queue() | {HIGH_PRIORITY: self.account.activities()}
        async with AsyncExitStack() as stack:
            for queue, activities in self.cards.by_queue().items():
                worker = Worker(
                    client,
                    task_queue=queue,
                    workflows=self.workflows if queue == HIGH_PRIORITY else (),
                    activities=[*activities, *others.get(queue, ())],
                    deployment_config=deployed_build(settings),
                )
                await stack.enter_async_context(worker)
            yield
