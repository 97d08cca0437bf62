"""Columns and constraints that the tables of the context share."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, String, func
from sqlalchemy.dialects.postgresql import UUID


def created_at() -> Column[datetime]:
    """When the row came into being."""
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def owner() -> Column[uuid.UUID]:
    """The seller; rows go with the settings row."""
    return Column(
        "user_id",
        UUID(as_uuid=True),
        ForeignKey("user_sync_settings.user_id", ondelete="CASCADE"),
        nullable=False,
    )


def operation() -> Column[str]:
    """The operation a row belongs to; rows go with it."""
    return Column(
        "operation_id",
        String(255),
        ForeignKey("sync_operations.operation_id", ondelete="CASCADE"),
        nullable=False,
    )


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of the words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
