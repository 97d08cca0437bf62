"""The table of dead letters, all contexts: what could not be used, where, and why (law L3)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from db.columns import created_at
from db.metadata import metadata

failed_records = Table(
    "failed_records",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("context", String(50), nullable=False),
    Column("user_id", UUID(as_uuid=True), ForeignKey("user_sync_settings.user_id", ondelete="CASCADE")),
    Column("operation_id", String(255), nullable=False),
    Column("subject", String(255), nullable=False, comment="what failed: a product id, a chunk, a row key"),
    Column("stage", String(50), nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, comment="the record as received"),
    Column("retries", Integer, nullable=False, server_default="0"),
    created_at(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("resolved_at", DateTime(timezone=True)),
    Column("resolved_by", String(255)),
    # Of the bridge, whose letters are tried again by a schedule.
    Column("entity_name", String(100, collation="C")),
    Column("source_system", String(100, collation="C")),
    Column("error_type", String(100)),
    Column("normalized", JSONB(none_as_null=True), comment="the row after stage 2"),
    Column("mapped", JSONB(none_as_null=True), comment="the row after stage 4"),
    Column("kept", LargeBinary, comment="the row's cells as far as it came; see domain.pipeline.kept"),
    Column("max_retries", Integer),
    Column("last_retry_at", DateTime(timezone=True)),
    Column("next_retry_at", DateTime(timezone=True), comment="NULL: a person has to ask for it"),
    # One open letter per subject: a product that stays poisoned is one record, however many syncs meet it.
    Index(
        "uq_failed_records_open",
        "context",
        "user_id",
        "stage",
        "subject",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=text("resolved_at IS NULL"),
    ),
    Index("idx_failed_records_operation", "operation_id"),
    Index("idx_failed_records_entity", "context", "entity_name", text("created_at DESC")),
    Index(
        "idx_failed_records_open_subject",
        "context",
        "entity_name",
        "subject",
        postgresql_where=text("resolved_at IS NULL"),
    ),
    Index(
        "idx_failed_records_due",
        "context",
        "next_retry_at",
        postgresql_where=text("resolved_at IS NULL AND next_retry_at IS NOT NULL"),
    ),
)
