"""cards: what a webhook asks to be read again; order items belong to their seller"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook_inbox", sa.Column("blueprint_ids", postgresql.ARRAY(sa.Integer()), nullable=True))
    op.add_column(
        "webhook_inbox",
        sa.Column(
            "unmatched",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a product of it had no stock row: a bulk sync under way may bring an older one",
        ),
    )
    op.add_column("webhook_inbox", sa.Column("reread_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "idx_webhook_inbox_waiting", "webhook_inbox", ["received_at"], postgresql_where=sa.text("processed_at IS NULL")
    )
    op.add_column("order_lines", sa.Column("blueprint_id", sa.Integer(), nullable=False))
    # Order ids can be guessed: what one seller's app signs must not count for another's order.
    op.drop_constraint("uq_order_lines_order_id", "order_lines")
    op.create_unique_constraint("uq_order_lines_item", "order_lines", ["user_id", "order_id", "order_item_id"])


def downgrade() -> None:
    op.drop_constraint("uq_order_lines_item", "order_lines")
    op.create_unique_constraint("uq_order_lines_order_id", "order_lines", ["order_id", "order_item_id"])
    op.drop_column("order_lines", "blueprint_id")
    op.drop_index(
        "idx_webhook_inbox_waiting", table_name="webhook_inbox", postgresql_where=sa.text("processed_at IS NULL")
    )
    for column in ("reread_at", "unmatched", "blueprint_ids"):
        op.drop_column("webhook_inbox", column)
