"""Tables of what is to be done at CardTrader: changes, the plans that approve them, purchases (spec: cards.md).

An intent is recorded in the transaction that changes the stock row, and ends with an outcome; `ended_at IS NULL`
is what is still owed to the seller (law L3).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from db.cards.columns import operation, owner
from db.columns import created_at, one_of
from db.metadata import metadata

CHANGE_ACTIONS = ("create", "update", "delete")
CHANGE_STATES = ("waiting", "held", "sending", "accepted", "verified", "failed", "cancelled")
PLAN_STATES = ("waiting", "approved", "cancelled", "replaced")
PURCHASE_STATES = ("reserved", "taking", "sending", "purchased", "refused")

change_plans = Table(
    "change_plans",
    metadata,
    Column("plan_id", UUID(as_uuid=True), primary_key=True),
    owner(),
    Column("state", String(20), nullable=False, server_default="waiting"),
    Column("summary", JSONB, nullable=False),
    created_at(),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", String(255)),
    one_of("state", PLAN_STATES),
    # One at a time: two takers of the same changes cannot both make one.
    Index("uq_change_plans_waiting", "user_id", unique=True, postgresql_where=text("state = 'waiting'")),
)

item_changes = Table(
    "item_changes",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    owner(),
    operation(),
    Column("action", String(20), nullable=False),
    Column("state", String(20), nullable=False, server_default="waiting"),
    Column("item_id", BigInteger, comment="the stock row; none yet for a new listing"),
    Column("blueprint_id", Integer, nullable=False),
    Column("product_id", BigInteger, comment="CardTrader's id; none yet for a new listing"),
    Column("wanted", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="fields with their new values"),
    Column("delta", Integer, nullable=False, server_default="0", comment="difference of quantity to the version seen"),
    Column("quantity_seen", Integer, comment="copies there were to be before it; none for a new listing"),
    Column("price_seen", Integer, comment="cents, before it; none for a new listing"),
    Column("marker", String(64), comment="written into user_data_field, so that a retry finds its own listing"),
    Column("plan_id", UUID(as_uuid=True), ForeignKey("change_plans.plan_id")),
    Column("batch_id", UUID(as_uuid=True), comment="taken together: sent, followed and verified before any other"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("quantity_before", Integer, comment="CardTrader's quantity as read before the difference was sent"),
    Column("job_uuid", UUID(as_uuid=True)),
    Column("job_index", Integer),
    Column("reason", String(50), comment="a code; why it failed"),
    Column("detail", Text, comment="a sentence, made of our words and of names of fields"),
    created_at(),
    Column("sent_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    one_of("action", CHANGE_ACTIONS),
    one_of("state", CHANGE_STATES),
    UniqueConstraint("marker"),
    Index("idx_item_changes_open", "user_id", "id", postgresql_where=text("ended_at IS NULL")),
    Index("idx_item_changes_recent", "user_id", "created_at"),
    Index("idx_item_changes_item", "item_id", postgresql_where=text("ended_at IS NULL")),
    Index(
        "idx_item_changes_batch",
        "batch_id",
        "id",
        postgresql_where=text("batch_id IS NOT NULL AND ended_at IS NULL"),
    ),
    Index("idx_item_changes_operation", "operation_id"),
    Index("idx_item_changes_plan", "plan_id", postgresql_where=text("plan_id IS NOT NULL")),
)

purchases = Table(
    "purchases",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    owner(),
    operation(),
    Column("idempotency_key", String(255), nullable=False),
    Column("item_id", BigInteger, nullable=False),
    Column("blueprint_id", Integer, nullable=False),
    Column("product_id", BigInteger, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("state", String(20), nullable=False, server_default="reserved"),
    Column("local_before", Integer, nullable=False, comment="quantity of the row when it was reserved"),
    Column("quantity_before", Integer, comment="CardTrader's quantity as read before the copies were taken"),
    Column("remaining", Integer, comment="left after a purchase"),
    Column("reason", String(50), comment="a code; why it was refused"),
    created_at(),
    Column("sent_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("quantity > 0", name="quantity"),
    one_of("state", PURCHASE_STATES),
    UniqueConstraint("user_id", "idempotency_key", name="uq_purchases_key"),
    Index("idx_purchases_operation", "operation_id"),
    Index("idx_purchases_open", "created_at", postgresql_where=text("ended_at IS NULL")),
    # One at a time reads CardTrader's quantity and takes from it: whoever is second waits for its turn.
    Index(
        "uq_purchases_turn",
        "user_id",
        "product_id",
        unique=True,
        postgresql_where=text("state IN ('taking', 'sending')"),
    ),
)
