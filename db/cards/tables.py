"""Tables of the `cards` context (spec: cards.md, "Tables"; types and defaults of the seed guide).

One index per purpose: every secondary index on the stock is paid for once per product and sync.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, ENUM, JSONB, UUID

from db.cards.columns import owner
from db.columns import created_at, one_of
from db.metadata import metadata

SYNC_STATUSES = ("idle", "initial_sync", "active", "error")
SYNC_STATES = ("synced", "pending", "uncertain", "failed")
MAPPING_STATUSES = ("mapped", "missing", "ambiguous")
OPERATION_TYPES = ("bulk_sync", "periodic_sync", "update", "delete", "purchase", "webhook")
OPERATION_STATUSES = ("pending", "running", "completed", "completed_with_errors", "failed", "cancelled")

sync_status_enum = ENUM(*SYNC_STATUSES, name="sync_status_enum", metadata=metadata)
sync_state_enum = ENUM(*SYNC_STATES, name="sync_state_enum", metadata=metadata)
mapping_status_enum = ENUM(*MAPPING_STATUSES, name="mapping_status_enum", metadata=metadata)


user_sync_settings = Table(
    "user_sync_settings",
    metadata,
    Column("user_id", UUID(as_uuid=True), primary_key=True),
    Column("cardtrader_token_encrypted", Text, nullable=False),
    Column("webhook_secret", Text, comment="encrypted like the token", info={"encrypted": True}),
    Column("webhook_id", UUID(as_uuid=True), nullable=False, server_default=func.gen_random_uuid()),
    Column("cardtrader_user_id", BigInteger),
    Column("sync_status", sync_status_enum, nullable=False, server_default="idle"),
    Column("last_sync_at", DateTime(timezone=True)),
    Column("last_error", Text),
    Column("highest_order_id", BigInteger, comment="up to which the orders were read; NULL: not yet"),
    Column("suspended_at", DateTime(timezone=True), comment="by its owner: nothing is read or written remotely"),
    created_at(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("webhook_id"),
    Index("idx_sync_settings_status", "sync_status"),
)

user_inventory_items = Table(
    "user_inventory_items",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    owner(),
    Column("blueprint_id", Integer, nullable=False),
    Column("quantity", Integer, nullable=False, server_default="0"),
    Column("price_cents", Integer, nullable=False),
    Column("properties", JSONB),
    # Collation "C": chunks are cut in the byte order of this column, so that one index range is one chunk.
    Column("external_stock_id", String(255, collation="C")),
    Column("description", Text),
    Column("user_data_field", Text),
    Column("graded", Boolean),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    created_at(),
    Column("reserved_quantity", Integer, nullable=False, server_default="0"),
    Column("row_version", Integer, nullable=False, server_default="1"),
    Column("sync_state", sync_state_enum, nullable=False, server_default="synced"),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("print_id", BigInteger),
    Column("print_table", Text),
    Column("mapping_status", mapping_status_enum, nullable=False, server_default="missing"),
    Column("content_hash", BigInteger, comment="of the product as exported and of its mapping"),
    Column("stale_since", DateTime(timezone=True)),
    Column("raise_pending", Integer, comment="copies added here that a re-read has not shown yet; not for sale"),
    Column("deleted_at", DateTime(timezone=True), comment="tombstone: hidden, until CardTrader has taken it off sale"),
    Column("last_seen_operation_id", UUID(as_uuid=True), comment="the bulk sync that last wrote the row"),
    CheckConstraint("quantity >= 0", name="quantity"),
    CheckConstraint("reserved_quantity >= 0", name="reserved_quantity"),
    Index(
        "idx_inventory_user_blueprint_external",
        "user_id",
        "blueprint_id",
        "external_stock_id",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    Index("idx_inventory_user_updated", "user_id", text("updated_at DESC"), text("id DESC")),
    Index(
        "idx_inventory_unsettled",
        "user_id",
        "sync_state",
        postgresql_where=text("sync_state <> 'synced' OR stale_since IS NOT NULL"),
    ),
)

sync_operations = Table(
    "sync_operations",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    owner(),
    Column("operation_id", String(255), nullable=False, unique=True),
    Column("operation_type", String(50), nullable=False),
    Column("status", String(50), nullable=False),
    Column("operation_metadata", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    created_at(),
    Column("completed_at", DateTime(timezone=True)),
    one_of("operation_type", OPERATION_TYPES),
    one_of("status", OPERATION_STATUSES),
    Index("idx_sync_ops_user_created", "user_id", text("created_at DESC")),
    Index("idx_sync_ops_open", "user_id", postgresql_where=text("status IN ('pending', 'running')")),
)

export_chunks = Table(
    "export_chunks",
    metadata,
    Column(
        "operation_id",
        String(255),
        ForeignKey("sync_operations.operation_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("chunk_no", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("low_blueprint_id", Integer, comment="inclusive lower key, NULL for the first chunk"),
    Column("low_product_id", BigInteger),
    Column("high_blueprint_id", Integer, comment="exclusive upper key, NULL for the last chunk"),
    Column("high_product_id", BigInteger),
    Column("keys", LargeBinary, nullable=False, comment="blueprint, product, hash per row, little-endian int64"),
    Column("payload", LargeBinary, nullable=False, comment="zstd of the JSON array of the staged rows"),
    Column(
        "compared",
        Boolean,
        nullable=False,
        server_default="false",
        comment="with the stock, while staging: rows without keys here need no merge",
    ),
    Column("applied_at", DateTime(timezone=True)),
    Column("created", Integer, nullable=False, server_default="0"),
    Column("updated", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("contested", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("missing_item_ids", ARRAY(BigInteger), comment="stock rows in the key range that the export lacks"),
    Column("contested_blueprints", ARRAY(Integer)),
    PrimaryKeyConstraint("operation_id", "chunk_no"),
)

webhook_inbox = Table(
    "webhook_inbox",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    owner(),
    Column("webhook_id", String(128), nullable=False, unique=True),
    Column("cause", String(50), nullable=False),
    Column("mode", String(20), nullable=False),
    Column("body_encrypted", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("processed_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("blueprint_ids", ARRAY(Integer)),
    Column(
        "unmatched",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="a product of it had no stock row: a bulk sync under way may bring an older one",
    ),
    Column("reread_at", DateTime(timezone=True)),
    Index("idx_webhook_inbox_open", "user_id", "id", postgresql_where=text("processed_at IS NULL")),
    Index("idx_webhook_inbox_waiting", "received_at", postgresql_where=text("processed_at IS NULL")),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    owner(),
    Column("order_id", BigInteger, nullable=False),
    Column("order_item_id", BigInteger, nullable=False),
    Column("product_id", BigInteger),
    Column("quantity", Integer, nullable=False),
    Column("decrement_applied", Boolean, nullable=False, server_default=text("false")),
    created_at(),
    Column("blueprint_id", Integer, nullable=False),
    UniqueConstraint("user_id", "order_id", "order_item_id", name="uq_order_lines_item"),
    Index("idx_order_lines_product", "user_id", "product_id"),
    Index("idx_order_lines_created", "user_id", "created_at"),
)
