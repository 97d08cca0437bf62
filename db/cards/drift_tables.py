"""Table of what a reconciliation found different, one row per product and field (spec: cards.md)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from db.cards.columns import created_at, one_of, operation, owner
from db.metadata import metadata

DRIFT_KINDS = ("corrected", "missing", "extra")
DRIFT_CAUSES = ("missed_webhook", "edited_on_cardtrader", "write_failed", "job_item_refused", "unknown")

drift_items = Table(
    "drift_items",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    owner(),
    operation(),
    Column("kind", String(20), nullable=False),
    Column("blueprint_id", Integer, nullable=False),
    Column("product_id", BigInteger, nullable=False),
    Column("field", String(50), nullable=False, server_default="", comment="empty for a whole row"),
    Column("old", JSONB, comment="ours, before"),
    Column("new", JSONB, comment="CardTrader's"),
    Column("cause", String(50), nullable=False, server_default=text("'unknown'")),
    created_at(),
    one_of("kind", DRIFT_KINDS),
    one_of("cause", DRIFT_CAUSES),
    Index("uq_drift_items_field", "operation_id", "product_id", "field", unique=True),
)
