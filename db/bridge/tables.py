"""Tables of the `bridge` context (spec: bridge.md; columns of the seed's tables and what its design left out).

What a person configures is in `entity_config` and `field_mappings`; a batch keeps a copy of it (`config`), so that a
change in its middle does not mix. Dead letters are in the shared `failed_records`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from db.columns import created_at, one_of, updated_at
from db.metadata import metadata

SYNC_TYPES = ("full", "incremental", "background", "retry", "children")
BATCH_STATUSES = ("pending", "running", "completed", "completed_with_errors", "failed", "cancelled")
OPEN_STATUSES = ("pending", "running")
SCHEDULE_STATES = ("waiting", "running", "completed")

_EMPTY_OBJECT = text("'{}'::jsonb")
_EMPTY_LIST = text("'[]'::jsonb")
_OPEN = text("status IN ('pending', 'running')")
_UNRESOLVED = text("resolved_at IS NULL")


def _uid() -> Column[Any]:
    return Column("uid", UUID(as_uuid=True), primary_key=True, server_default=func.gen_random_uuid())


def _name(column: str = "entity_name") -> Column[str]:
    # Byte order: names are keys here, compared for equality in every look-up of the state.
    return Column(column, String(100, collation="C"), nullable=False)


def _moment(column: str) -> Column[datetime]:
    return Column(column, DateTime(timezone=True))


def _count(column: str) -> Column[int]:
    return Column(column, BigInteger, nullable=False, server_default="0")


def _marks() -> list[Column[Any]]:
    """Fields of `domain.pipeline.watermark.Mark`."""
    lost = Column("mark_lost", Boolean, nullable=False, server_default=text("false"))
    return [Column("mark_highest", Text), Column("mark_lowest_failed", Text), lost]


METRICS = (
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
"""Fields of `domain.pipeline.metrics.Metrics`, each a column of batches and of pages; rates are computed from them."""

entity_config = Table(
    "entity_config",
    metadata,
    _uid(),
    _name(),
    _name("source_system"),
    Column("connector_api_slug", String(100), nullable=False),
    Column("business_key_fields", JSONB, nullable=False, comment="target fields, in order"),
    Column("fields", JSONB, nullable=False, server_default=_EMPTY_LIST, comment="[config.SourceField]: declared types"),
    Column("sync_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("sync_schedule", String(100)),
    Column("parent_refs_config", JSONB, nullable=False, server_default=_EMPTY_OBJECT, comment="definition.ParentRef"),
    Column("options", JSONB, nullable=False, server_default=_EMPTY_OBJECT, comment="definition.Options"),
    created_at(),
    updated_at(),
    UniqueConstraint("entity_name"),
)

field_mappings = Table(
    "field_mappings",
    metadata,
    _uid(),
    Column(
        "entity_name",
        String(100, collation="C"),
        ForeignKey("entity_config.entity_name", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
    ),
    Column("source_field", String(200), nullable=False),
    Column("target_field", String(200), nullable=False),
    Column("transformation", String(50)),
    Column("default_value", JSONB(none_as_null=True), comment="text, integer or boolean"),
    Column("is_required", Boolean, nullable=False, server_default=text("false")),
    Column("validation_rule", JSONB, nullable=False, server_default=_EMPTY_LIST, comment="[config.Rule]"),
    created_at(),
    UniqueConstraint("entity_name", "source_field", "target_field", name="uq_field_mappings_entity_source_target"),
)

sync_batches = Table(
    "sync_batches",
    metadata,
    _uid(),
    _name(),
    _name("source_system"),
    Column("sync_type", String(50), nullable=False),
    Column("status", String(50), nullable=False, server_default="pending"),
    Column("connector_api_slug", String(100), nullable=False),
    Column("page_size", Integer, nullable=False),
    Column("max_pages", Integer),
    Column("dry_run", Boolean, nullable=False, server_default=text("false")),
    Column("force", Boolean, nullable=False, server_default=text("false")),
    Column("requested_by", String(255)),
    Column("schedule_uid", UUID(as_uuid=True), comment="of a background batch"),
    Column("selection", JSONB(none_as_null=True), comment="of a retry: which letters; see db.bridge.retrying"),
    Column("config", JSONB(none_as_null=True), comment="the entity's configuration when the batch began"),
    Column("begins_after", JSONB(none_as_null=True), comment="keyset cursor of the first page"),
    Column("watermark", String(255), comment="where an incremental fetch began"),
    Column("rowversion_ceiling", String(255), comment="the source's highest when it began: no watermark is past it"),
    Column("total_reported", BigInteger, comment="rows of the source, by its own word"),
    Column("stored_before", BigInteger, comment="live rows known when a full sync began"),
    Column("last_rowversion", String(255), comment="the watermark that the batch left"),
    *_marks(),
    Column("deletion_refused", String(50), comment="deletion.Refusal"),
    Column("sample", JSONB(none_as_null=True), comment="of a dry run: planned changes"),
    Column("error_code", String(100)),
    Column("error_message", Text),
    created_at(),
    _moment("started_at"),
    _moment("completed_at"),
    *(_count(name) for name in METRICS),
    Column("rows_per_second", Numeric(14, 2), nullable=False, server_default="0"),
    Column("success_rate", Numeric(5, 2), nullable=False, server_default="100"),
    one_of("sync_type", SYNC_TYPES),
    one_of("status", BATCH_STATUSES),
    Index("idx_sync_batches_entity", "entity_name", text("created_at DESC")),
    Index("idx_sync_batches_created", text("created_at DESC")),
    # Single flight in the database too: whatever is started how often, one batch of an entity is under way.
    Index("uq_sync_batches_open", "source_system", "entity_name", unique=True, postgresql_where=_OPEN),
)


def _batch() -> Column[Any]:
    return Column("batch_uid", UUID(as_uuid=True), ForeignKey("sync_batches.uid", ondelete="CASCADE"), nullable=False)


batch_pages = Table(
    "batch_pages",
    metadata,
    _batch(),
    Column("page_no", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("last", Boolean, nullable=False, comment="the source had no more"),
    Column("next_after", JSONB(none_as_null=True), comment="keyset cursor of the page that follows"),
    Column("payload", LargeBinary, comment="zstd of the rows as JSON; NULL once processed"),
    Column("letters", JSONB(none_as_null=True), comment="of a retry: where each row came from"),
    Column("fetched_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column(
        "attempt", Integer, nullable=False, server_default="0", comment="of processing; an older one may not commit"
    ),
    Column(
        "keys", LargeBinary, comment="16 bytes per distinct key; set while it is processed, and kept of a full sync"
    ),
    Column("matched", Integer, nullable=False, server_default="0", comment="of the keys, live ones that were known"),
    Column("without_key", Integer, nullable=False, server_default="0"),
    Column("superseded", Integer, nullable=False, server_default="0"),
    *_marks(),
    Column("processed_at", DateTime(timezone=True)),
    *(_count(name) for name in METRICS),
    PrimaryKeyConstraint("batch_uid", "page_no"),
)

batch_values = Table(
    "batch_values",
    metadata,
    _batch(),
    Column("field", String(200), nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="xxHash128 of a value of a `unique_in_batch` field"),
    Column("page_no", Integer, nullable=False),
    PrimaryKeyConstraint("batch_uid", "field", "digest"),
)

record_state = Table(
    "record_state",
    metadata,
    _name("source_system"),
    _name(),
    Column("bk_hash", LargeBinary, nullable=False),
    Column("data_hash", LargeBinary, nullable=False),
    Column("rowversion", Text),
    Column("hash_scheme", String(10), nullable=False),
    Column("raw_hash", LargeBinary, comment="of the row as received and of the configuration that read it"),
    Column("target_uid", Text, comment="the hub's id of the record, once it told"),
    Column("last_seen_batch", UUID(as_uuid=True), comment="that wrote the row; unchanged rows are not written"),
    _moment("deleted_at"),
    PrimaryKeyConstraint("source_system", "entity_name", "bk_hash"),
)

erp_sync_state = Table(
    "erp_sync_state",
    metadata,
    _uid(),
    _name(),
    _name("source_system"),
    Column("last_sync_rowversion", String(255), comment="the watermark"),
    _moment("last_sync_timestamp"),
    Column("last_batch_uid", UUID(as_uuid=True), ForeignKey("sync_batches.uid", ondelete="SET NULL")),
    created_at(),
    updated_at(),
    UniqueConstraint("entity_name", "source_system", name="uq_erp_sync_state_entity_source"),
)

pending_children = Table(
    "pending_children",
    metadata,
    _uid(),
    Column("batch_uid", UUID(as_uuid=True), nullable=False, comment="that met it last"),
    _name("source_system"),
    _name("child_entity"),
    Column("child_bk_hash", LargeBinary, nullable=False),
    Column("child_payload", LargeBinary, nullable=False, comment="the row as received, JSON"),
    Column("ref", String(200), nullable=False),
    _name("parent_entity"),
    Column("parent_bk_hash", LargeBinary, nullable=False),
    Column("retry_count", Integer, nullable=False, server_default="0"),
    Column("max_retries", Integer, nullable=False, server_default="5"),
    _moment("next_retry_at"),
    _moment("last_retry_at"),
    _moment("resolved_at"),
    Column("resolved_by", String(255)),
    created_at(),
    # One open wait per row and reference: a newer state of the child takes the place of the older.
    Index(
        "uq_pending_children_open",
        "source_system",
        "child_entity",
        "child_bk_hash",
        "ref",
        unique=True,
        postgresql_where=_UNRESOLVED,
    ),
    Index(
        "idx_pending_children_parent", "source_system", "parent_entity", "parent_bk_hash", postgresql_where=_UNRESOLVED
    ),
    Index("idx_pending_children_due", "next_retry_at", postgresql_where=_UNRESOLVED),
)

background_sync_schedule = Table(
    "background_sync_schedule",
    metadata,
    _uid(),
    _name(),
    _name("source_system"),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("state", String(20), nullable=False, server_default="waiting"),
    Column("sync_window_start", Time, nullable=False, server_default=text("'19:00:00'")),
    Column("sync_window_end", Time, nullable=False, server_default=text("'07:00:00'")),
    Column("zone", String(100), nullable=False, server_default="UTC", comment="IANA name"),
    Column("days_to_complete", Integer, nullable=False, server_default="7"),
    Column("rows_per_day", BigInteger),
    Column("total_rows_estimate", BigInteger),
    Column("page_size", Integer, nullable=False, server_default="10000"),
    Column("current_offset", BigInteger, nullable=False, server_default="0", comment="rows done in all"),
    Column("cursor", JSONB(none_as_null=True), comment="keyset cursor: the key after which the next page starts"),
    Column("night", Date, comment="the last one worked in, by the day on which it opened"),
    Column("rows_tonight", BigInteger, nullable=False, server_default="0"),
    Column("batch_uid", UUID(as_uuid=True), ForeignKey("sync_batches.uid", ondelete="SET NULL")),
    Column(
        "noted_pages", Integer, nullable=False, server_default="0", comment="pages of the batch that are counted here"
    ),
    Column("last_error", Text),
    _moment("last_run_at"),
    _moment("next_run_at"),
    _moment("completed_at"),
    created_at(),
    updated_at(),
    one_of("state", SCHEDULE_STATES),
    UniqueConstraint("entity_name"),
)
