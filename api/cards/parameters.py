"""What the routes share: their prefix, cursors, pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query

from api.errors import InvalidInput
from api.parameters import MAX_BIGINT
from db.keyset import Position

# On each router, not where they are included: a route then knows its whole template, which labels metrics.
PREFIX: Final = "/api/v1/sync"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

CursorQuery = Annotated[
    str | None, Query(max_length=100, description="`next_cursor` of the page before; absent for the first page")
]
LimitQuery = Annotated[int, Query(description="rows per page; values outside 1..1000 are clamped")]


def clamp(value: int, low: int, high: int) -> int:
    """The nearest value within the bounds."""
    return max(low, min(high, value))


def page_size(limit: int) -> int:
    """A page holds 1..1000 rows."""
    return clamp(limit, 1, 1000)


def encode_cursor(position: Position) -> str:
    """An opaque text that names a position."""
    micros = (position.at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{micros}.{position.id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> Position | None:
    """The position a cursor names. Raises `InvalidInput` for a text that is none of ours."""
    if cursor is None:
        return None
    try:
        micros, row_id = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode().split(".")
        position = Position(_EPOCH + timedelta(microseconds=int(micros)), int(row_id))
    except (ValueError, OverflowError, binascii.Error):
        raise InvalidInput("The cursor is not one of ours.", field="cursor") from None
    if not -MAX_BIGINT <= position.id <= MAX_BIGINT:
        raise InvalidInput("The cursor is not one of ours.", field="cursor")
    return position


def next_cursor(positions: Sequence[Position], limit: int) -> str | None:
    """The cursor of the page after this one; None when this page was not full."""
    return encode_cursor(positions[-1]) if positions and len(positions) >= limit else None
