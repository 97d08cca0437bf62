"""What happens to orders: sales, CardTrader Zero and its weekly merge, states, cancellation and relisting.

A sale lowers the stock at once, whatever its state; the listed product is gone when sold out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from .blueprints import blueprint, expansion
from .clock import Clock, Ids
from .games import SCHEMAS
from .knobs import Knobs
from .order_shapes import Address, Buyer, Money, Order, OrderItem, ShippingMethod
from .seller import Seller
from .stock import Listing

Cause: TypeAlias = Literal["order.create", "order.update", "order.destroy"]
Notify: TypeAlias = Callable[[Seller, Cause, Order], None]

HUB: Final = Buyer(34089, "CT connect", "hub@example.test")
_SHIPPING_CENTS: Final = 150
_STAMPS: Final = {"sent": "sent_at", "canceled": "cancelled_at", "paid": "paid_at", "done": "credit_added_to_seller_at"}


@dataclass(frozen=True, slots=True)
class SaleLine:
    """Wanted copies of a product."""

    product_id: int
    quantity: int


class SaleRefusedError(Exception):
    """A product is not on sale in that quantity."""


class OrderDesk:
    """Makes and changes orders of any seller and tells `notify`."""

    def __init__(self, clock: Clock, ids: Ids, knobs: Callable[[], Knobs], notify: Notify) -> None:
        self._clock = clock
        self._ids = ids
        self._knobs = knobs
        self._notify = notify

    def sell(self, seller: Seller, lines: Sequence[SaleLine], *, zero: bool, presale: bool = False) -> Order:
        """A purchase; all lines or none. Raises SaleRefusedError."""
        listings = [self._reserve(seller, line) for line in _merged(lines)]
        for listing in listings:
            row = seller.stock.find(listing.id)
            if row is not None:
                seller.stock.set_quantity(row, int(seller.stock.columns.quantity[row]) - listing.quantity)
        order_id = next(self._ids.order)
        link = order_id if zero and not presale else None
        items = [item for listing in listings for item in self._items(seller, listing, link)]
        order = self._order(seller, order_id, items, "hub_pending" if zero else "paid", zero=zero)
        order.presale = True if presale else None
        return self._publish(seller, order)

    def merge_hub(self, seller: Seller) -> Order | None:
        """The weekly order over all pending Zero orders, which are closed; None when there is none."""
        pending = [order for order in seller.orders.values() if order.state == "hub_pending"]
        if not pending:
            return None
        items = [
            OrderItem(**{**{name: getattr(item, name) for name in item.__struct_fields__},
                         "id": next(self._ids.item), "hub_pending_order_id": order.id})
            for order in pending for item in order.order_items
        ]  # fmt: skip
        merged = self._publish(seller, self._order(seller, next(self._ids.order), items, "paid", zero=True))
        for order in pending:
            self.set_state(seller, order, "closed")
        return merged

    def set_state(self, seller: Seller, order: Order, state: str, *, by_api: bool = False) -> None:
        """Move an order to any state, stamping its time."""
        order.state = state
        if stamp := _STAMPS.get(state):
            setattr(order, stamp, self._clock.now())
        if not by_api or self._knobs().webhooks_for_api_changes:
            self._notify(seller, "order.update", order)

    def cancel(self, seller: Seller, order: Order, *, relist: bool, by_api: bool = False) -> None:
        """Cancel an order, putting its goods back on sale if asked to."""
        if relist and order.state != "canceled":
            for item in order.order_items:
                self._relist(seller, item)
        self.set_state(seller, order, "canceled", by_api=by_api)

    def destroy(self, seller: Seller, order: Order) -> None:
        """Remove an order from the books."""
        del seller.orders[order.id]
        self._notify(seller, "order.destroy", order)

    def _reserve(self, seller: Seller, line: SaleLine) -> Listing:
        row = seller.stock.find(line.product_id)
        listing = None if row is None else seller.stock.read(row)
        if listing is None or not 0 < line.quantity <= listing.quantity:
            raise SaleRefusedError(f"product {line.product_id} is not on sale {line.quantity} times")
        return msgspec.structs.replace(listing, quantity=line.quantity)

    def _relist(self, seller: Seller, item: OrderItem) -> None:
        row = None if item.product_id is None else seller.stock.row_of(item.product_id)
        if row is None or item.deleted_at:
            return
        if self._knobs().relist == "same_id" or seller.stock.columns.alive[row]:
            seller.stock.restore(row, item.quantity)
        else:
            listing = msgspec.structs.replace(
                seller.stock.read(row), id=next(self._ids.product), quantity=item.quantity
            )
            seller.stock.append(listing, blueprint(listing.blueprint_id))

    def _publish(self, seller: Seller, order: Order) -> Order:
        seller.orders[order.id] = order
        self._notify(seller, "order.create", order)
        return order

    def _items(self, seller: Seller, listing: Listing, link: int | None) -> list[OrderItem]:
        copies = [1] * listing.quantity if self._knobs().rows_per_copy else [listing.quantity]
        return [self._item(seller, msgspec.structs.replace(listing, quantity=quantity), link) for quantity in copies]

    def _item(self, seller: Seller, listing: Listing, link: int | None) -> OrderItem:
        print_ = blueprint(listing.blueprint_id)
        schema, price = SCHEMAS[print_.schema_index], Money(listing.price_cents, seller.spec.currency)
        texts = listing.texts
        return OrderItem(
            id=next(self._ids.item), product_id=listing.id, blueprint_id=listing.blueprint_id,
            category_id=schema.category_id, game_id=schema.game_id, name=print_.name,
            expansion=expansion(print_.expansion_id).name if print_.expansion_id else None,
            properties={item.name: item.choices[listing.properties[item.slot]] for item in schema.editable},
            quantity=listing.quantity, bundle_size=listing.bundle_size, description=texts.description,
            seller_price=price, formatted_price=price.formatted, tag=texts.tag, graded=texts.graded,
            user_data_field=texts.user_data_field, created_at=self._clock.now(), hub_pending_order_id=link,
        )  # fmt: skip

    def _order(self, seller: Seller, order_id: int, items: list[OrderItem], state: str, *, zero: bool) -> Order:
        is_pending, currency = state == "hub_pending", seller.spec.currency
        goods = sum(item.seller_price.cents * item.quantity for item in items)
        shipping = 0 if is_pending else _SHIPPING_CENTS
        subtotal, total, fee = (Money(cents, currency) for cents in (goods, goods + shipping, goods * 5 // 100))
        address = _address(order_id) if not is_pending or self._knobs().hub_address else None
        return Order(
            id=order_id, code=f"{self._clock.wall():%Y%m%d}{order_id % 99991:05x}", transaction_code=f"T-{order_id}",
            via_cardtrader_zero=zero, buyer=HUB if zero else _buyer(order_id), state=state, size=len(items),
            paid_at=None if is_pending else self._clock.now(), packing_number=order_id % 500, seller_total=total,
            seller_subtotal=subtotal, fee_amount=fee, seller_fee_amount=fee,
            subtotal=Money(goods + fee.cents, currency),
            formatted_subtotal=subtotal.formatted, formatted_total=total.formatted, order_shipping_address=address,
            order_billing_address=address, order_shipping_method=None if is_pending else _shipping(currency),
            order_items=items,
        )  # fmt: skip


def _merged(lines: Sequence[SaleLine]) -> list[SaleLine]:
    """One line per product, so that two lines of one product cannot take the same copies."""
    wanted: dict[int, int] = {}
    for line in lines:
        wanted[line.product_id] = wanted.get(line.product_id, 0) + line.quantity
    return [SaleLine(*entry) for entry in wanted.items()]


def _buyer(number: int) -> Buyer:
    return Buyer(5000 + number % 997, f"buyer{number % 997}", f"buyer{number % 997}@example.test")


def _address(number: int) -> Address:
    return Address("Nome Cognome", f"Via Prova {number % 99}", "50100", "Città", "FI", "IT", "Italy")


def _shipping(currency: str) -> ShippingMethod:
    price = Money(_SHIPPING_CENTS, currency)
    return ShippingMethod(9, "Letter", False, None, 14, price, price.formatted)
