"""Tables of the marketplace context (spec: marketplace.md).

Stores and their receipts; endpoints, and what is told them. `callback_outbox` is written in the transaction that
causes an event, together with one numbered delivery per endpoint: what is committed is told, what is not is not.
"""

from __future__ import annotations

import uuid

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, UUID

from db.columns import created_at, one_of, updated_at
from db.metadata import metadata
from domain.marketplace.delivery import DELIVERY_STATES
from domain.marketplace.receipts import RECEIPT_STATES, STORE_STATUSES

EVENT_STATUSES = ("pending", "success", "failed")
REPLAY_STATES = ("running", "stopped", "completed")


def _reference(column: str, target: str, *, nullable: bool = False) -> Column[uuid.UUID]:
    return Column(column, UUID(as_uuid=True), ForeignKey(target, ondelete="CASCADE"), nullable=nullable)


def _id() -> Column[uuid.UUID]:
    return Column("id", UUID(as_uuid=True), primary_key=True, comment="version 7")


# `stores` alone is the name of the shops' table (db.store).
marketplace_stores = Table(
    "marketplace_stores",
    metadata,
    _id(),
    Column("organization_id", String(255), nullable=False),
    Column("marketplace", String(64), nullable=False, comment="no check: another adapter needs no migration"),
    Column("external_store_id", String(255), nullable=False),
    Column("store_name", String(255), nullable=False),
    Column("access_token_encrypted", Text, nullable=False),
    Column("currency", String(10), nullable=False),
    Column("sync_token", UUID(as_uuid=True), nullable=False),
    Column("sync_status", String(20), nullable=False, server_default="pending"),
    Column("last_sync_at", DateTime(timezone=True)),
    Column("imported_success_count", Integer, nullable=False, server_default="0"),
    created_at(),
    updated_at(),
    one_of("sync_status", STORE_STATUSES),
    UniqueConstraint("sync_token"),
    UniqueConstraint("organization_id", "marketplace", "external_store_id", name="uq_marketplace_stores_name"),
    Index("idx_marketplace_stores_listed", "organization_id", "id"),
)

sync_logs = Table(
    "sync_logs",
    metadata,
    _id(),
    _reference("store_id", "marketplace_stores.id"),
    Column("receipt", String(255), nullable=False),
    Column("status", String(20), nullable=False, server_default="pending"),
    Column("order_id", String(255)),
    Column("amount", Numeric(19, 4)),
    Column("currency", String(10)),
    Column("error_details", String(64), comment="a code of ours; why it failed"),
    Column("attempt", Integer, nullable=False, server_default="0", comment="calls of the marketplace so far"),
    Column("next_retry_at", DateTime(timezone=True), comment="null once nobody tries again"),
    Column("claim", UUID(as_uuid=True), comment="who calls the marketplace for it at the moment"),
    Column("claimed_until", DateTime(timezone=True)),
    Column("last_attempt_at", DateTime(timezone=True)),
    Column("imported_at", DateTime(timezone=True)),
    created_at(),
    updated_at(),
    one_of("status", RECEIPT_STATES),
    UniqueConstraint("store_id", "receipt", name="uq_sync_logs_receipt"),
    Index("idx_sync_logs_listed", "store_id", "id"),
    Index("idx_sync_logs_due", "store_id", "next_retry_at", postgresql_where=text("next_retry_at IS NOT NULL")),
    Index("idx_sync_logs_latest", "store_id", "last_attempt_at", postgresql_where=text("last_attempt_at IS NOT NULL")),
    Index("idx_sync_logs_limited", "store_id", postgresql_where=text("status = 'rate_limited'")),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    _id(),
    Column("organization_id", String(255), nullable=False),
    Column("event", String(64), nullable=False),
    Column("target_url", Text, nullable=False),
    Column("secret_encrypted", Text, nullable=False),
    Column("previous_secret_encrypted", Text, comment="signs as well until it ends"),
    Column("previous_secret_until", DateTime(timezone=True)),
    Column("last_sequence", BigInteger, nullable=False, server_default="0"),
    Column("failing_since", DateTime(timezone=True), comment="first failure since the last success"),
    Column("paused_at", DateTime(timezone=True), comment="by its owner"),
    Column("disabled_at", DateTime(timezone=True), comment="by us"),
    Column("disabled_reason", String(64)),
    created_at(),
    updated_at(),
    UniqueConstraint("organization_id", "event", "target_url", name="uq_webhook_endpoints_target"),
)

callback_outbox = Table(
    "callback_outbox",
    metadata,
    _id(),
    Column("organization_id", String(255), nullable=False),
    _reference("store_id", "marketplace_stores.id", nullable=True),
    Column("event", String(64), nullable=False),
    Column("cause", String(255), nullable=False, comment="what it tells; told once"),
    # JSON, not JSONB: the order of its fields is part of the text that is signed.
    Column("payload", JSON, nullable=False),
    Column("status", String(20), nullable=False, server_default="pending"),
    Column("dispatched_at", DateTime(timezone=True), comment="when its workflow was started"),
    created_at(),
    one_of("status", EVENT_STATUSES),
    UniqueConstraint("cause"),
    Index("idx_callback_outbox_waiting", "created_at", postgresql_where=text("dispatched_at IS NULL")),
    Index("idx_callback_outbox_over", "created_at", postgresql_where=text("status <> 'pending'")),
    Index("idx_callback_outbox_store", "store_id", postgresql_where=text("store_id IS NOT NULL")),
)

callback_deliveries = Table(
    "callback_deliveries",
    metadata,
    Column(
        "endpoint_id",
        UUID(as_uuid=True),
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False, comment="1, 2, 3 ... per endpoint"),
    _reference("event_id", "callback_outbox.id"),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_retry_at", DateTime(timezone=True)),
    Column("last_status", Integer),
    Column("last_error", String(255)),
    Column("delivered_at", DateTime(timezone=True)),
    Column(
        "waiting_since",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("now()"),
        comment="its event, or the end of a pause",
    ),
    created_at(),
    one_of("state", DELIVERY_STATES),
    UniqueConstraint("event_id", "endpoint_id", name="uq_callback_deliveries_event"),
    Index("idx_callback_deliveries_due", "next_retry_at", postgresql_where=text("state = 'waiting'")),
    Index("idx_callback_deliveries_open", "endpoint_id", postgresql_where=text("state IN ('waiting', 'held')")),
)

callback_replays = Table(
    "callback_replays",
    metadata,
    _id(),
    _reference("endpoint_id", "webhook_endpoints.id"),
    Column("first_sequence", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("after_sequence", BigInteger, nullable=False, comment="sent up to here"),
    Column("sent", BigInteger, nullable=False, server_default="0"),
    Column("state", String(20), nullable=False, server_default="running"),
    Column("last_error", String(255)),
    created_at(),
    updated_at(),
    one_of("state", REPLAY_STATES),
    Index("idx_callback_replays_endpoint", "endpoint_id"),
    Index("idx_callback_replays_running", "updated_at", postgresql_where=text("state = 'running'")),
)
