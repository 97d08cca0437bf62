"""What happened to an account: its operations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.cards import state
from api.cards.deps import ServicesDep
from api.cards.models import Failure, SyncCounts
from api.cards.parameters import PREFIX, CursorQuery, LimitQuery, decode_cursor, next_cursor, page_size
from api.cards.services import CardsServices
from api.deps import OwnerDep
from api.errors import documented
from api.parameters import Instant
from db.cards import operations
from db.cards.operations import Operation
from db.keyset import Position
from domain.cards.progress import Projection, State

router = APIRouter(prefix=PREFIX, tags=["audit"])

Action = Literal["create", "update", "delete"]
OperationType = Literal["bulk_sync", "periodic_sync", "update", "delete", "purchase", "webhook"]


class RecordedChanges(BaseModel):
    """What became of the changes of an operation that has ended."""

    changes: int = Field(description="how many there were")
    verified: int = Field(description="read back from CardTrader as asked for")
    failed: int = Field(description="not made; `/task/{task_id}` says why")
    cancelled: int = Field(description="given up before they were sent")


class OperationEntry(BaseModel):
    """One operation."""

    operation_id: str = Field(description="public id, the same as task_id")
    type: OperationType = Field(description="what it was")
    state: State = Field(description="how it stands, as recorded")
    counts: SyncCounts = Field(description="counters of a sync, as recorded at its end")
    action: Action | None = Field(description="what a change of the seller's own does; new listings are of type update")
    item_id: int | None = Field(description="our id of the row that is changed or sold")
    changes: RecordedChanges | None = Field(description="of the seller's own changes, once all of them have ended")
    error: Failure | None = Field(description="why it ended without success")
    created_at: datetime = Field(description="when it was accepted")
    completed_at: datetime | None = Field(description="when it ended")


class OperationPage(BaseModel):
    """Operations, newest first."""

    user_id: UUID = Field(description="the seller")
    operations: list[OperationEntry] = Field(description="the rows of this page")
    next_cursor: str | None = Field(description="`cursor` of the next page; null when this is the last")


@router.get("/operations/{user_id}", responses=documented(400, 401, 403, 422))
async def list_operations(
    user_id: OwnerDep,
    services: ServicesDep,
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
    type: Annotated[list[OperationType] | None, Query(description="only these types")] = None,
    state: Annotated[list[State] | None, Query(description="only these states")] = None,
    since: Annotated[Instant | None, Query(description="only operations accepted at or after this time")] = None,
) -> OperationPage:
    """The seller's operations."""
    size, after = page_size(limit), decode_cursor(cursor)
    async with services.transaction() as connection:
        rows = await operations.list_for(
            connection, user_id, limit=size, types=type or (), states=state or (), since=since, after=after
        )
    return OperationPage(
        user_id=user_id,
        operations=[_entry(services, row) for row in rows],
        next_cursor=next_cursor([Position(row.created_at, row.id) for row in rows], size),
    )


def _entry(services: CardsServices, operation: Operation) -> OperationEntry:
    return OperationEntry(
        operation_id=operation.operation_id,
        type=operation.operation_type,
        state=operation.state,
        counts=state.counts(services, operation),
        action=operation.story.action,
        item_id=operation.story.item_id,
        changes=_changes(operation.story),
        error=state.failure(operation),
        created_at=operation.created_at,
        completed_at=operation.completed_at,
    )


def _changes(story: Projection) -> RecordedChanges | None:
    if not story.changes:
        return None
    return RecordedChanges(
        changes=story.changes, verified=story.verified, failed=story.failed, cancelled=story.cancelled
    )
