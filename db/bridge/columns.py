"""Columns that the tables of the context share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

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

EMPTY_OBJECT = text("'{}'::jsonb")
EMPTY_LIST = text("'[]'::jsonb")


def uid() -> Column[Any]:
    """The identity of a row."""
    return Column("uid", UUID(as_uuid=True), primary_key=True, server_default=func.gen_random_uuid())


def name(column: str = "entity_name") -> Column[str]:
    """An entity or a source system."""
    # Byte order: names are keys here, compared for equality in every look-up of the state.
    return Column(column, String(100, collation="C"), nullable=False)


def moment(column: str) -> Column[datetime]:
    """A time that may not have come."""
    return Column(column, DateTime(timezone=True))


def count(column: str) -> Column[int]:
    """A number of rows, bytes or the like."""
    return Column(column, BigInteger, nullable=False, server_default="0")


def marks() -> list[Column[Any]]:
    """Fields of `domain.pipeline.watermark.Mark`."""
    lost = Column("mark_lost", Boolean, nullable=False, server_default=text("false"))
    return [Column("mark_highest", Text), Column("mark_lowest_failed", Text), lost]
