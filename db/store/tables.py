"""Tables of the `store` context (spec: store.md).

`store_changes` is the ledger of an item: quantity = opening + the deltas of its rows. `completed_at IS NULL` is what
central does not have yet; of an item only the oldest of these is ever sent. Lock order: the item, then its changes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from db.columns import created_at, one_of
from db.metadata import metadata
from domain.store.vocabulary import KINDS, STATUSES, STRATEGIES


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


stores = Table(
    "stores",
    metadata,
    Column("store_id", String(64, collation="C"), primary_key=True),
    Column("strategy", String(20), nullable=False, server_default="rebase"),
    Column("failed_passes", Integer, nullable=False, server_default="0", comment="in a row, central being away"),
    Column("next_pass_at", DateTime(timezone=True), comment="no earlier, unless somebody asks for it"),
    Column("last_pass_at", DateTime(timezone=True)),
    # Totals since ever, for Prometheus: changed once a pass, so that no sale waits for them.
    _count("passes"),
    Column("pass_seconds", Double, nullable=False, server_default="0"),
    _count("attempts"),
    _count("pushed"),
    _count("conflicts"),
    _count("failures"),
    _count("responses"),
    Column("response_seconds", Double, nullable=False, server_default="0"),
    created_at(),
    one_of("strategy", STRATEGIES),
)

store_inventory = Table(
    "store_inventory",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("store_id", String(64, collation="C"), ForeignKey("stores.store_id", ondelete="CASCADE"), nullable=False),
    Column("sku", String(100, collation="C"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("quantity", BigInteger, nullable=False, server_default="0", comment="central's + what it does not have yet"),
    Column("opening", BigInteger, nullable=False, server_default="0", comment="sum of deltas that were pruned"),
    Column("version", BigInteger, nullable=False, server_default="0", comment="counts movements here"),
    Column("central_version", BigInteger, comment="when central was last heard of"),
    Column("central_quantity", BigInteger, comment="at central_version; NULL: not told"),
    Column("chained_version", BigInteger, comment="central's version after our last own push"),
    Column("read_due", Boolean, nullable=False, server_default="true", comment="central is to be read"),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_synced_at", DateTime(timezone=True)),
    UniqueConstraint("store_id", "sku", name="uq_store_inventory_sku"),
    Index("idx_store_inventory_read", "store_id", "id", postgresql_where=text("read_due")),
)

store_changes = Table(
    "store_changes",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("store_id", String(64, collation="C"), nullable=False),
    Column("item_id", BigInteger, ForeignKey("store_inventory.id", ondelete="CASCADE"), nullable=False),
    Column("operation_id", UUID(as_uuid=True), nullable=False),
    Column("kind", String(20), nullable=False, server_default="local"),
    Column("delta", BigInteger, nullable=False),
    Column("local_version", BigInteger, nullable=False),
    Column("asked_version", BigInteger, comment="central's version as the caller knew it; NULL: not given"),
    Column("base_central_version", BigInteger, nullable=False, server_default="0"),
    Column("sent_version", BigInteger, comment="as last sent: a repeat must be the same request; NULL: not sent"),
    Column("status", String(20), nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("approved", Boolean, nullable=False, server_default="false", comment="wanted by a person after a conflict"),
    Column("error", String(50), comment="a code"),
    Column("compensates", UUID(as_uuid=True), comment="the operation that this row takes back"),
    Column("answer", JSONB, comment="what the caller was told, for whoever asks again"),
    Column("next_attempt_at", DateTime(timezone=True)),
    created_at(),
    Column("completed_at", DateTime(timezone=True)),
    one_of("kind", KINDS),
    one_of("status", STATUSES),
    # What is completed has an end, what waits has none; a conflict or a failure ends when it is taken back.
    CheckConstraint("(status = 'completed') <= (completed_at IS NOT NULL)", name="completed"),
    CheckConstraint("(status IN ('pending', 'in_progress')) <= (completed_at IS NULL)", name="open"),
    UniqueConstraint("store_id", "operation_id", name="uq_store_changes_operation"),
    Index("idx_store_changes_open", "store_id", "id", postgresql_where=text("completed_at IS NULL")),
    Index("idx_store_changes_head", "item_id", "id", postgresql_where=text("completed_at IS NULL")),
    Index("idx_store_changes_item", "item_id", "id"),
    Index(
        "idx_store_changes_trouble",
        "store_id",
        "id",
        postgresql_where=text("status IN ('conflict', 'failed')"),
    ),
)
