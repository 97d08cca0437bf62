"""The state of a sync as it is shown: the operation row, corrected by what Temporal knows when it answers.

Derived only: nothing here writes, and every answer can be given while Temporal and all workers are away.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from api.cards.errors import SyncNotFound
from api.cards.models import Failure, OperationInFlight, SyncCounts, SyncProgress
from api.cards.services import CardsServices
from api.cards.syncs import RunningSync
from api.errors import TemporalUnavailable
from api.temporal import GLANCE
from db.cards import operations, sellers
from db.cards.operations import Operation
from db.cards.sellers import Seller
from db.vault import SecretUnreadable
from domain.cards import progress, sync_errors

GRACE: Final = timedelta(seconds=30)
_INTERRUPTED: Final = progress.Failure("SYNC_INTERRUPTED", sync_errors.sentence("SYNC_INTERRUPTED"))


async def linked_seller(services: CardsServices, user_id: UUID) -> Seller:
    """The seller. Raises `SyncNotFound` when the account was never linked."""
    async with services.transaction() as connection:
        seller = await sellers.find(connection, user_id)
    if seller is None:
        raise SyncNotFound(user_id=str(user_id))
    return seller


def is_disconnected(services: CardsServices, seller: Seller) -> bool:
    """Whether its owner suspended it, or the stored token is blank or unreadable."""
    if seller.suspended_at is not None:
        return True
    try:
        return not services.vault.decrypt(seller.cardtrader_token_encrypted).strip()
    except SecretUnreadable:
        return True


def require_connected(services: CardsServices, seller: Seller | None) -> Seller:
    """The seller. Raises `SyncNotFound` when there is none, or nothing may be asked of CardTrader for it."""
    if seller is None:
        raise SyncNotFound
    if is_disconnected(services, seller):
        raise SyncNotFound("The account is disconnected. Link it again.", user_id=str(seller.user_id))
    return seller


async def latest_sync(services: CardsServices, user_id: UUID) -> Operation | None:
    """The seller's newest bulk sync as it is shown."""
    async with services.transaction() as connection:
        newest = await operations.newest_bulk(connection, user_id)
    return None if newest is None else await current(services, newest)


async def current(services: CardsServices, operation: Operation) -> Operation:
    """The operation with live counters, or as failed when it was interrupted."""
    if not operation.is_open or not operation.is_bulk:
        return operation
    if services.clock() - operation.created_at > GRACE and await _is_lost(services, operation):
        return await _reread(services, operation)
    async with services.transaction() as connection:
        counts = await operations.live_counts(connection, operation.operation_id)
    return dataclasses.replace(operation, story=operation.story.with_counts(counts))


async def glance(services: CardsServices, user_id: UUID) -> RunningSync | None:
    """The sync Temporal runs for the seller; None also when Temporal does not answer within a second."""
    try:
        return await services.syncs.running(user_id, timeout=GLANCE)
    except TemporalUnavailable:
        return None


async def _is_lost(services: CardsServices, operation: Operation) -> bool:
    try:
        running = await services.syncs.running(operation.user_id, timeout=GLANCE)
    except TemporalUnavailable:
        return False
    return running is None or not running.belongs_to(operation.operation_id)


async def _reread(services: CardsServices, operation: Operation) -> Operation:
    """Its workflow is gone: either it ended just now, and the row says how, or it was interrupted."""
    async with services.transaction() as connection:
        counts = await operations.live_counts(connection, operation.operation_id)
        again = await operations.find(connection, operation.user_id, operation.operation_id)
    again = again or operation
    if not again.is_open:
        return again
    story = again.story.with_counts(counts).interrupted(_INTERRUPTED)
    return dataclasses.replace(again, state="failed", story=story)


def failure(operation: Operation) -> Failure | None:
    """Why it ended without success, or what a person should know about it."""
    error = operation.story.error
    return None if error is None else Failure(code=error.code, message=error.message)


def counts(services: CardsServices, operation: Operation) -> SyncCounts:
    """Its counters."""
    return SyncCounts(**_numbers(services, operation))


def in_flight(services: CardsServices, operation: Operation) -> OperationInFlight:
    """An open operation in short."""
    numbers = progress.progress(operation.state, operation.story, services.clock())
    return OperationInFlight(
        task_id=operation.operation_id,
        type=operation.operation_type,
        state=operation.state,
        phase=numbers.phase,
        progress_percent=numbers.percent,
        created_at=operation.created_at,
    )


def sync_progress(services: CardsServices, operation: Operation) -> SyncProgress:
    """An operation with all its numbers."""
    numbers = progress.progress(operation.state, operation.story, operation.completed_at or services.clock())
    return SyncProgress(
        **_numbers(services, operation),
        user_id=operation.user_id,
        operation_id=operation.operation_id,
        status=progress.seed_status(operation.state),
        state=operation.state,
        phase=numbers.phase,
        dry_run=operation.story.dry_run,
        total_chunks=operation.story.total_chunks,
        processed_chunks=operation.story.processed_chunks,
        rate_per_second=numbers.rate_per_second,
        eta_seconds=numbers.eta_seconds,
        error=failure(operation),
        workflow_url=services.sync_page(operation.user_id),
        created_at=operation.created_at,
        completed_at=operation.completed_at,
    )


def _numbers(services: CardsServices, operation: Operation) -> dict[str, Any]:
    story = msgspec.structs.asdict(operation.story)
    percent = progress.progress(operation.state, operation.story, services.clock()).percent
    names = SyncCounts.model_fields.keys() - {"progress_percent"}
    return {**{name: story[name] for name in names}, "progress_percent": percent}
