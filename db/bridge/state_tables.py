"""What is known of the hub: rows that were told, how far the source was read, children that wait for parents."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from db.bridge.columns import moment, name, uid
from db.columns import created_at, updated_at
from db.metadata import metadata

UNRESOLVED = text("resolved_at IS NULL")

record_state = Table(
    "record_state",
    metadata,
    name("source_system"),
    name(),
    Column("bk_hash", LargeBinary, nullable=False),
    Column("data_hash", LargeBinary, nullable=False),
    Column("rowversion", Text),
    Column("hash_scheme", String(10), nullable=False),
    Column("raw_hash", LargeBinary, comment="of the row as received and of the configuration that read it"),
    Column("target_uid", Text, comment="the hub's id of the record, once it told"),
    Column("last_seen_batch", UUID(as_uuid=True), comment="that wrote the row; unchanged rows are not written"),
    moment("deleted_at"),
    PrimaryKeyConstraint("source_system", "entity_name", "bk_hash"),
)

erp_sync_state = Table(
    "erp_sync_state",
    metadata,
    uid(),
    name(),
    name("source_system"),
    Column("last_sync_rowversion", String(255), comment="the watermark"),
    moment("last_sync_timestamp"),
    Column("last_batch_uid", UUID(as_uuid=True), ForeignKey("sync_batches.uid", ondelete="SET NULL")),
    created_at(),
    updated_at(),
    UniqueConstraint("entity_name", "source_system", name="uq_erp_sync_state_entity_source"),
)

pending_children = Table(
    "pending_children",
    metadata,
    uid(),
    Column("batch_uid", UUID(as_uuid=True), nullable=False, comment="that met it last"),
    name("source_system"),
    name("child_entity"),
    Column("child_bk_hash", LargeBinary, nullable=False),
    Column("child_payload", LargeBinary, nullable=False, comment="the row as received, JSON"),
    Column("ref", String(200), nullable=False),
    name("parent_entity"),
    Column("parent_bk_hash", LargeBinary, nullable=False),
    Column("retry_count", Integer, nullable=False, server_default="0"),
    Column("max_retries", Integer, nullable=False, server_default="5"),
    moment("next_retry_at"),
    moment("last_retry_at"),
    moment("resolved_at"),
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
        postgresql_where=UNRESOLVED,
    ),
    Index(
        "idx_pending_children_parent", "source_system", "parent_entity", "parent_bk_hash", postgresql_where=UNRESOLVED
    ),
    Index("idx_pending_children_due", "next_retry_at", postgresql_where=UNRESOLVED),
)
