"""What people configure: entities, how their fields are mapped, when large ones are synchronised."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from db.bridge.columns import EMPTY_LIST, EMPTY_OBJECT, moment, name, uid
from db.columns import created_at, one_of, updated_at
from db.metadata import metadata

SCHEDULE_STATES = ("waiting", "running", "completed")

entity_config = Table(
    "entity_config",
    metadata,
    uid(),
    name(),
    name("source_system"),
    Column("connector_api_slug", String(100), nullable=False),
    Column("business_key_fields", JSONB, nullable=False, comment="target fields, in order"),
    Column("fields", JSONB, nullable=False, server_default=EMPTY_LIST, comment="[config.SourceField]: declared types"),
    Column("sync_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("sync_schedule", String(100)),
    Column("parent_refs_config", JSONB, nullable=False, server_default=EMPTY_OBJECT, comment="definition.ParentRef"),
    Column("options", JSONB, nullable=False, server_default=EMPTY_OBJECT, comment="definition.Options"),
    created_at(),
    updated_at(),
    UniqueConstraint("entity_name"),
)

field_mappings = Table(
    "field_mappings",
    metadata,
    uid(),
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
    Column("validation_rule", JSONB, nullable=False, server_default=EMPTY_LIST, comment="[config.Rule]"),
    created_at(),
    UniqueConstraint("entity_name", "source_field", "target_field", name="uq_field_mappings_entity_source_target"),
)

background_sync_schedule = Table(
    "background_sync_schedule",
    metadata,
    uid(),
    name(),
    name("source_system"),
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
    moment("last_run_at"),
    moment("next_run_at"),
    moment("completed_at"),
    created_at(),
    updated_at(),
    one_of("state", SCHEDULE_STATES),
    UniqueConstraint("entity_name"),
)
