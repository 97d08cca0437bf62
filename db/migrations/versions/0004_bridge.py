"""bridge: configuration, batches and their pages, record state, waiting children, background schedules; dead letters"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_METRICS = (
    "rows_fetched",
    "rows_normalized",
    "rows_validated",
    "rows_mapped",
    "rows_identified",
    "rows_inserted",
    "rows_updated",
    "rows_deleted",
    "rows_skipped",
    "rows_pending",
    "rows_failed",
    "pages_fetched",
    "bytes_fetched",
    "retries",
    "duration_ms",
)
_LETTER_COLUMNS = (
    "next_retry_at",
    "last_retry_at",
    "max_retries",
    "mapped",
    "normalized",
    "error_type",
    "source_system",
    "entity_name",
)
_TABLES = (
    "background_sync_schedule",
    "pending_children",
    "erp_sync_state",
    "record_state",
    "batch_values",
    "batch_pages",
    "sync_batches",
    "field_mappings",
    "entity_config",
)


def _metrics() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in _METRICS]


def upgrade() -> None:
    _configuration()
    _batches()
    _state()
    _letters()


def downgrade() -> None:
    op.drop_index("idx_failed_records_due", table_name="failed_records")
    op.drop_index("idx_failed_records_open_subject", table_name="failed_records")
    op.drop_index("idx_failed_records_entity", table_name="failed_records")
    for column in _LETTER_COLUMNS:
        op.drop_column("failed_records", column)
    for table in _TABLES:
        op.drop_table(table)


def _configuration() -> None:
    op.create_table(
        "entity_config",
        sa.Column("uid", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("entity_name", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("source_system", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("connector_api_slug", sa.String(length=100), nullable=False),
        sa.Column("business_key_fields", postgresql.JSONB(), nullable=False, comment="target fields, in order"),
        sa.Column(
            "fields",
            postgresql.JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="[config.SourceField]: declared types",
        ),
        sa.Column("sync_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("sync_schedule", sa.String(length=100), nullable=True),
        sa.Column(
            "parent_refs_config",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="definition.ParentRef",
        ),
        sa.Column(
            "options",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="definition.Options",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_entity_config")),
        sa.UniqueConstraint("entity_name", name=op.f("uq_entity_config_entity_name")),
    )
    op.create_table(
        "field_mappings",
        sa.Column("uid", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("entity_name", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("source_field", sa.String(length=200), nullable=False),
        sa.Column("target_field", sa.String(length=200), nullable=False),
        sa.Column("transformation", sa.String(length=50), nullable=True),
        sa.Column("default_value", postgresql.JSONB(), nullable=True, comment="text, integer or boolean"),
        sa.Column("is_required", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "validation_rule",
            postgresql.JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="[config.Rule]",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["entity_name"],
            ["entity_config.entity_name"],
            name=op.f("fk_field_mappings_entity_name"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_field_mappings")),
        sa.UniqueConstraint(
            "entity_name", "source_field", "target_field", name="uq_field_mappings_entity_source_target"
        ),
    )


def _batches() -> None:
    op.create_table(
        "sync_batches",
        sa.Column("uid", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("entity_name", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("source_system", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("sync_type", sa.String(length=50), nullable=False),
        sa.Column("status", sa.String(length=50), server_default="pending", nullable=False),
        sa.Column("connector_api_slug", sa.String(length=100), nullable=False),
        sa.Column("page_size", sa.Integer(), nullable=False),
        sa.Column("max_pages", sa.Integer(), nullable=True),
        sa.Column("dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("force", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=True),
        sa.Column("schedule_uid", sa.UUID(), nullable=True, comment="of a background batch"),
        sa.Column(
            "selection", postgresql.JSONB(), nullable=True, comment="of a retry: which letters; see db.bridge.retrying"
        ),
        sa.Column(
            "config", postgresql.JSONB(), nullable=True, comment="the entity's configuration when the batch began"
        ),
        sa.Column("begins_after", postgresql.JSONB(), nullable=True, comment="keyset cursor of the first page"),
        sa.Column("watermark", sa.String(length=255), nullable=True, comment="where an incremental fetch began"),
        sa.Column(
            "rowversion_ceiling",
            sa.String(length=255),
            nullable=True,
            comment="the source's highest when it began: no watermark is past it",
        ),
        sa.Column("total_reported", sa.BigInteger(), nullable=True, comment="rows of the source, by its own word"),
        sa.Column("stored_before", sa.BigInteger(), nullable=True, comment="live rows known when a full sync began"),
        sa.Column("last_rowversion", sa.String(length=255), nullable=True, comment="the watermark that the batch left"),
        sa.Column("mark_highest", sa.Text(), nullable=True),
        sa.Column("mark_lowest_failed", sa.Text(), nullable=True),
        sa.Column("mark_lost", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("deletion_refused", sa.String(length=50), nullable=True, comment="deletion.Refusal"),
        sa.Column("sample", postgresql.JSONB(), nullable=True, comment="of a dry run: planned changes"),
        sa.Column("error_code", sa.String(length=100), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        *_metrics(),
        sa.Column("rows_per_second", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False),
        sa.Column("success_rate", sa.Numeric(precision=5, scale=2), server_default="100", nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'completed_with_errors', 'failed', 'cancelled')",
            name=op.f("ck_sync_batches_status"),
        ),
        sa.CheckConstraint(
            "sync_type IN ('full', 'incremental', 'background', 'retry', 'children')",
            name=op.f("ck_sync_batches_sync_type"),
        ),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_sync_batches")),
    )
    op.create_index("idx_sync_batches_created", "sync_batches", [sa.literal_column("created_at DESC")], unique=False)
    op.create_index(
        "idx_sync_batches_entity", "sync_batches", ["entity_name", sa.literal_column("created_at DESC")], unique=False
    )
    op.create_index(
        "uq_sync_batches_open",
        "sync_batches",
        ["source_system", "entity_name"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    )
    op.create_table(
        "batch_pages",
        sa.Column("batch_uid", sa.UUID(), nullable=False),
        sa.Column("page_no", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("last", sa.Boolean(), nullable=False, comment="the source had no more"),
        sa.Column("next_after", postgresql.JSONB(), nullable=True, comment="keyset cursor of the page that follows"),
        sa.Column("payload", sa.LargeBinary(), nullable=True, comment="zstd of the rows as JSON; NULL once processed"),
        sa.Column("letters", postgresql.JSONB(), nullable=True, comment="of a retry: where each row came from"),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "attempt",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="of processing; an older one may not commit",
        ),
        sa.Column(
            "keys",
            sa.LargeBinary(),
            nullable=True,
            comment="16 bytes per distinct key; set while it is processed, and kept of a full sync",
        ),
        sa.Column(
            "matched",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="of the keys, live ones that were known",
        ),
        sa.Column("without_key", sa.Integer(), server_default="0", nullable=False),
        sa.Column("superseded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("mark_highest", sa.Text(), nullable=True),
        sa.Column("mark_lowest_failed", sa.Text(), nullable=True),
        sa.Column("mark_lost", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        *_metrics(),
        sa.ForeignKeyConstraint(
            ["batch_uid"], ["sync_batches.uid"], name=op.f("fk_batch_pages_batch_uid"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_uid", "page_no", name=op.f("pk_batch_pages")),
    )
    op.create_table(
        "batch_values",
        sa.Column("batch_uid", sa.UUID(), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="xxHash128 of a value of a `unique_in_batch` field"
        ),
        sa.Column("page_no", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_uid"], ["sync_batches.uid"], name=op.f("fk_batch_values_batch_uid"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_uid", "field", "digest", name=op.f("pk_batch_values")),
    )


def _state() -> None:
    op.create_table(
        "record_state",
        sa.Column("source_system", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("entity_name", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("bk_hash", sa.LargeBinary(), nullable=False),
        sa.Column("data_hash", sa.LargeBinary(), nullable=False),
        sa.Column("rowversion", sa.Text(), nullable=True),
        sa.Column("hash_scheme", sa.String(length=10), nullable=False),
        sa.Column(
            "raw_hash",
            sa.LargeBinary(),
            nullable=True,
            comment="of the row as received and of the configuration that read it",
        ),
        sa.Column("target_uid", sa.Text(), nullable=True, comment="the hub's id of the record, once it told"),
        sa.Column(
            "last_seen_batch", sa.UUID(), nullable=True, comment="that wrote the row; unchanged rows are not written"
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source_system", "entity_name", "bk_hash", name=op.f("pk_record_state")),
    )
    op.create_table(
        "erp_sync_state",
        sa.Column("uid", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("entity_name", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("source_system", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("last_sync_rowversion", sa.String(length=255), nullable=True, comment="the watermark"),
        sa.Column("last_sync_timestamp", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_batch_uid", sa.UUID(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["last_batch_uid"], ["sync_batches.uid"], name=op.f("fk_erp_sync_state_last_batch_uid"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_erp_sync_state")),
        sa.UniqueConstraint("entity_name", "source_system", name="uq_erp_sync_state_entity_source"),
    )
    op.create_table(
        "pending_children",
        sa.Column("uid", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("batch_uid", sa.UUID(), nullable=False, comment="that met it last"),
        sa.Column("source_system", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("child_entity", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("child_bk_hash", sa.LargeBinary(), nullable=False),
        sa.Column("child_payload", sa.LargeBinary(), nullable=False, comment="the row as received, JSON"),
        sa.Column("ref", sa.String(length=200), nullable=False),
        sa.Column("parent_entity", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("parent_bk_hash", sa.LargeBinary(), nullable=False),
        sa.Column("retry_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_retries", sa.Integer(), server_default="5", nullable=False),
        sa.Column("next_retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_pending_children")),
    )
    op.create_index(
        "idx_pending_children_due",
        "pending_children",
        ["next_retry_at"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "idx_pending_children_parent",
        "pending_children",
        ["source_system", "parent_entity", "parent_bk_hash"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "uq_pending_children_open",
        "pending_children",
        ["source_system", "child_entity", "child_bk_hash", "ref"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "background_sync_schedule",
        sa.Column("uid", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("entity_name", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("source_system", sa.String(length=100, collation="C"), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="waiting", nullable=False),
        sa.Column("sync_window_start", sa.Time(), server_default=sa.text("'19:00:00'"), nullable=False),
        sa.Column("sync_window_end", sa.Time(), server_default=sa.text("'07:00:00'"), nullable=False),
        sa.Column("zone", sa.String(length=100), server_default="UTC", nullable=False, comment="IANA name"),
        sa.Column("days_to_complete", sa.Integer(), server_default="7", nullable=False),
        sa.Column("rows_per_day", sa.BigInteger(), nullable=True),
        sa.Column("total_rows_estimate", sa.BigInteger(), nullable=True),
        sa.Column("page_size", sa.Integer(), server_default="10000", nullable=False),
        sa.Column("current_offset", sa.BigInteger(), server_default="0", nullable=False, comment="rows done in all"),
        sa.Column(
            "cursor",
            postgresql.JSONB(),
            nullable=True,
            comment="keyset cursor: the key after which the next page starts",
        ),
        sa.Column("night", sa.Date(), nullable=True, comment="the last one worked in, by the day on which it opened"),
        sa.Column("rows_tonight", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("batch_uid", sa.UUID(), nullable=True),
        sa.Column(
            "noted_pages",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="pages of the batch that are counted here",
        ),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'completed')", name=op.f("ck_background_sync_schedule_state")
        ),
        sa.ForeignKeyConstraint(
            ["batch_uid"], ["sync_batches.uid"], name=op.f("fk_background_sync_schedule_batch_uid"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_background_sync_schedule")),
        sa.UniqueConstraint("entity_name", name=op.f("uq_background_sync_schedule_entity_name")),
    )


def _letters() -> None:
    op.add_column("failed_records", sa.Column("entity_name", sa.String(length=100, collation="C"), nullable=True))
    op.add_column("failed_records", sa.Column("source_system", sa.String(length=100, collation="C"), nullable=True))
    op.add_column("failed_records", sa.Column("error_type", sa.String(length=100), nullable=True))
    op.add_column(
        "failed_records", sa.Column("normalized", postgresql.JSONB(), nullable=True, comment="the row after stage 2")
    )
    op.add_column(
        "failed_records", sa.Column("mapped", postgresql.JSONB(), nullable=True, comment="the row after stage 4")
    )
    op.add_column("failed_records", sa.Column("max_retries", sa.Integer(), nullable=True))
    op.add_column("failed_records", sa.Column("last_retry_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "failed_records",
        sa.Column(
            "next_retry_at", sa.DateTime(timezone=True), nullable=True, comment="NULL: a person has to ask for it"
        ),
    )
    op.create_index(
        "idx_failed_records_due",
        "failed_records",
        ["context", "next_retry_at"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL AND next_retry_at IS NOT NULL"),
    )
    op.create_index(
        "idx_failed_records_open_subject",
        "failed_records",
        ["context", "entity_name", "subject"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "idx_failed_records_entity",
        "failed_records",
        ["context", "entity_name", sa.literal_column("created_at DESC")],
        unique=False,
    )
