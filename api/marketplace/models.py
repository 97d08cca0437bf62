"""Bodies of the context: camelCase, as its predecessor's."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from api.parameters import Text
from domain.marketplace.delivery import DeliveryState
from domain.marketplace.events import EventName, iso
from domain.marketplace.receipts import ReceiptState, StoreStatus

MarketplaceName = Literal["etsy", "shopify", "amazon"]


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)


Amount = Annotated[Decimal, PlainSerializer(_number, return_type=int | float, when_used="json")]
Moment = Annotated[datetime, PlainSerializer(iso, return_type=str, when_used="json")]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=255)]


class Body(BaseModel):
    """A request or an answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class StoreRegistration(Body):
    """A store of an organisation at a marketplace."""

    organization_id: Name
    marketplace: MarketplaceName
    external_store_id: Name
    store_name: Name
    access_token: Annotated[Text, StringConstraints(min_length=1, max_length=4096)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$", to_upper=True)] = Field(
        description="three letters"
    )


class RegisteredStore(Body):
    """Keep the token: it alone authorises imports and the status."""

    store_id: UUID
    sync_token: UUID


class StoreEntry(Body):
    """A store."""

    id: UUID
    organization_id: str
    marketplace: str
    external_store_id: str
    store_name: str
    currency: str
    sync_status: StoreStatus
    last_sync_at: Moment | None
    imported_success_count: int = Field(serialization_alias="importedOrders")
    created_at: Moment


class StorePage(Body):
    """Stores, oldest first."""

    stores: list[StoreEntry]
    next_after: UUID | None = Field(description="`after` of the next page; null when this is the last")


class SyncStatus(Body):
    """How a store's imports go."""

    last_sync_at: Moment | None
    imported_orders: int
    sync_status: StoreStatus
    rate_limited_count: int


class ImportRequest(Body):
    """One receipt."""

    sync_token: UUID | None = Field(None, description="unless the header X-Sync-Token is given")
    receipt: Name


class ImportedOrder(Body):
    """The receipt is an order."""

    success: Literal[True] = True
    order_id: str
    amount: Amount
    currency: str
    imported_at: Moment


class ImportFailure(Body):
    """It is none, or not yet."""

    success: Literal[False] = False
    error: str = Field(description="a code: invalid_receipt, rate_limited, marketplace_unavailable, pending, ...")
    next_retry_at: Moment | None = Field(None, description="when it is tried again by itself; null when it is not")


class LogEntry(Body):
    """A receipt as it stands."""

    id: UUID
    receipt: str
    status: ReceiptState
    order_id: str | None
    amount: Amount | None
    currency: str | None
    error_details: str | None
    attempt: int
    next_retry_at: Moment | None
    last_attempt_at: Moment | None
    imported_at: Moment | None
    created_at: Moment


class LogPage(Body):
    """Receipts, newest first."""

    logs: list[LogEntry]
    next_before: UUID | None = Field(description="`before` of the next page; null when this is the last")


class EndpointRegistration(Body):
    """Where an organisation wants to be told an event."""

    organization_id: Name
    event: EventName
    target_url: Annotated[Text, StringConstraints(min_length=1, max_length=2048)]


class EndpointEntry(Body):
    """An endpoint."""

    id: UUID
    organization_id: str
    event: str
    target_url: str
    is_active: bool = Field(description="whether events are sent to it")
    last_sequence: int = Field(description="number of its newest event")
    failing_since: Moment | None = Field(description="first failure since the last success")
    paused_at: Moment | None
    disabled_at: Moment | None = Field(description="when it was switched off by us")
    disabled_reason: str | None = Field(description="why: gone (it answered 410), or failing for 3 days")


class RegisteredEndpoint(EndpointEntry):
    """An endpoint with its secret."""

    secret: str | None = Field(None, description="shown when it is new, and never again: rotate it to get another")


class RotatedSecret(Body):
    """The new secret."""

    id: UUID
    secret: str
    previous_valid_until: Moment = Field(description="until then webhook-signature holds one by each secret")


class DeliveryEntry(Body):
    """One event at one endpoint."""

    sequence: int
    event_id: UUID
    event: str
    state: DeliveryState = Field(description="waiting, held (paused or switched off), delivered, or dead")
    attempts: int
    next_retry_at: Moment | None
    last_status: int | None
    last_error: str | None
    delivered_at: Moment | None
    created_at: Moment


class DeliveryPage(Body):
    """Deliveries, newest first."""

    deliveries: list[DeliveryEntry]
    next_before: int | None = Field(description="`before` of the next page; null when this is the last")


class NumberedEvent(Body):
    """An event as it is sent, with its number at the endpoint."""

    sequence: int
    payload: dict[str, Any] = Field(description="the body of the call-back")


class EventPage(Body):
    """Events, oldest first: what a consumer fills gaps from."""

    events: list[NumberedEvent]
    last_sequence: int = Field(description="number of the endpoint's newest event")


class TestSent(Body):
    """An event of your own is on its way."""

    event_id: UUID
    sequence: int


class ReplayRequest(Body):
    """One event, or the events from one number to another."""

    event_id: UUID | None = None
    from_sequence: int | None = Field(None, ge=1, le=2**62)
    to_sequence: int | None = Field(None, ge=1, le=2**62, description="the newest one unless given")


class ReplayEntry(Body):
    """A replay as it stands."""

    id: UUID
    endpoint_id: UUID
    first_sequence: int
    last_sequence: int
    after_sequence: int = Field(description="sent up to here")
    sent: int
    state: Literal["running", "stopped", "completed"]
    last_error: str | None
    progress_percent: int
    created_at: Moment
