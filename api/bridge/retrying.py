"""Trying dead letters again: rows enter at the stage that failed them, with the mapping of today.

Each entity's letters are one batch of type `retry`; the answer counts what became of their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.bridge.batch_models import LARGEST_PAGE, EntityRef
from api.bridge.deps import OperatorDep, ServicesDep
from api.bridge.errors import BatchInProgress
from api.bridge.mapping_models import Body
from api.bridge.parameters import PREFIX
from api.bridge.services import BridgeServices
from api.bridge.starting import launch
from api.errors import documented
from db.bridge import entities, history, retrying
from db.bridge.history import Batch, Request
from db.bridge.letters import Selection
from db.bridge.record_state import Scope

router = APIRouter(prefix=PREFIX, tags=["sync"])

Obstacle = Literal["BATCH_IN_PROGRESS", "ENTITY_NOT_FOUND", "ENTITY_DISABLED"]


class RetryBody(Body):
    """Which letters; what is left out does not narrow."""

    batch_uid: UUID | None = Field(None, description="only those of this batch")
    entity_name: EntityRef | None = Field(None, description="only those of this entity")
    max_retries: int | None = Field(
        None, ge=1, le=10, description="only those that were met again less often; null: the limit of each"
    )
    limit: int = Field(100, ge=1, le=1000, description="at most so many, the oldest first")


class NotRetried(BaseModel):
    """An entity whose letters cannot be tried now."""

    entity_name: str = Field(description="the entity")
    code: Obstacle = Field(description="why")


class RetryOutcome(BaseModel):
    """What became of the letters that were tried again."""

    success: Literal[True] = Field(True, description="always true")
    message: str = Field(description="one sentence")
    finished: bool = Field(description="false: batches still run, and the counts are of now")
    records_retried: int = Field(description="letters that were tried")
    records_resolved: int = Field(description="those whose row was used, is unchanged, or waits for its parent")
    records_still_failed: int = Field(description="those whose row failed again, or was not reached")
    batch_uids: list[UUID] = Field(description="the batches, one per entity")
    not_retried: list[NotRetried] = Field(description="entities whose letters could not be tried now")


@dataclass(frozen=True, slots=True)
class _Launched:
    batch: Batch
    letters: int


@router.post(
    "/sync/retry-failed",
    responses={202: {"model": RetryOutcome, "description": "batches still run"}, **documented(400, 401, 403, 413, 422)},
)
async def retry_failed(
    body: RetryBody, services: ServicesDep, operator: OperatorDep, response: Response
) -> RetryOutcome:
    """Try open letters again, and wait up to twenty seconds for what becomes of them."""
    wanted = retrying.Wanted(body.batch_uid, body.entity_name, body.max_retries)
    async with services.transaction() as connection:
        found = await retrying.candidates(connection, wanted, most=body.limit)
    launched, refused = [], []
    for scope, letters in found.items():
        one = await _launch(services, scope, letters, str(operator.user_id))
        if isinstance(one, NotRetried):
            refused.append(one)
        else:
            launched.append(one)
    outcome = await _outcome(services, launched, refused)
    response.status_code = 200 if outcome.finished else 202
    return outcome


async def _launch(services: BridgeServices, scope: Scope, letters: Sequence[int], by: str) -> _Launched | NotRetried:
    async with services.transaction() as connection:
        saved = await entities.find(connection, scope.entity_name)
    if saved is None or saved.stored.source_system != scope.source_system:
        return NotRetried(entity_name=scope.entity_name, code="ENTITY_NOT_FOUND")
    if not saved.sync_enabled:
        return NotRetried(entity_name=scope.entity_name, code="ENTITY_DISABLED")
    request = Request(
        entity_name=scope.entity_name,
        source_system=scope.source_system,
        sync_type="retry",
        connector_api_slug=saved.stored.connector_api_slug,
        page_size=LARGEST_PAGE,
        requested_by=by,
        selection=msgspec.to_builtins(Selection(letter_ids=letters)),
    )
    try:
        return _Launched(await launch(services, request), len(letters))
    except BatchInProgress:
        return NotRetried(entity_name=scope.entity_name, code="BATCH_IN_PROGRESS")


async def _outcome(services: BridgeServices, launched: Sequence[_Launched], refused: list[NotRetried]) -> RetryOutcome:
    uids = [one.batch.uid for one in launched]
    finished = await services.batches.until(lambda: _all_ended(services, uids)) if uids else True
    retried = sum(one.letters for one in launched)
    used = sum(batch.metrics.rows_fetched - batch.metrics.rows_failed for batch in await _batches(services, uids))
    return RetryOutcome(
        message=f"Retried {retried} records" if finished else f"Retrying {retried} records",
        finished=finished,
        records_retried=retried,
        records_resolved=used,
        records_still_failed=retried - used,
        batch_uids=uids,
        not_retried=refused,
    )


async def _all_ended(services: BridgeServices, uids: Sequence[UUID]) -> bool:
    return not any(batch.is_open for batch in await _batches(services, uids))


async def _batches(services: BridgeServices, uids: Sequence[UUID]) -> list[Batch]:
    async with services.transaction() as connection:
        return await history.those(connection, uids)
