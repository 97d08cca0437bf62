"""What is asked of CardTrader: prices in decimals, read-only properties left out, nothing that was not given."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from domain.cards.properties import editable_properties

T = TypeVar("T")
Properties = Mapping[str, bool | str]


class NewProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product to put on sale. Prices are integer cents of the account's currency.

    Not idempotent: CardTrader adds the quantity to "one such product" if there is one. A marker in
    `user_data_field` tells later whether it was done.
    """

    blueprint_id: int
    price_cents: int
    quantity: int
    properties: Properties = {}
    description: str | None = None
    user_data_field: str | None = None
    graded: bool | None = None


class ProductChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Fields to change; what is not given is not sent, and None clears.

    `quantity` is absolute and undoes sales in between: for differences there is `increment`.
    """

    price_cents: int | UnsetType = UNSET
    quantity: int | UnsetType = UNSET
    properties: Properties | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    user_data_field: str | UnsetType | None = UNSET
    graded: bool | UnsetType | None = UNSET


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A product as requests spell it; UNSET fields are not sent."""

    id: int | UnsetType = UNSET
    blueprint_id: int | UnsetType = UNSET
    price: Decimal | UnsetType = UNSET
    quantity: int | UnsetType = UNSET
    properties: dict[str, bool | str] | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    user_data_field: str | UnsetType | None = UNSET
    graded: bool | UnsetType | None = UNSET
    error_mode: Literal["strict"] | UnsetType = UNSET


def creation(product: NewProduct) -> Body:
    """The request that creates a product, or nothing at all if a property does not suit."""
    return Body(
        blueprint_id=product.blueprint_id,
        price=_price(product.price_cents),
        quantity=product.quantity,
        properties=_properties(product.properties),
        description=_given(product.description),
        user_data_field=_given(product.user_data_field),
        graded=_given(product.graded),
        error_mode="strict",
    )


def alteration(changes: ProductChanges, product_id: int | UnsetType = UNSET) -> Body:
    """The request that changes a product; in a bulk call it names it."""
    return Body(
        id=product_id,
        price=_price(changes.price_cents),
        quantity=changes.quantity,
        properties=_properties(changes.properties),
        description=changes.description,
        user_data_field=changes.user_data_field,
        graded=changes.graded,
    )


def _price(cents: int | UnsetType) -> Decimal | UnsetType:
    return UNSET if cents is UNSET else Decimal(cents).scaleb(-2)


def _properties(properties: Properties | UnsetType) -> dict[str, bool | str] | UnsetType:
    return UNSET if properties is UNSET else (editable_properties(properties) or UNSET)


def _given(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
