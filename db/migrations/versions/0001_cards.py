"""cards: settings, stock, operations, staging, inbox, dead letters"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

sync_status_enum = postgresql.ENUM(
    "idle", "initial_sync", "active", "error", name="sync_status_enum", create_type=False
)
sync_state_enum = postgresql.ENUM("synced", "pending", "uncertain", "failed", name="sync_state_enum", create_type=False)
mapping_status_enum = postgresql.ENUM("mapped", "missing", "ambiguous", name="mapping_status_enum", create_type=False)
ENUMS = (sync_status_enum, sync_state_enum, mapping_status_enum)


def upgrade() -> None:
    for enum in ENUMS:
        enum.create(op.get_bind())
    op.create_table(
        "user_sync_settings",
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("cardtrader_token_encrypted", sa.Text(), nullable=False),
        sa.Column("webhook_secret", sa.Text(), nullable=True, comment="encrypted like the token"),
        sa.Column("webhook_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("cardtrader_user_id", sa.BigInteger(), nullable=True),
        sa.Column("sync_status", sync_status_enum, server_default="idle", nullable=False),
        sa.Column("last_sync_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_sync_settings")),
        sa.UniqueConstraint("webhook_id", name=op.f("uq_user_sync_settings_webhook_id")),
    )
    op.create_index("idx_sync_settings_status", "user_sync_settings", ["sync_status"], unique=False)
    op.create_table(
        "failed_records",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("context", sa.String(length=50), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=True),
        sa.Column("operation_id", sa.String(length=255), nullable=False),
        sa.Column(
            "subject",
            sa.String(length=255),
            nullable=False,
            comment="what failed: a product id, a chunk, a row key",
        ),
        sa.Column("stage", sa.String(length=50), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True, comment="the record as received"),
        sa.Column("retries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_sync_settings.user_id"],
            name=op.f("fk_failed_records_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failed_records")),
    )
    op.create_index("idx_failed_records_operation", "failed_records", ["operation_id"], unique=False)
    op.create_index(
        "uq_failed_records_open",
        "failed_records",
        ["context", "user_id", "stage", "subject"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "order_lines",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("order_item_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("decrement_applied", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_sync_settings.user_id"],
            name=op.f("fk_order_lines_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_lines")),
        sa.UniqueConstraint("order_id", "order_item_id", name=op.f("uq_order_lines_order_id")),
    )
    op.create_index("idx_order_lines_product", "order_lines", ["user_id", "product_id"], unique=False)
    op.create_table(
        "sync_operations",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("operation_id", sa.String(length=255), nullable=False),
        sa.Column("operation_type", sa.String(length=50), nullable=False),
        sa.Column("status", sa.String(length=50), nullable=False),
        sa.Column(
            "operation_metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "operation_type IN ('bulk_sync', 'periodic_sync', 'update', 'delete', 'purchase', 'webhook')",
            name=op.f("ck_sync_operations_operation_type"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'completed_with_errors', 'failed', 'cancelled')",
            name=op.f("ck_sync_operations_status"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_sync_settings.user_id"],
            name=op.f("fk_sync_operations_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_operations")),
        sa.UniqueConstraint("operation_id", name=op.f("uq_sync_operations_operation_id")),
    )
    op.create_index(
        "idx_sync_ops_open",
        "sync_operations",
        ["user_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    )
    op.create_index(
        "idx_sync_ops_user_created",
        "sync_operations",
        ["user_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "user_inventory_items",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("blueprint_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), server_default="0", nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.Column("properties", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("external_stock_id", sa.String(length=255, collation="C"), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("user_data_field", sa.Text(), nullable=True),
        sa.Column("graded", sa.Boolean(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reserved_quantity", sa.Integer(), server_default="0", nullable=False),
        sa.Column("row_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("sync_state", sync_state_enum, server_default="synced", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("print_id", sa.BigInteger(), nullable=True),
        sa.Column("print_table", sa.Text(), nullable=True),
        sa.Column("mapping_status", mapping_status_enum, server_default="missing", nullable=False),
        sa.Column(
            "content_hash",
            sa.BigInteger(),
            nullable=True,
            comment="of the product as exported and of its mapping",
        ),
        sa.Column("stale_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "last_seen_operation_id",
            sa.UUID(),
            nullable=True,
            comment="the bulk sync that last wrote the row",
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_user_inventory_items_quantity")),
        sa.CheckConstraint("reserved_quantity >= 0", name=op.f("ck_user_inventory_items_reserved_quantity")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_sync_settings.user_id"],
            name=op.f("fk_user_inventory_items_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_inventory_items")),
    )
    op.create_index(
        "idx_inventory_unsettled",
        "user_inventory_items",
        ["user_id", "sync_state"],
        unique=False,
        postgresql_where=sa.text("sync_state <> 'synced' OR stale_since IS NOT NULL"),
    )
    op.create_index(
        "idx_inventory_user_blueprint_external",
        "user_inventory_items",
        ["user_id", "blueprint_id", "external_stock_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "idx_inventory_user_updated",
        "user_inventory_items",
        ["user_id", sa.literal_column("updated_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "webhook_inbox",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("webhook_id", sa.String(length=128), nullable=False),
        sa.Column("cause", sa.String(length=50), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("body_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_sync_settings.user_id"],
            name=op.f("fk_webhook_inbox_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_inbox")),
        sa.UniqueConstraint("webhook_id", name=op.f("uq_webhook_inbox_webhook_id")),
    )
    op.create_index(
        "idx_webhook_inbox_open",
        "webhook_inbox",
        ["user_id", "id"],
        unique=False,
        postgresql_where=sa.text("processed_at IS NULL"),
    )
    op.create_table(
        "export_chunks",
        sa.Column("operation_id", sa.String(length=255), nullable=False),
        sa.Column("chunk_no", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column(
            "low_blueprint_id",
            sa.Integer(),
            nullable=True,
            comment="inclusive lower key, NULL for the first chunk",
        ),
        sa.Column("low_product_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "high_blueprint_id",
            sa.Integer(),
            nullable=True,
            comment="exclusive upper key, NULL for the last chunk",
        ),
        sa.Column("high_product_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "keys",
            sa.LargeBinary(),
            nullable=False,
            comment="blueprint, product, hash per row, little-endian int64",
        ),
        sa.Column(
            "staged", sa.LargeBinary(), nullable=True, comment="bit per row: is it in the payload? NULL: all are"
        ),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="zstd of the JSON array of the staged rows"),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("contested", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "missing_item_ids",
            postgresql.ARRAY(sa.BigInteger()),
            nullable=True,
            comment="stock rows in the key range that the export lacks",
        ),
        sa.Column("contested_blueprints", postgresql.ARRAY(sa.Integer()), nullable=True),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["sync_operations.operation_id"],
            name=op.f("fk_export_chunks_operation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operation_id", "chunk_no", name=op.f("pk_export_chunks")),
    )
    # The payload is zstd already: compressing it again would cost time and win nothing.
    op.execute("ALTER TABLE export_chunks ALTER COLUMN payload SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("export_chunks")
    op.drop_index(
        "idx_webhook_inbox_open", table_name="webhook_inbox", postgresql_where=sa.text("processed_at IS NULL")
    )
    op.drop_table("webhook_inbox")
    op.drop_index("idx_inventory_user_updated", table_name="user_inventory_items")
    op.drop_index(
        "idx_inventory_user_blueprint_external",
        table_name="user_inventory_items",
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(
        "idx_inventory_unsettled",
        table_name="user_inventory_items",
        postgresql_where=sa.text("sync_state <> 'synced' OR stale_since IS NOT NULL"),
    )
    op.drop_table("user_inventory_items")
    op.drop_index("idx_sync_ops_user_created", table_name="sync_operations")
    op.drop_index(
        "idx_sync_ops_open",
        table_name="sync_operations",
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    )
    op.drop_table("sync_operations")
    op.drop_index("idx_order_lines_product", table_name="order_lines")
    op.drop_table("order_lines")
    op.drop_index(
        "uq_failed_records_open",
        table_name="failed_records",
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.drop_index("idx_failed_records_operation", table_name="failed_records")
    op.drop_table("failed_records")
    op.drop_index("idx_sync_settings_status", table_name="user_sync_settings")
    op.drop_table("user_sync_settings")
    for enum in ENUMS:
        enum.drop(op.get_bind())
