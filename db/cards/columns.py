"""Columns that the tables of the context share."""

from __future__ import annotations

import uuid

from sqlalchemy import Column, ForeignKey, String
from sqlalchemy.dialects.postgresql import UUID


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
