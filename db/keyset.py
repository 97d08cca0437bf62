"""Keyset pagination: newest first over (timestamp, id), a page starts after the last row of the one before."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, literal, tuple_


class Position(NamedTuple):
    """Where a page ended."""

    at: datetime
    id: int


def older_than(at: ColumnElement[datetime], row_id: ColumnElement[int], position: Position) -> ColumnElement[bool]:
    """Rows after `position` in the order (at DESC, id DESC); one range of an index over both."""
    key: ColumnElement[Any] = tuple_(at, row_id)
    return key < tuple_(literal(position.at, at.type), literal(position.id, row_id.type))
