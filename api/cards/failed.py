"""The dead letters of an account: records that could not be used, tried again or settled by hand.

Tried again is what can be read again at CardTrader. A change or purchase whose outcome is unknown never is: sending
it a second time may do it twice.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api.cards.deps import ServicesDep
from api.cards.errors import NotRepeatable
from api.cards.parameters import PREFIX, CursorQuery, LimitQuery, decode_cursor, next_cursor, page_size
from api.cards.services import CardsServices
from api.cards.starting import start_sync
from api.cards.state import linked_seller, require_connected
from api.deps import OwnerDep
from api.errors import NotFound, documented
from api.parameters import MAX_BIGINT, Text
from db import failed_records
from db.cards import inbox, stock
from db.failed_records import FailedRecord
from db.keyset import Position
from domain.cards.retrying import blueprint_of, remedy

router = APIRouter(prefix=PREFIX, tags=["audit"])

RecordId = Annotated[int, Path(ge=1, le=MAX_BIGINT, description="id of the record")]

_CONTEXT: Final = "cards"


class FailedRecordEntry(BaseModel):
    """One record that could not be used."""

    id: int = Field(description="id of the record")
    operation_id: str = Field(description="the operation that met it last")
    subject: str = Field(description="what failed: a product id, a chunk")
    stage: str = Field(description="where it failed")
    reason: str = Field(description="why")
    retries: int = Field(description="how often it was met again")
    created_at: datetime = Field(description="when it was met first")
    updated_at: datetime = Field(description="when it was met last")
    resolved_at: datetime | None = Field(description="when it was settled; null while open")
    resolved_by: str | None = Field(description="who or what settled it")


class FailedRecordPage(BaseModel):
    """Failed records, newest first."""

    user_id: UUID = Field(description="the seller")
    records: list[FailedRecordEntry] = Field(description="the rows of this page")
    next_cursor: str | None = Field(description="`cursor` of the next page; null when this is the last")


class RetryAccepted(BaseModel):
    """The record is taken up again; it is settled once it could be used."""

    status: Literal["accepted"] = Field("accepted", description="always accepted")
    record_id: int = Field(description="id of the record")
    user_id: UUID = Field(description="the seller")
    task_id: str | None = Field(description="the sync that takes it up; null when only its blueprint is read again")
    message: str = Field(description="one sentence")


@router.get("/failed-records/{user_id}", responses=documented(400, 401, 403, 422))
async def list_failed_records(
    user_id: OwnerDep,
    services: ServicesDep,
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
    stage: Annotated[Text | None, Query(min_length=1, max_length=50, description="only this stage")] = None,
    resolution: Annotated[Literal["open", "resolved"] | None, Query(description="only open or only settled")] = None,
) -> FailedRecordPage:
    """The seller's records that could not be used."""
    size, after = page_size(limit), decode_cursor(cursor)
    async with services.transaction() as connection:
        rows = await failed_records.list_for(
            connection, user_id, context=_CONTEXT, limit=size, stage=stage, resolution=resolution, after=after
        )
    return FailedRecordPage(
        user_id=user_id,
        records=[FailedRecordEntry(**asdict(row)) for row in rows],
        next_cursor=next_cursor([Position(row.created_at, row.id) for row in rows], size),
    )


@router.post("/failed-records/{user_id}/{record_id}/resolve", responses=documented(400, 401, 403, 404, 422))
async def resolve_failed_record(user_id: OwnerDep, record_id: RecordId, services: ServicesDep) -> FailedRecordEntry:
    """Settle a record by hand; one that is settled stays as it is."""
    async with services.transaction() as connection:
        record = await failed_records.resolve(connection, user_id, record_id, context=_CONTEXT, by="seller")
    return FailedRecordEntry(**asdict(_known(record, record_id)))


@router.post(
    "/failed-records/{user_id}/{record_id}/retry", status_code=202, responses=documented(400, 401, 403, 404, 409, 422)
)
async def retry_failed_record(user_id: OwnerDep, record_id: RecordId, services: ServicesDep) -> RetryAccepted:
    """Try a record again: read its blueprint at CardTrader, or the whole stock where the blueprint is not known."""
    async with services.transaction() as connection:
        record = _known(await failed_records.find(connection, user_id, record_id, context=_CONTEXT), record_id)
    _require_open(record)
    seller = require_connected(services, await linked_seller(services, user_id))
    if remedy(record.stage) == "reread" and await _reread(services, user_id, record):
        message = "The blueprint of the record is read again"
        return RetryAccepted(record_id=record_id, user_id=user_id, task_id=None, message=message)
    task_id = str(await start_sync(services, seller))
    return RetryAccepted(record_id=record_id, user_id=user_id, task_id=task_id, message="A sync takes the record up")


def _known(record: FailedRecord | None, record_id: int) -> FailedRecord:
    if record is None:
        raise NotFound("Failed record not found", resource_type="failed_record", resource_id=record_id)
    return record


def _require_open(record: FailedRecord) -> None:
    if record.resolved_at is not None:
        raise NotRepeatable("The record is settled already.", record_id=record.id)
    if remedy(record.stage) is None:
        raise NotRepeatable(
            "Whether CardTrader did it is not known, so it is not sent again. Look there, then resolve the record.",
            record_id=record.id,
            stage=record.stage,
        )


async def _reread(services: CardsServices, user_id: UUID, record: FailedRecord) -> bool:
    """Ask the account's workflow for a re-read, as a webhook would; False when the blueprint is not known."""
    async with services.transaction() as connection:
        blueprint_id = blueprint_of(await failed_records.raw(connection, record.id))
        blueprint_id = blueprint_id or await stock.blueprint_of(connection, user_id, record.subject)
        if blueprint_id is None:
            return False
        await inbox.request_reread(
            connection,
            user_id,
            f"retry:{record.id}:{services.new_id()}",
            [blueprint_id],
            cause="record.retry",
            body_encrypted=services.vault.encrypt_bytes(b"{}"),
        )
    services.signals.notify(user_id)
    return True
