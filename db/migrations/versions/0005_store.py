"""store: a shop's stock, and what central does not have of it yet"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stores",
        sa.Column("store_id", sa.String(length=64, collation="C"), nullable=False),
        sa.Column("strategy", sa.String(length=20), server_default="rebase", nullable=False),
        sa.Column(
            "failed_passes", sa.Integer(), server_default="0", nullable=False, comment="in a row, central being away"
        ),
        sa.Column(
            "next_pass_at", sa.DateTime(timezone=True), nullable=True, comment="no earlier, unless somebody asks for it"
        ),
        sa.Column("last_pass_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("passes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pass_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pushed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("conflicts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("responses", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("response_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("strategy IN ('rebase', 'manual')", name=op.f("ck_stores_strategy")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_stores")),
    )
    op.create_table(
        "store_inventory",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("store_id", sa.String(length=64, collation="C"), nullable=False),
        sa.Column("sku", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column(
            "quantity",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="central's + what it does not have yet",
        ),
        sa.Column(
            "opening", sa.BigInteger(), server_default="0", nullable=False, comment="sum of deltas that were pruned"
        ),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False, comment="counts movements here"),
        sa.Column("central_version", sa.BigInteger(), nullable=True, comment="when central was last heard of"),
        sa.Column("central_quantity", sa.BigInteger(), nullable=True, comment="at central_version; NULL: not told"),
        sa.Column(
            "chained_version", sa.BigInteger(), nullable=True, comment="central's version after our last own push"
        ),
        sa.Column("read_due", sa.Boolean(), server_default="true", nullable=False, comment="central is to be read"),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["store_id"], ["stores.store_id"], name=op.f("fk_store_inventory_store_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_inventory")),
        sa.UniqueConstraint("store_id", "sku", name="uq_store_inventory_sku"),
    )
    op.create_index(
        "idx_store_inventory_read",
        "store_inventory",
        ["store_id", "id"],
        unique=False,
        postgresql_where=sa.text("read_due"),
    )
    op.create_table(
        "store_changes",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("store_id", sa.String(length=64, collation="C"), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.String(length=20), server_default="local", nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("local_version", sa.BigInteger(), nullable=False),
        sa.Column(
            "asked_version",
            sa.BigInteger(),
            nullable=True,
            comment="central's version as the caller knew it; NULL: not given",
        ),
        sa.Column("base_central_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "sent_version",
            sa.BigInteger(),
            nullable=True,
            comment="as last sent: a repeat must be the same request; NULL: not sent",
        ),
        sa.Column("status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "approved",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="wanted by a person after a conflict",
        ),
        sa.Column("error", sa.String(length=50), nullable=True, comment="a code"),
        sa.Column("compensates", sa.UUID(), nullable=True, comment="the operation that this row takes back"),
        sa.Column(
            "answer",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what the caller was told, for whoever asks again",
        ),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'completed') <= (completed_at IS NOT NULL)", name=op.f("ck_store_changes_completed")
        ),
        sa.CheckConstraint(
            "(status IN ('pending', 'in_progress')) <= (completed_at IS NULL)",
            name=op.f("ck_store_changes_open"),
        ),
        sa.CheckConstraint("kind IN ('local', 'compensation', 'pulled')", name=op.f("ck_store_changes_kind")),
        sa.CheckConstraint(
            "status IN ('pending', 'in_progress', 'completed', 'conflict', 'failed')",
            name=op.f("ck_store_changes_status"),
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["store_inventory.id"], name=op.f("fk_store_changes_item_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_changes")),
        sa.UniqueConstraint("store_id", "operation_id", name="uq_store_changes_operation"),
    )
    op.create_index(
        "idx_store_changes_head",
        "store_changes",
        ["item_id", "id"],
        unique=False,
        postgresql_where=sa.text("completed_at IS NULL"),
    )
    op.create_index("idx_store_changes_item", "store_changes", ["item_id", "id"], unique=False)
    op.create_index(
        "idx_store_changes_open",
        "store_changes",
        ["store_id", "id"],
        unique=False,
        postgresql_where=sa.text("completed_at IS NULL"),
    )
    op.create_index(
        "idx_store_changes_trouble",
        "store_changes",
        ["store_id", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('conflict', 'failed')"),
    )


def downgrade() -> None:
    op.drop_index(
        "idx_store_changes_trouble",
        table_name="store_changes",
        postgresql_where=sa.text("status IN ('conflict', 'failed')"),
    )
    op.drop_index(
        "idx_store_changes_open", table_name="store_changes", postgresql_where=sa.text("completed_at IS NULL")
    )
    op.drop_index("idx_store_changes_item", table_name="store_changes")
    op.drop_index(
        "idx_store_changes_head", table_name="store_changes", postgresql_where=sa.text("completed_at IS NULL")
    )
    op.drop_table("store_changes")
    op.drop_index("idx_store_inventory_read", table_name="store_inventory", postgresql_where=sa.text("read_due"))
    op.drop_table("store_inventory")
    op.drop_table("stores")
