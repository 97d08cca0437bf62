"""bridge: what was kept of failed rows, superseded rows, deletions that a dry run plans"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kept = sa.Column(
        "kept", sa.LargeBinary(), nullable=True, comment="the row's cells as far as it came; see domain.pipeline.kept"
    )
    op.add_column("failed_records", kept)
    op.create_table(
        "superseded_rows",
        sa.Column("batch_uid", sa.UUID(), nullable=False),
        sa.Column("page_no", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False, comment="its place among the rows of its page that were read"),
        sa.Column("bk_hash", sa.LargeBinary(), nullable=False),
        sa.Column("rowversion", sa.Text(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False, comment="the row as received, JSON"),
        sa.ForeignKeyConstraint(
            ["batch_uid"],
            ["sync_batches.uid"],
            name=op.f("fk_superseded_rows_batch_uid"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("batch_uid", "page_no", "row", name=op.f("pk_superseded_rows")),
    )
    op.create_table(
        "planned_deletions",
        sa.Column("batch_uid", sa.UUID(), nullable=False),
        sa.Column("bk_hash", sa.LargeBinary(), nullable=False, comment="of a row that a dry run would delete"),
        sa.ForeignKeyConstraint(
            ["batch_uid"],
            ["sync_batches.uid"],
            name=op.f("fk_planned_deletions_batch_uid"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("batch_uid", "bk_hash", name=op.f("pk_planned_deletions")),
    )


def downgrade() -> None:
    op.drop_table("planned_deletions")
    op.drop_table("superseded_rows")
    op.drop_column("failed_records", "kept")
