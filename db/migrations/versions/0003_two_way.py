"""cards: changes to be made at CardTrader and their plans, purchases, drift reports"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "change_plans",
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="waiting", nullable=False),
        sa.Column("summary", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=255), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'cancelled', 'replaced')", name=op.f("ck_change_plans_state")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_sync_settings.user_id"], name=op.f("fk_change_plans_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_change_plans")),
    )
    op.create_index(
        "uq_change_plans_waiting",
        "change_plans",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "drift_items",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("operation_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("blueprint_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.String(length=100), server_default="", nullable=False, comment="empty for a whole row"),
        sa.Column("old", postgresql.JSONB(), nullable=True, comment="ours, before"),
        sa.Column("new", postgresql.JSONB(), nullable=True, comment="CardTrader's"),
        sa.Column("cause", sa.String(length=50), server_default=sa.text("'unknown'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "cause IN ('missed_webhook', 'edited_on_cardtrader', 'write_failed', 'job_item_refused', 'unknown')",
            name=op.f("ck_drift_items_cause"),
        ),
        sa.CheckConstraint("kind IN ('corrected', 'missing', 'extra')", name=op.f("ck_drift_items_kind")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_sync_settings.user_id"], name=op.f("fk_drift_items_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_items")),
    )
    op.create_index("uq_drift_items_field", "drift_items", ["operation_id", "product_id", "field"], unique=True)
    op.create_table(
        "drift_counts",
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("operation_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("cause", sa.String(length=50), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False, comment="exact, however few of them are in drift_items"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_sync_settings.user_id"], name=op.f("fk_drift_counts_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("operation_id", "kind", "cause", name=op.f("pk_drift_counts")),
        comment="sums while a reconciliation runs; its operation keeps them",
    )
    op.create_table(
        "found_sales",
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("operation_id", sa.String(length=255), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("blueprint_id", sa.Integer(), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column(
            "quantity_before",
            sa.Integer(),
            nullable=True,
            comment="of the stock row, before the sale was taken off; NULL: there was none",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_sync_settings.user_id"], name=op.f("fk_found_sales_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("operation_id", "order_id", "product_id", name=op.f("pk_found_sales")),
        comment="sales that a reconciliation read from the orders, and of which no webhook had told",
    )
    op.create_table(
        "item_changes",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("operation_id", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="waiting", nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=True, comment="the stock row; none yet for a new listing"),
        sa.Column("blueprint_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True, comment="CardTrader's id; none yet for a new listing"),
        sa.Column(
            "wanted",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="fields with their new values",
        ),
        sa.Column(
            "delta",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="difference of quantity to the version seen",
        ),
        sa.Column(
            "quantity_seen",
            sa.Integer(),
            nullable=True,
            comment="copies there were to be before it; none for a new listing",
        ),
        sa.Column("price_seen", sa.Integer(), nullable=True, comment="cents, before it; none for a new listing"),
        sa.Column(
            "marker",
            sa.String(length=64),
            nullable=True,
            comment="written into user_data_field, so that a retry finds its own listing",
        ),
        sa.Column("plan_id", sa.UUID(), nullable=True),
        sa.Column(
            "batch_id",
            sa.UUID(),
            nullable=True,
            comment="taken together: sent, followed and verified before any other",
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "quantity_before",
            sa.Integer(),
            nullable=True,
            comment="CardTrader's quantity as read before the difference was sent",
        ),
        sa.Column("job_uuid", sa.UUID(), nullable=True),
        sa.Column("job_index", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=50), nullable=True, comment="a code; why it failed"),
        sa.Column("detail", sa.Text(), nullable=True, comment="a sentence, made of our words and of names of fields"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("action IN ('create', 'update', 'delete')", name=op.f("ck_item_changes_action")),
        sa.CheckConstraint(
            "state IN ('waiting', 'held', 'sending', 'accepted', 'verified', 'failed', 'cancelled')",
            name=op.f("ck_item_changes_state"),
        ),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["sync_operations.operation_id"],
            name=op.f("fk_item_changes_operation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["change_plans.plan_id"], name=op.f("fk_item_changes_plan_id")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_sync_settings.user_id"], name=op.f("fk_item_changes_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_changes")),
        sa.UniqueConstraint("marker", name=op.f("uq_item_changes_marker")),
    )
    op.create_index(
        "idx_item_changes_item", "item_changes", ["item_id"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(
        "idx_item_changes_open",
        "item_changes",
        ["user_id", "id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "idx_item_changes_batch",
        "item_changes",
        ["batch_id", "id"],
        unique=False,
        postgresql_where=sa.text("batch_id IS NOT NULL AND ended_at IS NULL"),
    )
    op.create_index("idx_item_changes_operation", "item_changes", ["operation_id"], unique=False)
    op.create_index("idx_item_changes_recent", "item_changes", ["user_id", "created_at"], unique=False)
    op.create_table(
        "purchases",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("operation_id", sa.String(length=255), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("blueprint_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="reserved", nullable=False),
        sa.Column("local_before", sa.Integer(), nullable=False, comment="quantity of the row when it was reserved"),
        sa.Column(
            "quantity_before",
            sa.Integer(),
            nullable=True,
            comment="CardTrader's quantity as read before the copies were taken",
        ),
        sa.Column("remaining", sa.Integer(), nullable=True, comment="left after a purchase"),
        sa.Column("reason", sa.String(length=50), nullable=True, comment="a code; why it was refused"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('reserved', 'taking', 'sending', 'purchased', 'refused')", name=op.f("ck_purchases_state")
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_purchases_quantity")),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["sync_operations.operation_id"],
            name=op.f("fk_purchases_operation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_sync_settings.user_id"], name=op.f("fk_purchases_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchases")),
        sa.UniqueConstraint("user_id", "idempotency_key", name="uq_purchases_key"),
    )
    op.create_index(
        "idx_purchases_open", "purchases", ["created_at"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(
        "uq_purchases_turn",
        "purchases",
        ["user_id", "product_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('taking', 'sending')"),
    )
    op.add_column(
        "user_inventory_items",
        sa.Column(
            "raise_pending",
            sa.Integer(),
            nullable=True,
            comment="copies added here that a re-read has not shown yet; not for sale",
        ),
    )
    op.add_column(
        "user_inventory_items",
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="tombstone: hidden, until CardTrader has taken it off sale",
        ),
    )
    op.add_column(
        "user_sync_settings",
        sa.Column(
            "highest_order_id",
            sa.BigInteger(),
            nullable=True,
            comment="up to which the orders were read; NULL: not yet",
        ),
    )
    op.add_column(
        "user_sync_settings",
        sa.Column(
            "suspended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="by its owner: nothing is read or written remotely",
        ),
    )

    op.create_index("idx_order_lines_created", "order_lines", ["user_id", "created_at"], unique=False)

    op.drop_column("export_chunks", "staged")
    op.add_column(
        "export_chunks",
        sa.Column(
            "compared",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="with the stock, while staging: rows without keys here need no merge",
        ),
    )


def downgrade() -> None:
    op.drop_column("export_chunks", "compared")
    op.add_column("export_chunks", sa.Column("staged", sa.LargeBinary(), nullable=True))
    op.drop_index("idx_order_lines_created", table_name="order_lines")
    op.drop_column("user_sync_settings", "suspended_at")
    op.drop_column("user_sync_settings", "highest_order_id")
    op.drop_column("user_inventory_items", "deleted_at")
    op.drop_column("user_inventory_items", "raise_pending")
    op.drop_index(
        "uq_purchases_turn", table_name="purchases", postgresql_where=sa.text("state IN ('taking', 'sending')")
    )
    op.drop_index("idx_purchases_open", table_name="purchases", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("purchases")
    op.drop_index("idx_item_changes_recent", table_name="item_changes")
    op.drop_index("idx_item_changes_operation", table_name="item_changes")
    op.drop_index(
        "idx_item_changes_batch",
        table_name="item_changes",
        postgresql_where=sa.text("batch_id IS NOT NULL AND ended_at IS NULL"),
    )
    op.drop_index("idx_item_changes_open", table_name="item_changes", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index("idx_item_changes_item", table_name="item_changes", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("item_changes")
    op.drop_table("found_sales")
    op.drop_table("drift_counts")
    op.drop_index("uq_drift_items_field", table_name="drift_items")
    op.drop_table("drift_items")
    op.drop_index("uq_change_plans_waiting", table_name="change_plans", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_table("change_plans")
