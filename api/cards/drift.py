"""Drift reports: what a reconciliation found different, and why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.cards.deps import ServicesDep
from api.cards.parameters import PREFIX, CursorQuery, LimitQuery, decode_cursor, next_cursor, page_size
from api.cards.services import CardsServices
from api.deps import OwnerDep
from api.errors import NotFound, documented
from db.cards import drift, operations
from db.cards.operations import Operation
from db.keyset import Position
from domain.cards.drift import DriftSummary as Summary
from domain.cards.progress import State

router = APIRouter(prefix=PREFIX, tags=["reconciliation"])

Kind = Literal["corrected", "missing", "extra"]
Cause = Literal["missed_webhook", "edited_on_cardtrader", "write_failed", "job_item_refused", "unknown"]


class DriftSummary(BaseModel):
    """A whole report in numbers of rows, exact."""

    equal: int = Field(description="rows that were equal")
    corrected: int = Field(description="rows with other values than CardTrader's")
    missing: int = Field(description="rows that CardTrader lacks")
    extra: int = Field(description="products that only CardTrader had")
    contested: int = Field(description="rows that were left to whoever was changing them, and not compared")
    missed_orders: int = Field(description="orders of which no webhook had told")
    causes: dict[Cause, int] = Field(description="rows by cause; a row counts for its most telling one")


class DriftEntry(BaseModel):
    """One difference."""

    kind: Kind = Field(description="corrected: another value; missing: CardTrader lacks it; extra: only there")
    blueprint_id: int = Field(description="CardTrader's id of the printed card or product")
    product_id: int = Field(description="CardTrader's product id")
    field: str = Field(description="the field, properties.<name> for a property; empty for a whole row")
    old: Any = Field(description="our value before; null for extra")
    new: Any = Field(description="CardTrader's value; null for missing")
    cause: Cause = Field(description="why, as far as that can be told")


class DriftReport(BaseModel):
    """What one reconciliation found. Details are kept of some ten thousand differences and of the latest reports."""

    user_id: UUID = Field(description="the seller")
    operation_id: str = Field(description="the reconciliation, the same as its task_id")
    state: State = Field(description="how it ended")
    dry_run: bool = Field(description="whether it only reported")
    blueprint_id: int | None = Field(description="the only blueprint it looked at; null: all")
    created_at: datetime = Field(description="when it was accepted")
    completed_at: datetime | None = Field(description="when it ended")
    summary: DriftSummary = Field(description="in numbers of rows")
    items: list[DriftEntry] = Field(description="the differences of this page, in the order in which they were found")
    next_cursor: str | None = Field(description="`cursor` of the next page; null when this is the last")


@router.get("/drift/{user_id}", responses=documented(400, 401, 403, 404, 422))
async def drift_report(
    user_id: OwnerDep,
    services: ServicesDep,
    operation_id: Annotated[UUID | None, Query(description="an earlier report; the latest unless given")] = None,
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
    kind: Annotated[Kind | None, Query(description="only this kind")] = None,
    cause: Annotated[Cause | None, Query(description="only this cause")] = None,
) -> DriftReport:
    """The report of the seller's latest reconciliation, or of an earlier one."""
    size, after = page_size(limit), decode_cursor(cursor)
    operation, summary = await _reporting(services, user_id, operation_id)
    async with services.transaction() as connection:
        rows = await drift.page(
            connection, operation.operation_id, limit=size, kind=kind, cause=cause, after=after and after.id
        )
    return DriftReport(
        user_id=user_id,
        operation_id=operation.operation_id,
        state=operation.state,
        dry_run=operation.story.dry_run,
        blueprint_id=operation.story.blueprint_id,
        created_at=operation.created_at,
        completed_at=operation.completed_at,
        summary=DriftSummary(**msgspec.structs.asdict(summary)),
        items=[DriftEntry(**asdict(row)) for row in rows],
        next_cursor=next_cursor([Position(operation.created_at, row.id) for row in rows], size),
    )


async def _reporting(services: CardsServices, user_id: UUID, operation_id: UUID | None) -> tuple[Operation, Summary]:
    """The operation behind a report; someone else's is as unknown as none."""
    async with services.transaction() as connection:
        wanted = str(operation_id) if operation_id else await drift.newest_report(connection, user_id)
        found = await operations.find(connection, user_id, wanted) if wanted else None
    if found is None or found.story.drift is None:
        raise NotFound("There is no drift report (yet).", resource_type="drift_report", resource_id=wanted)
    return found, found.story.drift
