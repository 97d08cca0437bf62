"""The order object of the API, seller's view (reference part 5.3)."""

from __future__ import annotations

import msgspec


class Money(msgspec.Struct, frozen=True):
    """An amount in a currency's hundredths."""

    cents: int
    currency: str

    @property
    def formatted(self) -> str:
        """As the site shows it."""
        return f"€{self.cents / 100:.2f}" if self.currency == "EUR" else f"{self.cents / 100:.2f} {self.currency}"


class Buyer(msgspec.Struct, frozen=True):
    """Who bought."""

    id: int
    username: str
    email: str
    phone: str | None = None


class Address(msgspec.Struct, frozen=True):
    """Where goods or bills go: personal data, here invented."""

    name: str
    street: str
    zip: str
    city: str
    state_or_province: str
    country_code: str
    country: str
    note: str | None = None
    phone: str | None = None
    email: str | None = None


class ShippingMethod(msgspec.Struct):
    """How goods travel."""

    id: int
    name: str
    tracked: bool
    tracking_code: str | None
    max_estimate_shipping_days: int
    seller_price: Money
    formatted_price: str


class OrderItem(msgspec.Struct):
    """One line: all copies of a product, or a single one."""

    id: int
    product_id: int | None
    blueprint_id: int
    category_id: int
    game_id: int
    name: str
    expansion: str | None
    properties: dict[str, str | bool]
    quantity: int
    bundle_size: int
    description: str | None
    seller_price: Money
    formatted_price: str
    tag: str | None
    graded: str | int | float | bool | None
    user_data_field: str | None
    created_at: str
    hub_pending_order_id: int | None
    mkm_id: int | None = None
    tcg_player_id: int | None = None
    scryfall_id: str | None = None
    deleted_at: str | None = None
    cancelled_price: list[Money] = msgspec.field(default_factory=list)
    repurchase_price: list[Money] = msgspec.field(default_factory=list)


class Order(msgspec.Struct):
    """One order."""

    id: int
    code: str
    transaction_code: str
    via_cardtrader_zero: bool
    buyer: Buyer
    state: str
    size: int
    paid_at: str | None
    packing_number: int | None
    seller_total: Money
    seller_subtotal: Money
    fee_amount: Money
    seller_fee_amount: Money
    subtotal: Money
    formatted_subtotal: str
    formatted_total: str
    order_shipping_address: Address | None
    order_billing_address: Address | None
    order_shipping_method: ShippingMethod | None
    order_items: list[OrderItem]
    order_as: str = "seller"
    cancel_requester: str | None = None
    credit_added_to_seller_at: str | None = None
    sent_at: str | None = None
    cancelled_at: str | None = None
    presale: bool | None = None
    presale_ended_at: str | None = None
    fee_percentage: str = "5.0"
