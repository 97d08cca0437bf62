"""Bodies of stores and receipts."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.marketplace.fields import (
    LATER,
    MOMENT,
    RECEIPT_LOG,
    STORE,
    SYNC_TOKEN,
    Amount,
    Body,
    CreatedAt,
    Moment,
    Name,
    Organization,
    OrganizationName,
    StoreId,
)
from api.parameters import Text
from domain.marketplace.receipts import ReceiptState, StoreStatus

MarketplaceName = Literal["etsy", "shopify", "amazon"]

_STATUS = "by the 20 latest attempts: pending (none yet), success, partial (mixed, or only rate-limited), failed"
_CODE = (
    "a code: invalid_receipt, unknown_marketplace and retries_exhausted are final; "
    "rate_limited, marketplace_unavailable and pending are tried again"
)


class StoreRegistration(Body):
    """A store of an organisation at a marketplace."""

    organization_id: OrganizationName
    marketplace: MarketplaceName = Field(description="where the store is", examples=["etsy"])
    external_store_id: Name = Field(description="its id at the marketplace", examples=["store-456"])
    store_name: Name = Field(description="for people", examples=["My Store"])
    access_token: Annotated[Text, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="of the store at the marketplace; kept encrypted, shown to nobody", examples=["token-abc"]
    )
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$", to_upper=True)] = Field(
        description="three letters", examples=["USD"]
    )


class RegisteredStore(Body):
    """Keep the token: it alone authorises imports and the status."""

    store_id: StoreId
    sync_token: UUID = Field(description="authorises imports and the status; never changes", examples=[SYNC_TOKEN])


class StoreEntry(Body):
    """A store."""

    id: StoreId
    organization_id: Organization
    marketplace: str = Field(description="where the store is", examples=["etsy"])
    external_store_id: str = Field(description="its id at the marketplace", examples=["store-456"])
    store_name: str = Field(description="for people", examples=["My Store"])
    currency: str = Field(description="three letters", examples=["USD"])
    sync_status: StoreStatus = Field(description=_STATUS, examples=["success"])
    last_sync_at: Moment | None = Field(description="latest attempt at a receipt; null: none yet", examples=[MOMENT])
    imported_success_count: int = Field(
        serialization_alias="importedOrders", description="receipts that became orders", examples=[10]
    )
    created_at: CreatedAt


class StorePage(Body):
    """Stores, oldest first."""

    stores: list[StoreEntry] = Field(description="of this page")
    next_after: UUID | None = Field(
        description="`after` of the next page; null when this is the last", examples=[STORE]
    )


class SyncStatus(Body):
    """How a store's imports go."""

    last_sync_at: Moment | None = Field(description="latest attempt at a receipt; null: none yet", examples=[MOMENT])
    imported_orders: int = Field(description="receipts that became orders", examples=[10])
    sync_status: StoreStatus = Field(description=_STATUS, examples=["success"])
    rate_limited_count: int = Field(description="receipts that the marketplace wants later", examples=[2])


class ImportRequest(Body):
    """One receipt."""

    sync_token: UUID | None = Field(
        None, description="the store's; not needed with the header X-Sync-Token", examples=[SYNC_TOKEN]
    )
    receipt: Name = Field(description="its name at the marketplace", examples=["order-101"])


class ImportedOrder(Body):
    """The receipt is an order."""

    success: Literal[True] = Field(True, description="always true", examples=[True])
    order_id: str = Field(
        description="the marketplace's, as it gave it", examples=["e89662f3-1d12cc5e6-2b9c328d9-3a2598bcc-00048aefeebf"]
    )
    amount: Amount = Field(description="in the currency's unit", examples=[741])
    currency: str = Field(description="three letters", examples=["USD"])
    imported_at: Moment = Field(description="when the marketplace said so", examples=[MOMENT])


class ImportFailure(Body):
    """It is none, or not yet."""

    success: Literal[False] = Field(False, description="always false", examples=[False])
    error: str = Field(description=_CODE, examples=["rate_limited"])
    next_retry_at: Moment | None = Field(
        None, description="when it is tried again by itself; null when it is not", examples=[LATER]
    )


class LogEntry(Body):
    """A receipt as it stands."""

    id: UUID = Field(description="id of the entry", examples=[RECEIPT_LOG])
    receipt: str = Field(description="its name at the marketplace", examples=["order-101"])
    status: ReceiptState = Field(
        description="pending, success, failed (final), rate_limited or transient (both are tried again)",
        examples=["success"],
    )
    order_id: str | None = Field(
        description="the marketplace's; null unless it is an order",
        examples=["e89662f3-1d12cc5e6-2b9c328d9-3a2598bcc-00048aefeebf"],
    )
    amount: Amount | None = Field(description="in the currency's unit; null unless it is an order", examples=[741])
    currency: str | None = Field(description="three letters; null unless it is an order", examples=["USD"])
    error_details: str | None = Field(description=_CODE, examples=[None])
    attempt: int = Field(description="calls of the marketplace so far", examples=[1])
    next_retry_at: Moment | None = Field(description="null once nobody tries again", examples=[None])
    last_attempt_at: Moment | None = Field(description="null before the first", examples=[MOMENT])
    imported_at: Moment | None = Field(description="null unless it is an order", examples=[MOMENT])
    created_at: CreatedAt


class LogPage(Body):
    """Receipts, newest first."""

    logs: list[LogEntry] = Field(description="of this page")
    next_before: UUID | None = Field(
        description="`before` of the next page; null when this is the last", examples=[RECEIPT_LOG]
    )
