"""What an endpoint was told: deliveries, gaps to fill, a test, replays."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from api.deps import PrincipalDep
from api.errors import InvalidInput, TemporalUnavailable
from api.marketplace.deps import EndpointPath, LimitQuery, ServicesDep, own_endpoint
from api.marketplace.documentation import documented
from api.marketplace.errors import EventNotFound, NotActive, ReplayNotFound
from api.marketplace.fields import MOST_SEQUENCE, REPLAY
from api.marketplace.services import MarketplaceServices
from api.marketplace.webhook_models import (
    DeliveryEntry,
    DeliveryPage,
    EventPage,
    NumberedEvent,
    ReplayEntry,
    ReplayRequest,
    TestSent,
)
from api.temporal import temporal_faults
from db.ids import new_id
from db.marketplace import deliveries, outbox, replays
from db.marketplace.endpoints import Endpoint
from db.marketplace.replays import Replay
from domain.marketplace.delivery import DeliveryState
from domain.marketplace.events import TEST_EVENT, Event

router = APIRouter(prefix="/webhooks/{webhookId}", tags=["webhooks"])

Before = Annotated[int | None, Query(ge=0, le=MOST_SEQUENCE, description="where the last page ended", examples=[17])]
After = Annotated[int, Query(ge=0, le=MOST_SEQUENCE, description="the last number you have", examples=[16])]
ReplayPath = Annotated[UUID, Path(alias="replayId", description="id of the replay", examples=[REPLAY])]


@router.get("/deliveries", responses=documented(400, 401, 404))
async def list_deliveries(
    webhook_id: EndpointPath,
    principal: PrincipalDep,
    services: ServicesDep,
    limit: LimitQuery = 100,
    state: Annotated[DeliveryState | None, Query(description="only these", examples=["dead"])] = None,
    before: Before = None,
) -> DeliveryPage:
    """What became of each event at the endpoint; dead letters are those of state `dead`."""
    async with services.transaction() as connection:
        await own_endpoint(connection, principal, webhook_id)
        found = await deliveries.list_for(connection, webhook_id, limit=limit, state=state, before=before)
    return DeliveryPage(
        deliveries=[DeliveryEntry.model_validate(delivery) for delivery in found],
        next_before=found[-1].sequence if len(found) == limit else None,
    )


@router.get("/events", responses=documented(400, 401, 404))
async def list_events(
    webhook_id: EndpointPath,
    principal: PrincipalDep,
    services: ServicesDep,
    after: After = 0,
    limit: LimitQuery = 100,
) -> EventPage:
    """Events behind a number, oldest first: whoever misses one finds it here."""
    async with services.transaction() as connection:
        endpoint = await own_endpoint(connection, principal, webhook_id)
        found = await deliveries.events_after(connection, webhook_id, after=after, limit=limit)
    events = [NumberedEvent(sequence=number, payload=payload) for number, payload in found]
    return EventPage(events=events, last_sequence=endpoint.last_sequence)


@router.post("/test", status_code=202, responses=documented(400, 401, 404, 409))
async def send_test(webhook_id: EndpointPath, principal: PrincipalDep, services: ServicesDep) -> TestSent:
    """Send an event of its own kind to this endpoint, the way every event goes."""
    async with services.transaction() as connection:
        endpoint = await own_endpoint(connection, principal, webhook_id)
        if not endpoint.is_active:
            raise NotActive
        event_id = new_id()
        event = Event(TEST_EVENT, endpoint.organization_id, f"test:{event_id}", {"webhookId": str(webhook_id)})
        await outbox.record(connection, event, event_id=event_id, only=webhook_id, listened_as=endpoint.event)
        sequence = await deliveries.sequence_of(connection, webhook_id, event_id)
    return TestSent(event_id=event_id, sequence=sequence or 0)


@router.post("/replay", status_code=202, responses=documented(400, 401, 404, 409, 413))
async def replay_events(
    webhook_id: EndpointPath, request: ReplayRequest, principal: PrincipalDep, services: ServicesDep
) -> ReplayEntry:
    """Send one event, or a range, once more and in order. Dead letters that arrive are dead no longer."""
    async with services.transaction() as connection:
        endpoint = await own_endpoint(connection, principal, webhook_id)
        if not endpoint.is_active:
            raise NotActive
        if request.event_id is not None:
            first = last = await deliveries.sequence_of(connection, webhook_id, request.event_id)
        else:
            first, last = _range(request, endpoint)
        if first is None or last is None:
            raise EventNotFound
        replay = await replays.begin(connection, new_id(), webhook_id, first, last)
    return await _started(services, replay, endpoint)


@router.get("/replays/{replayId}", responses=documented(400, 401, 404))
async def show_replay(
    webhook_id: EndpointPath, replay_id: ReplayPath, principal: PrincipalDep, services: ServicesDep
) -> ReplayEntry:
    """How a replay goes."""
    async with services.transaction() as connection:
        await own_endpoint(connection, principal, webhook_id)
        return _entry(await _own_replay(connection, replay_id, webhook_id))


@router.post("/replays/{replayId}/resume", status_code=202, responses=documented(400, 401, 404, 409))
async def resume_replay(
    webhook_id: EndpointPath, replay_id: ReplayPath, principal: PrincipalDep, services: ServicesDep
) -> ReplayEntry:
    """Go on behind the last event that arrived; one that is complete stays so."""
    async with services.transaction() as connection:
        endpoint = await own_endpoint(connection, principal, webhook_id)
        replay = await _own_replay(connection, replay_id, webhook_id)
        if replay.state == "completed":
            return _entry(replay)
        if not endpoint.is_active:
            raise NotActive
        await replays.note(connection, replay_id, "running")
        replay = await _own_replay(connection, replay_id, webhook_id)
    return await _started(services, replay, endpoint)


async def _started(services: MarketplaceServices, replay: Replay, endpoint: Endpoint) -> ReplayEntry:
    """A replay that cannot be started now is started by the workers' relay."""
    with suppress(TemporalUnavailable), temporal_faults():
        await services.start_replay(replay.id, endpoint.organization_id)
    return _entry(replay)


async def _own_replay(connection: AsyncConnection, replay_id: UUID, webhook_id: UUID) -> Replay:
    replay = await replays.find(connection, replay_id)
    if replay is None or replay.endpoint_id != webhook_id:
        raise ReplayNotFound
    return replay


def _range(request: ReplayRequest, endpoint: Endpoint) -> tuple[int | None, int | None]:
    if request.from_sequence is None:
        raise InvalidInput("either eventId or fromSequence is required", field="fromSequence")
    last = min(request.to_sequence or endpoint.last_sequence, endpoint.last_sequence)
    return (request.from_sequence, last) if request.from_sequence <= last else (None, None)


def _entry(replay: Replay) -> ReplayEntry:
    total = replay.last_sequence - replay.first_sequence + 1
    done = replay.after_sequence - replay.first_sequence + 1
    percent = 100 if replay.state == "completed" else min(99, done * 100 // total)
    return ReplayEntry(**asdict(replay), progress_percent=percent)
