"""All sellers at once, for operators: accounts, syncs in flight, queues, dead letters. Ids and numbers only."""

from __future__ import annotations

import dataclasses
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.cards import state
from api.cards.deps import ServicesDep
from api.cards.models import OperationInFlight, SyncStatus
from api.cards.parameters import PREFIX
from api.cards.services import CardsServices
from api.deps import get_operator
from api.errors import documented
from db.cards import operations, overview
from db.cards.operations import Operation
from domain.cards import progress

MOST_SHOWN = 50

router = APIRouter(prefix=PREFIX, tags=["operator"])


class RunningSync(OperationInFlight):
    """A sync in flight, as its row has it."""

    user_id: UUID = Field(description="the seller")
    processed: int = Field(description="rows merged so far")
    total_products: int = Field(description="products in the export, 0 until it is staged")
    rate_per_second: float | None = Field(description="rows per second since merging began; null when unknown")
    eta_seconds: int | None = Field(description="seconds left at that rate; null when unknown")
    workflow_url: str | None = Field(description="its page in the Temporal Web UI; null without TEMPORAL_UI_URL")


class QueueDepth(BaseModel):
    """What waits."""

    waiting: int = Field(description="how much of it")
    oldest_seconds: float | None = Field(description="how long the oldest has waited; null: nothing waits")

    @classmethod
    def of(cls, queue: overview.Queue) -> QueueDepth:
        """As it is shown."""
        return cls(
            waiting=queue.waiting,
            oldest_seconds=None if queue.oldest is None else round(queue.oldest.total_seconds(), 1),
        )


class Queues(BaseModel):
    """What waits, of all sellers."""

    webhooks: QueueDepth = Field(description="events received and not processed")
    changes: QueueDepth = Field(description="changes not ended, those that wait for approval included")
    purchases: QueueDepth = Field(description="purchases not ended")


class Overview(BaseModel):
    """All sellers in numbers."""

    accounts: dict[SyncStatus, int] = Field(description="linked accounts by status")
    syncs: list[RunningSync] = Field(description="syncs in flight, newest first, fifty at most")
    queues: Queues = Field(description="what waits")
    failed_records: dict[str, int] = Field(description="open dead letters by context")


@router.get("/overview", dependencies=[Depends(get_operator)], responses=documented(401, 403))
async def show_overview(services: ServicesDep) -> Overview:
    """All sellers at once."""
    async with services.transaction() as connection:
        running = await operations.open_bulk(connection, most=MOST_SHOWN)
        live = await operations.live_counts_of(connection, [one.operation_id for one in running])
        queues = Queues(
            webhooks=QueueDepth.of(await overview.webhooks(connection)),
            changes=QueueDepth.of(await overview.changes(connection)),
            purchases=QueueDepth.of(await overview.buying(connection)),
        )
        accounts, letters = await overview.accounts(connection), await overview.open_letters(connection)
    counted = [_counted(one, live.get(one.operation_id)) for one in running]
    return Overview(
        accounts=accounts,
        syncs=[_running(services, one) for one in counted],
        queues=queues,
        failed_records=dict(letters),
    )


def _counted(operation: Operation, live: progress.Counts | None) -> Operation:
    return operation if live is None else dataclasses.replace(operation, story=operation.story.with_counts(live))


def _running(services: CardsServices, operation: Operation) -> RunningSync:
    numbers = progress.progress(operation.state, operation.story, services.clock())
    return RunningSync(
        **dict(state.in_flight(services, operation)),
        user_id=operation.user_id,
        processed=operation.story.processed,
        total_products=operation.story.total_products,
        rate_per_second=numbers.rate_per_second,
        eta_seconds=numbers.eta_seconds,
        workflow_url=services.sync_page(operation.user_id),
    )
