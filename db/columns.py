"""Columns and constraints that tables of every context share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, DateTime, func


def created_at() -> Column[datetime]:
    """When the row came into being."""
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def updated_at() -> Column[datetime]:
    """When the row was last written; who writes it sets it."""
    return Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of the words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
