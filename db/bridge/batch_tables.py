"""Batches, and the pages and values of those that run; a batch keeps a copy of the configuration it began with.

The pages of the last full sync stay, for the keys it met.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from db.bridge.columns import METRICS, count, marks, moment, name, uid
from db.columns import created_at, one_of
from db.metadata import metadata

SYNC_TYPES = ("full", "incremental", "background", "retry", "children")
BATCH_STATUSES = ("pending", "running", "completed", "completed_with_errors", "failed", "cancelled")
OPEN_STATUSES = ("pending", "running")
_OPEN = text("status IN ('pending', 'running')")

sync_batches = Table(
    "sync_batches",
    metadata,
    uid(),
    name(),
    name("source_system"),
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
    *marks(),
    Column("deletion_refused", String(50), comment="deletion.Refusal"),
    Column("sample", JSONB(none_as_null=True), comment="of a dry run: planned changes"),
    Column("error_code", String(100)),
    Column("error_message", Text),
    created_at(),
    moment("started_at"),
    moment("completed_at"),
    *(count(name) for name in METRICS),
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
    """The batch that a row is of, and goes with."""
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
    *marks(),
    Column("processed_at", DateTime(timezone=True)),
    *(count(name) for name in METRICS),
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

superseded_rows = Table(
    "superseded_rows",
    metadata,
    _batch(),
    Column("page_no", Integer, nullable=False),
    Column("row", Integer, nullable=False, comment="its place among the rows of its page that were read"),
    Column("bk_hash", LargeBinary, nullable=False),
    Column("rowversion", Text),
    Column("raw", LargeBinary, nullable=False, comment="the row as received, JSON"),
    PrimaryKeyConstraint("batch_uid", "page_no", "row"),
)

planned_deletions = Table(
    "planned_deletions",
    metadata,
    _batch(),
    Column("bk_hash", LargeBinary, nullable=False, comment="of a row that a dry run would delete"),
    PrimaryKeyConstraint("batch_uid", "bk_hash"),
)
