"""Stock rows as the database takes them, built from products and their mapping."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.cards.products import Product, normalise_graded, normalise_properties

PRINT_TABLES = ("cards_prints", "op_prints", "pk_prints", "sealed_products")
MISSING, MAPPED, AMBIGUOUS = 0, 1, 2
MAPPING_STATUSES = ("missing", "mapped", "ambiguous")

COLUMNS = (
    "blueprint_id",
    "external_stock_id",
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
StockRow = tuple[int, str, int, int, str, str | None, str | None, bool | None, int | None, str | None, str, int]
"""One value per name in `COLUMNS`; `properties` is JSON text."""

_encode = msgspec.json.Encoder().encode


def stock_row(product: Product, mapped: tuple[int, int, int], content_hash: int) -> StockRow:
    """The row of one product; `mapped` is (status code, print id, table code)."""
    status, print_id, table = mapped
    known = status == MAPPED
    return (
        product.blueprint_id,
        str(product.id),
        product.quantity,
        product.price_cents,
        _encode(normalise_properties(product.properties_hash)).decode(),
        product.description,
        product.user_data_field,
        normalise_graded(product.graded),
        print_id if known else None,
        PRINT_TABLES[table] if known else None,
        MAPPING_STATUSES[status],
        content_hash,
    )


def stock_rows(
    products: Iterable[Product], mapped: Iterable[tuple[int, int, int]], hashes: Iterable[int]
) -> list[StockRow]:
    """Rows of many products, in their order."""
    return [stock_row(*parts) for parts in zip(products, mapped, hashes, strict=True)]
