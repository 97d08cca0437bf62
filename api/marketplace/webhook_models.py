"""Bodies of webhooks: endpoints, what was delivered to them, replays."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.marketplace.fields import (
    EVENT,
    LATER,
    MOMENT,
    MOST_SEQUENCE,
    REPLAY,
    SECRET,
    STORE,
    Body,
    CreatedAt,
    EventId,
    Moment,
    Organization,
    OrganizationName,
    Sequence,
    WebhookId,
)
from api.parameters import Text
from domain.marketplace.delivery import DeliveryState
from domain.marketplace.events import EventName

_EVENT = "sync.started, sync.completed or sync.failed"
_TARGET = "https://shop.example/hooks/sync"
_PAYLOAD = {
    "eventId": EVENT,
    "event": "sync.completed",
    "timestamp": MOMENT,
    "organizationId": "org-123",
    "storeId": STORE,
    "data": {"storeId": STORE, "processedCount": 3, "successCount": 2, "failedCount": 1, "rateLimitedCount": 0},
}


class EndpointRegistration(Body):
    """Where an organisation wants to be told an event."""

    organization_id: OrganizationName
    event: EventName = Field(description=_EVENT, examples=["sync.completed"])
    target_url: Annotated[Text, StringConstraints(min_length=1, max_length=2048)] = Field(
        description="http or https, without credentials, at an address of the public internet", examples=[_TARGET]
    )


class EndpointEntry(Body):
    """An endpoint."""

    id: WebhookId
    organization_id: Organization
    event: str = Field(description=_EVENT, examples=["sync.completed"])
    target_url: str = Field(description="where events are sent", examples=[_TARGET])
    is_active: bool = Field(description="whether events are sent to it", examples=[True])
    last_sequence: int = Field(description="number of its newest event; 0: none yet", examples=[17])
    failing_since: Moment | None = Field(description="first failure since the last success", examples=[None])
    paused_at: Moment | None = Field(description="since when it is paused by its owner", examples=[None])
    disabled_at: Moment | None = Field(description="when it was switched off by us", examples=[None])
    disabled_reason: str | None = Field(
        description="why: gone (it answered 410), or failing for 3 days", examples=[None]
    )


class RegisteredEndpoint(EndpointEntry):
    """An endpoint with its secret."""

    secret: str | None = Field(
        None, description="shown when it is new, and never again: rotate it to get another", examples=[SECRET]
    )


class RotatedSecret(Body):
    """The new secret."""

    id: WebhookId
    secret: str = Field(description="signs from now on; not shown again", examples=[SECRET])
    previous_valid_until: Moment = Field(
        description="until then webhook-signature holds one by each secret", examples=[LATER]
    )


class DeliveryEntry(Body):
    """One event at one endpoint."""

    sequence: Sequence
    event_id: EventId
    event: str = Field(description=f"{_EVENT}, or webhook.test", examples=["sync.completed"])
    state: DeliveryState = Field(
        description="waiting, held (paused or switched off), delivered, or dead", examples=["waiting"]
    )
    attempts: int = Field(description="requests so far", examples=[1])
    next_retry_at: Moment | None = Field(description="null unless it waits", examples=[LATER])
    last_status: int | None = Field(description="HTTP status of the latest answer; null: none came", examples=[503])
    last_error: str | None = Field(description="why the latest attempt failed, in our words", examples=["answered 503"])
    delivered_at: Moment | None = Field(description="when a 2xx came first", examples=[None])
    created_at: CreatedAt


class DeliveryPage(Body):
    """Deliveries, newest first."""

    deliveries: list[DeliveryEntry] = Field(description="of this page")
    next_before: int | None = Field(description="`before` of the next page; null when this is the last", examples=[17])


class NumberedEvent(Body):
    """An event as it is sent, with its number at the endpoint."""

    sequence: Sequence
    payload: dict[str, Any] = Field(description="the body of the call-back", examples=[_PAYLOAD])


class EventPage(Body):
    """Events, oldest first: what a consumer fills gaps from."""

    events: list[NumberedEvent] = Field(description="of this page")
    last_sequence: int = Field(description="number of the endpoint's newest event", examples=[17])


class TestSent(Body):
    """An event of your own is on its way."""

    event_id: EventId
    sequence: Sequence


class ReplayRequest(Body):
    """One event, or the events from one number to another."""

    event_id: UUID | None = Field(None, description="one event; or else fromSequence is needed", examples=[None])
    from_sequence: int | None = Field(
        None, ge=1, le=MOST_SEQUENCE, description="the first to send again", examples=[12]
    )
    to_sequence: int | None = Field(
        None, ge=1, le=MOST_SEQUENCE, description="the last; the newest one unless given", examples=[17]
    )


class ReplayEntry(Body):
    """A replay as it stands."""

    id: UUID = Field(description="id of the replay", examples=[REPLAY])
    endpoint_id: WebhookId
    first_sequence: int = Field(description="number of the first event", examples=[12])
    last_sequence: int = Field(description="number of the last event", examples=[17])
    after_sequence: int = Field(description="sent up to here", examples=[14])
    sent: int = Field(description="events that arrived by it", examples=[3])
    state: Literal["running", "stopped", "completed"] = Field(
        description="stopped: see lastError, and resume it", examples=["running"]
    )
    last_error: str | None = Field(description="what holds it up; null: nothing", examples=[None])
    progress_percent: int = Field(description="0 to 100", examples=[50])
    created_at: CreatedAt
