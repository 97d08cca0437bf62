"""marketplace: orders in, call-backs out"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "marketplace_stores",
        sa.Column("id", sa.UUID(), nullable=False, comment="version 7"),
        sa.Column("organization_id", sa.String(length=255), nullable=False),
        sa.Column(
            "marketplace", sa.String(length=64), nullable=False, comment="no check: another adapter needs no migration"
        ),
        sa.Column("external_store_id", sa.String(length=255), nullable=False),
        sa.Column("store_name", sa.String(length=255), nullable=False),
        sa.Column("access_token_encrypted", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=10), nullable=False),
        sa.Column("sync_token", sa.UUID(), nullable=False),
        sa.Column("sync_status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("last_sync_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("imported_success_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "sync_status IN ('pending', 'success', 'partial', 'failed')", name=op.f("ck_marketplace_stores_sync_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marketplace_stores")),
        sa.UniqueConstraint("organization_id", "marketplace", "external_store_id", name="uq_marketplace_stores_name"),
        sa.UniqueConstraint("sync_token", name=op.f("uq_marketplace_stores_sync_token")),
    )
    op.create_index("idx_marketplace_stores_listed", "marketplace_stores", ["organization_id", "id"], unique=False)
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.UUID(), nullable=False, comment="version 7"),
        sa.Column("organization_id", sa.String(length=255), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("target_url", sa.Text(), nullable=False),
        sa.Column("secret_encrypted", sa.Text(), nullable=False),
        sa.Column("previous_secret_encrypted", sa.Text(), nullable=True, comment="signs as well until it ends"),
        sa.Column("previous_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "failing_since", sa.DateTime(timezone=True), nullable=True, comment="first failure since the last success"
        ),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True, comment="by its owner"),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True, comment="by us"),
        sa.Column("disabled_reason", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
        sa.UniqueConstraint("organization_id", "event", "target_url", name="uq_webhook_endpoints_target"),
    )
    op.create_table(
        "callback_outbox",
        sa.Column("id", sa.UUID(), nullable=False, comment="version 7"),
        sa.Column("organization_id", sa.String(length=255), nullable=False),
        sa.Column("store_id", sa.UUID(), nullable=True),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=255), nullable=False, comment="what it tells; told once"),
        sa.Column("payload", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True, comment="when its workflow was started"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'success', 'failed')", name=op.f("ck_callback_outbox_status")),
        sa.ForeignKeyConstraint(
            ["store_id"], ["marketplace_stores.id"], name=op.f("fk_callback_outbox_store_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_outbox")),
        sa.UniqueConstraint("cause", name=op.f("uq_callback_outbox_cause")),
    )
    op.create_index(
        "idx_callback_outbox_over",
        "callback_outbox",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("status <> 'pending'"),
    )
    op.create_index(
        "idx_callback_outbox_store",
        "callback_outbox",
        ["store_id"],
        unique=False,
        postgresql_where=sa.text("store_id IS NOT NULL"),
    )
    op.create_index(
        "idx_callback_outbox_waiting",
        "callback_outbox",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("dispatched_at IS NULL"),
    )
    op.create_table(
        "callback_replays",
        sa.Column("id", sa.UUID(), nullable=False, comment="version 7"),
        sa.Column("endpoint_id", sa.UUID(), nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("after_sequence", sa.BigInteger(), nullable=False, comment="sent up to here"),
        sa.Column("sent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=20), server_default="running", nullable=False),
        sa.Column("last_error", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('running', 'stopped', 'completed')", name=op.f("ck_callback_replays_state")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_callback_replays_endpoint_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_replays")),
    )
    op.create_index("idx_callback_replays_endpoint", "callback_replays", ["endpoint_id"], unique=False)
    op.create_index(
        "idx_callback_replays_running",
        "callback_replays",
        ["updated_at"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "sync_logs",
        sa.Column("id", sa.UUID(), nullable=False, comment="version 7"),
        sa.Column("store_id", sa.UUID(), nullable=False),
        sa.Column("receipt", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("order_id", sa.String(length=255), nullable=True),
        sa.Column("amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("currency", sa.String(length=10), nullable=True),
        sa.Column("error_details", sa.String(length=64), nullable=True, comment="a code of ours; why it failed"),
        sa.Column(
            "attempt", sa.Integer(), server_default="0", nullable=False, comment="calls of the marketplace so far"
        ),
        sa.Column("next_retry_at", sa.DateTime(timezone=True), nullable=True, comment="null once nobody tries again"),
        sa.Column("claim", sa.UUID(), nullable=True, comment="who calls the marketplace for it at the moment"),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'success', 'failed', 'rate_limited', 'transient')", name=op.f("ck_sync_logs_status")
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["marketplace_stores.id"], name=op.f("fk_sync_logs_store_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_logs")),
        sa.UniqueConstraint("store_id", "receipt", name="uq_sync_logs_receipt"),
    )
    op.create_index(
        "idx_sync_logs_due",
        "sync_logs",
        ["store_id", "next_retry_at"],
        unique=False,
        postgresql_where=sa.text("next_retry_at IS NOT NULL"),
    )
    op.create_index(
        "idx_sync_logs_latest",
        "sync_logs",
        ["store_id", "last_attempt_at"],
        unique=False,
        postgresql_where=sa.text("last_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "idx_sync_logs_limited",
        "sync_logs",
        ["store_id"],
        unique=False,
        postgresql_where=sa.text("status = 'rate_limited'"),
    )
    op.create_index("idx_sync_logs_listed", "sync_logs", ["store_id", "id"], unique=False)
    op.create_table(
        "callback_deliveries",
        sa.Column("endpoint_id", sa.UUID(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False, comment="1, 2, 3 ... per endpoint"),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=255), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "waiting_since",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="its event, or the end of a pause",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'held', 'delivered', 'dead')", name=op.f("ck_callback_deliveries_state")
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("fk_callback_deliveries_endpoint_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["callback_outbox.id"], name=op.f("fk_callback_deliveries_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "sequence", name=op.f("pk_callback_deliveries")),
        sa.UniqueConstraint("event_id", "endpoint_id", name="uq_callback_deliveries_event"),
    )
    op.create_index(
        "idx_callback_deliveries_due",
        "callback_deliveries",
        ["next_retry_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "idx_callback_deliveries_open",
        "callback_deliveries",
        ["endpoint_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'held')"),
    )


def downgrade() -> None:
    op.drop_index(
        "idx_callback_deliveries_open",
        table_name="callback_deliveries",
        postgresql_where=sa.text("state IN ('waiting', 'held')"),
    )
    op.drop_index(
        "idx_callback_deliveries_due", table_name="callback_deliveries", postgresql_where=sa.text("state = 'waiting'")
    )
    op.drop_table("callback_deliveries")
    op.drop_index("idx_sync_logs_listed", table_name="sync_logs")
    op.drop_index("idx_sync_logs_limited", table_name="sync_logs", postgresql_where=sa.text("status = 'rate_limited'"))
    op.drop_index(
        "idx_sync_logs_latest", table_name="sync_logs", postgresql_where=sa.text("last_attempt_at IS NOT NULL")
    )
    op.drop_index("idx_sync_logs_due", table_name="sync_logs", postgresql_where=sa.text("next_retry_at IS NOT NULL"))
    op.drop_table("sync_logs")
    op.drop_index(
        "idx_callback_replays_running", table_name="callback_replays", postgresql_where=sa.text("state = 'running'")
    )
    op.drop_index("idx_callback_replays_endpoint", table_name="callback_replays")
    op.drop_table("callback_replays")
    op.drop_index(
        "idx_callback_outbox_waiting", table_name="callback_outbox", postgresql_where=sa.text("dispatched_at IS NULL")
    )
    op.drop_index(
        "idx_callback_outbox_store", table_name="callback_outbox", postgresql_where=sa.text("store_id IS NOT NULL")
    )
    op.drop_index(
        "idx_callback_outbox_over", table_name="callback_outbox", postgresql_where=sa.text("status <> 'pending'")
    )
    op.drop_table("callback_outbox")
    op.drop_table("webhook_endpoints")
    op.drop_index("idx_marketplace_stores_listed", table_name="marketplace_stores")
    op.drop_table("marketplace_stores")
