"""Stock rows in PostgreSQL's binary COPY format (PostgreSQL manual, "COPY", Binary Format).

The driver's own encoder takes four times as long per row; at a million rows that is the largest part of a
first sync. Columns of fixed size come first, so that one `struct` call packs them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from domain.cards.mapping import PRINT_TABLES, MappingStatus
from domain.cards.products import Product, normalise_graded
from domain.cards.rows import STATUS_NAMES, Mapping, properties_json

COLUMNS = (
    "user_id",
    "last_seen_operation_id",
    "changed_at",
    "blueprint_id",
    "quantity",
    "price_cents",
    "content_hash",
    "graded",
    "print_table",
    "mapping_status",
    "print_id",
    "external_stock_id",
    "properties",
    "description",
    "user_data_field",
)
_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_JSONB_VERSION = b"\x01"

# Enum attributes are slow to reach in the loop below.
_MAPPED = int(MappingStatus.MAPPED)
_length = struct.Struct(">i").pack
_bigint = struct.Struct(">iq").pack
_numbers = struct.Struct(">iiiiiiiq").pack
_GRADED = {None: _NULL, True: _length(1) + b"\x01", False: _length(1) + b"\x00"}
# What most products have in their texts.
_TEXTS: dict[str | None, bytes] = {None: _NULL, "": _length(0)}


def stock_copy(
    user_id: UUID, operation_id: UUID, began: datetime, rows: Iterable[tuple[Product, Mapping, int]]
) -> bytes:
    """The COPY stream of products with their mapping and content hash, in the order of `COLUMNS`."""
    prefix = _constant_part(user_id, operation_id, began)
    parts = [_HEADER]
    for product, (status, print_id, table), content_hash in rows:
        properties = properties_json(product)
        identity = b"%d" % product.id
        graded = product.graded
        description, user_data = product.description, product.user_data_field
        parts += (
            prefix,
            _numbers(4, product.blueprint_id, 4, product.quantity, 4, product.price_cents, 8, content_hash),
            _GRADED[graded if graded.__class__ is bool else normalise_graded(graded)],
            _mapping_part(status, table),
            _bigint(8, print_id) if status == _MAPPED else _NULL,
            _identity_part(len(identity))(len(identity), identity, len(properties) + 1, _JSONB_VERSION),
            properties,
            _TEXTS.get(description) or _text(description),
            _TEXTS.get(user_data) or _text(user_data),
        )
    parts.append(_TRAILER)
    return b"".join(parts)


def _constant_part(user_id: UUID, operation_id: UUID, began: datetime) -> bytes:
    micros = (began - _EPOCH) // datetime.resolution
    ids = _length(16) + user_id.bytes + _length(16) + operation_id.bytes
    return struct.pack(">h", len(COLUMNS)) + ids + _bigint(8, micros)


@lru_cache(maxsize=64)
def _mapping_part(status: int, table: int) -> bytes:
    return _text(PRINT_TABLES[table] if status == _MAPPED else None) + _text(STATUS_NAMES[status])


@lru_cache(maxsize=32)
def _identity_part(digits: int) -> Callable[..., bytes]:
    """Packs the external id, and the length and version that precede the properties."""
    return struct.Struct(f">i{digits}sis").pack


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return _length(len(encoded)) + encoded
