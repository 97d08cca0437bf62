"""Tables of what a reconciliation found different (spec: cards.md).

No foreign keys to the operation: a chunk that waited for it would meet whoever closes the operation, which holds it
and waits for the chunk.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from db.cards.columns import owner
from db.columns import created_at, one_of
from db.metadata import metadata

DRIFT_KINDS = ("corrected", "missing", "extra")
DRIFT_CAUSES = ("missed_webhook", "edited_on_cardtrader", "write_failed", "job_item_refused", "unknown")

drift_items = Table(
    "drift_items",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    owner(),
    Column("operation_id", String(255), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("blueprint_id", Integer, nullable=False),
    Column("product_id", BigInteger, nullable=False),
    Column("field", String(100), nullable=False, server_default="", comment="empty for a whole row"),
    Column("old", JSONB, comment="ours, before"),
    Column("new", JSONB, comment="CardTrader's"),
    Column("cause", String(50), nullable=False, server_default=text("'unknown'")),
    created_at(),
    one_of("kind", DRIFT_KINDS),
    one_of("cause", DRIFT_CAUSES),
    Index("uq_drift_items_field", "operation_id", "product_id", "field", unique=True),
)

drift_counts = Table(
    "drift_counts",
    metadata,
    owner(),
    Column("operation_id", String(255), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("cause", String(50), nullable=False),
    Column("rows", Integer, nullable=False, comment="exact, however few of them are in drift_items"),
    PrimaryKeyConstraint("operation_id", "kind", "cause"),
    comment="sums while a reconciliation runs; its operation keeps them",
)

found_sales = Table(
    "found_sales",
    metadata,
    owner(),
    Column("operation_id", String(255), nullable=False),
    Column("order_id", BigInteger, nullable=False),
    Column("product_id", BigInteger, nullable=False),
    Column("blueprint_id", Integer, nullable=False),
    Column("copies", Integer, nullable=False),
    Column("quantity_before", Integer, comment="of the stock row, before the sale was taken off; NULL: there was none"),
    created_at(),
    PrimaryKeyConstraint("operation_id", "order_id", "product_id"),
    comment="sales that a reconciliation read from the orders, and of which no webhook had told",
)
