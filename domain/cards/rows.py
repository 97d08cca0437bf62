"""Stock rows as the database takes them, built from products and their catalogue mapping."""

from __future__ import annotations

import msgspec

from domain.cards.mapping import PRINT_TABLES, MappingStatus
from domain.cards.products import Product, normalise_graded, normalise_properties

STATUS_NAMES = tuple(status.name.lower() for status in MappingStatus)

Mapping = tuple[int, int, int]
"""Status code, print id, and code of its table; the last two only mean something when mapped."""

COLUMNS = (
    "blueprint_id",
    "quantity",
    "price_cents",
    "properties",
    "description",
    "user_data_field",
    "graded",
    "print_id",
    "print_table",
    "mapping_status",
    "content_hash",
)
StockRow = tuple[int, int, int, str, str | None, str | None, bool | None, int | None, str | None, str, int]
"""One value per name in `COLUMNS`; `properties` is JSON text."""

_encode = msgspec.json.Encoder().encode


def properties_json(product: Product) -> bytes:
    """The product's properties, normalised, as JSON."""
    return _encode(normalise_properties(product.properties_hash))


def stock_row(product: Product, mapping: Mapping, content_hash: int) -> StockRow:
    """The values a known row gets from its product."""
    status, print_id, table = mapping
    known = status == MappingStatus.MAPPED
    return (
        product.blueprint_id,
        product.quantity,
        product.price_cents,
        properties_json(product).decode(),
        product.description,
        product.user_data_field,
        normalise_graded(product.graded),
        print_id if known else None,
        PRINT_TABLES[table] if known else None,
        STATUS_NAMES[status],
        content_hash,
    )
