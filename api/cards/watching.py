"""Watching a sync: status of the account, progress of its latest sync (also as a stream), state of one task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.cards import state
from api.cards.deps import ServicesDep
from api.cards.models import (
    AccountStatus,
    ChangeCounts,
    NoSync,
    SyncProgress,
    TaskState,
    TaskStatus,
    UnmadeChange,
)
from api.cards.parameters import PREFIX
from api.cards.services import CardsServices
from api.deps import OwnerDep, PrincipalDep
from api.errors import ApiError, NotFound, documented, documented_as_json
from db.cards import change_reports, operations
from db.cards.operations import Operation
from domain.cards.progress import SUCCEEDED

router = APIRouter(prefix=PREFIX, tags=["sync"])

_MESSAGES: Final[dict[TaskStatus, str]] = {
    "PENDING": "Task is waiting to be processed",
    "STARTED": "Task is currently running",
    "RETRY": "Task is being retried",
    "SUCCESS": "Task completed successfully",
    "FAILURE": "Task failed",
}
_HELD: Final = "Task waits for the approval of a plan"
_UNSTEADY: Final = frozenset({"rate_per_second", "eta_seconds"})


@router.get("/status/{user_id}", responses=documented(400, 401, 403, 404, 422))
async def status(user_id: OwnerDep, services: ServicesDep) -> AccountStatus:
    """Status of the seller's account."""
    seller = await state.linked_seller(services, user_id)
    newest = await state.latest_sync(services, user_id)
    answer = AccountStatus(
        user_id=user_id,
        sync_status=seller.sync_status,
        last_sync_at=seller.last_sync_at,
        last_error=seller.last_error,
        disconnected=True if state.is_disconnected(services, seller) else None,
    )
    if newest is None:
        return answer
    return answer.model_copy(update=_of_newest(services, newest, answer))


def _of_newest(services: CardsServices, newest: Operation, answer: AccountStatus) -> dict[str, object]:
    if newest.is_open:
        return {"operation": state.in_flight(services, newest)}
    error = newest.story.error
    if answer.sync_status == "initial_sync" and error is not None:
        # The row still says running, but nothing runs: show what the next sync will find.
        return {"sync_status": "error", "last_error": error.message}
    return {}


@router.get("/progress/{user_id}", responses=documented(400, 401, 403, 422))
async def progress(user_id: OwnerDep, services: ServicesDep) -> SyncProgress | NoSync:
    """Live numbers of the seller's latest sync."""
    newest = await state.latest_sync(services, user_id)
    return NoSync(user_id=user_id) if newest is None else state.sync_progress(services, newest)


async def get_latest(user_id: OwnerDep, services: ServicesDep) -> Operation | None:
    """Read before the stream begins, so that a failure still has a status code."""
    return await state.latest_sync(services, user_id)


@router.get(
    "/progress/{user_id}/stream", response_class=EventSourceResponse, responses=documented_as_json(400, 401, 403, 422)
)
async def stream(
    user_id: OwnerDep, services: ServicesDep, latest: Annotated[Operation | None, Depends(get_latest)]
) -> AsyncIterable[ServerSentEvent]:
    """The same as server-sent events `progress`, one per change, until the sync has ended; `error` on a failure."""
    if latest is None:
        yield ServerSentEvent(data=NoSync(user_id=user_id), event="progress")
        return
    shown: object = None
    while True:
        answer = state.sync_progress(services, latest)
        if (steady := answer.model_dump(exclude=set(_UNSTEADY))) != shown:
            yield ServerSentEvent(data=answer, event="progress")
            shown = steady
        if not latest.is_open:
            return
        await asyncio.sleep(services.stream_interval)
        try:
            latest = await _again(services, latest)
        except ApiError as error:
            yield ServerSentEvent(data={"code": error.code, "message": error.message}, event="error")
            return


async def _again(services: CardsServices, operation: Operation) -> Operation:
    async with services.transaction() as connection:
        found = await operations.find(connection, operation.user_id, operation.operation_id)
    if found is None:
        raise NotFound("The sync is gone.")
    return await state.current(services, found)


@router.get("/task/{task_id}", responses=documented(401, 404, 422))
async def task(
    task_id: Annotated[str, Path(description="public id of an operation", json_schema_extra={"format": "uuid"})],
    principal: PrincipalDep,
    services: ServicesDep,
) -> TaskState:
    """State of one of the caller's operations. Someone else's is as unknown as none."""
    async with services.transaction() as connection:
        found = await operations.find(connection, principal.user_id, task_id) if task_id.isprintable() else None
    if found is None:
        raise NotFound("Task not found", resource_type="task", resource_id=task_id)
    operation = await state.current(services, found)
    return _task(services, operation, await _task_status(services, operation), await _changes(services, operation))


async def _task_status(services: CardsServices, operation: Operation) -> TaskStatus:
    if operation.state in SUCCEEDED:
        return "SUCCESS"
    if not operation.is_open:
        return "FAILURE"
    if operation.state == "pending":
        return "PENDING"
    running = await state.glance(services, operation.user_id) if operation.is_bulk else None
    retrying = running is not None and running.retrying and running.belongs_to(operation.operation_id)
    return "RETRY" if retrying else "STARTED"


async def _changes(services: CardsServices, operation: Operation) -> ChangeCounts | None:
    if operation.operation_type not in ("update", "delete"):
        return None
    async with services.transaction() as connection:
        found = await change_reports.report(connection, operation.operation_id)
    if found is None:
        return None
    return ChangeCounts(**found.states, unmade=[UnmadeChange(**asdict(unmade)) for unmade in found.unmade])


def _task(
    services: CardsServices, operation: Operation, status: TaskStatus, changes: ChangeCounts | None = None
) -> TaskState:
    is_held = operation.is_open and changes is not None and changes.held > 0
    return TaskState(
        task_id=operation.operation_id,
        status=status,
        ready=not operation.is_open,
        message=_HELD if is_held else _MESSAGES[status],
        result=state.counts(services, operation) if status == "SUCCESS" and operation.is_bulk else None,
        changes=changes,
        error=state.failure(operation) if status == "FAILURE" else None,
    )
