"""What the routes share: bounds, preconditions, cursors."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Final
from uuid import UUID

from fastapi import Header, Path, Query
from pydantic import BeforeValidator

from api.errors import InvalidInput
from api.parameters import MAX_BIGINT

PREFIX: Final = "/v1/local"
MOST_MOVED: Final = 10**9
_SKU: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._:+#-]{0,99}$"
_TAG: Final = re.compile(r'\s*"?([0-9]{1,18})"?\s*')

Sku = Annotated[str, Path(pattern=_SKU, max_length=100, description="the item, as central knows it")]
OperationId = Annotated[UUID, Path(description="the movement")]
IfMatch = Annotated[
    str | None,
    Header(max_length=1000, description='local version(s) the movement is meant for, as in `"7"`; `*` is any'),
]
CursorQuery = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before; absent for the first page")
]
LimitQuery = Annotated[
    int,
    BeforeValidator(lambda value: max(1, min(1000, int(value)))),
    Query(description="rows per page; values outside 1..1000 are clamped"),
]


def versions(if_match: str | None) -> frozenset[int] | None:
    """The versions an If-Match header accepts; None is any. What is none of our tags matches nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = (_TAG.fullmatch(tag) for tag in if_match.split(","))
    return frozenset(int(tag[1]) for tag in tags if tag)


def etag(version: int) -> str:
    """The header of one version."""
    return f'"{version}"'


def encode_cursor(last: str | int) -> str:
    """An opaque text that names where a page ended."""
    return base64.urlsafe_b64encode(str(last).encode()).decode().rstrip("=")


def sku_cursor(cursor: str | None) -> str | None:
    """The SKU a page ended with. Raises `InvalidInput` for a text that is none of ours."""
    if cursor is None:
        return None
    found = _decoded(cursor)
    if not re.fullmatch(_SKU, found):
        raise InvalidInput("The cursor is not one of ours.", field="cursor")
    return found


def id_cursor(cursor: str | None) -> int | None:
    """The row a page ended with. Raises `InvalidInput` for a text that is none of ours."""
    if cursor is None:
        return None
    found = _decoded(cursor)
    if not re.fullmatch(r"[0-9]{1,19}", found) or int(found) > MAX_BIGINT:
        raise InvalidInput("The cursor is not one of ours.", field="cursor")
    return int(found)


def _decoded(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        raise InvalidInput("The cursor is not one of ours.", field="cursor") from None
