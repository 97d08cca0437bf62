"""retention: what is deleted with operations and plans is found by an index"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("idx_purchases_operation", "purchases", ["operation_id"])
    op.create_index(
        "idx_item_changes_plan", "item_changes", ["plan_id"], postgresql_where=sa.text("plan_id IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("idx_item_changes_plan", table_name="item_changes")
    op.drop_index("idx_purchases_operation", table_name="purchases")
