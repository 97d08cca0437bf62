"""What a webhook of CardTrader does to the stock (reference: cardtrader.md 5.1 and 6).

A webhook is a hint: it lowers what is offered at once, once per order item, and asks for a re-read; it never
raises anything. Webhooks repeat, overtake each other and get lost, so every order item counts at the first state
that proves its sale, whichever that is. Items of a CardTrader Zero sale count in their `hub_pending` order; the
weekly order that collects them is read again, never counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

_INT8 = 2**63 - 1
_INT4 = 2**31 - 1
Id = Annotated[int, Meta(gt=0, le=_INT8)]
Word = Annotated[str, Meta(max_length=50, pattern=r"^[\x20-\x7e]*\Z")]
Reread = Literal["always", "if_sold", "never"]

_CAUSES: Final = ("order.create", "order.update", "order.destroy")
_LATER: Final = frozenset(("sent", "arrived", "done", "closed", "lost"))
# Who asks to cancel has bought: until it is granted nothing is put back on sale.
_ASKED_BACK: Final = "request_for_cancel"
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class MalformedEvent(Exception):
    """The body is not a webhook of CardTrader."""


class Event(msgspec.Struct, frozen=True):
    """The envelope of a webhook; `data` is read by `judge`."""

    id: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9:_-]+\Z")]
    cause: Word
    object_class: Word
    object_id: Id
    mode: Annotated[str, Meta(max_length=20, pattern=r"^[\x20-\x7e]*\Z")] = "live"
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Order(msgspec.Struct):
    state: str = ""
    via_cardtrader_zero: bool | None = False
    presale: bool | None = None
    order_as: str | None = "seller"
    order_items: list[msgspec.Raw] | None = None


class _Item(msgspec.Struct):
    id: Id
    blueprint_id: Annotated[int, Meta(gt=0, lt=_INT4)]
    product_id: Id | None = None
    quantity: Annotated[int, Meta(gt=0, le=_INT4)] = 1
    hub_pending_order_id: Id | None = None
    deleted_at: str | None = None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order item. `sold`: this order's state proves that the stock was lowered for it."""

    item_id: int
    blueprint_id: int
    product_id: int | None
    quantity: int
    sold: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about an event: `reason` is set when nothing is; `destroyed` orders are known from before."""

    order_id: int
    lines: tuple[OrderLine, ...] = ()
    reread: Reread = "always"
    destroyed: bool = False
    reason: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether all its items name a product, and are read again in any case; as nearly all that is told."""
        return bool(self.lines) and self.reread == "always" and all(line.product_id for line in self.lines)


def read_event(body: bytes) -> Event:
    """Raises `MalformedEvent`."""
    try:
        return _decode_event(body)
    except _UNREADABLE:
        raise MalformedEvent from None


_decode_event = msgspec.json.Decoder(Event).decode
_decode_order = msgspec.json.Decoder(_Order).decode
_decode_item = msgspec.json.Decoder(_Item).decode


def judge(event: Event) -> Verdict:
    """Classify an event. Never raises: what cannot be understood is left to the next sync, with its reason."""
    if reason := _not_ours(event):
        return Verdict(event.object_id, reread="never", reason=reason)
    if event.cause == "order.destroy":
        return Verdict(event.object_id, destroyed=True)
    try:
        order = _decode_order(event.data)
    except _UNREADABLE:
        return Verdict(event.object_id, reread="never", reason="unreadable order")
    if order.order_as == "buyer":
        return Verdict(event.object_id, reread="never", reason="ignored: bought, not sold")
    items = list(_items(order))
    lines = tuple(_line(event.object_id, order, item) for item in items)
    return Verdict(event.object_id, lines, _reread(order))


def judge_found(order_id: int, order: bytes) -> Verdict:
    """Classify an order that was read, not told: only sales of which no event told have an effect."""
    verdict = judge(Event("read", "order.update", "Order", order_id, data=msgspec.Raw(order)))
    return replace(verdict, reread="if_sold") if verdict.reread == "always" else verdict


def _not_ours(event: Event) -> str:
    if event.mode != "live":
        return "ignored: test"
    if event.object_class != "Order" or event.cause not in _CAUSES:
        return "ignored: no order event"
    return ""


def _items(order: _Order) -> Iterator[_Item]:
    """The usable items, each id once; one that cannot be read does not touch the others."""
    seen: set[int] = set()
    for raw in order.order_items or ():
        try:
            item = _decode_item(raw)
        except _UNREADABLE:
            continue
        if item.deleted_at is None and item.id not in seen:
            seen.add(item.id)
            yield item


def _line(order_id: int, order: _Order, item: _Item) -> OrderLine:
    sold = item.product_id is not None and _is_sold(order_id, order, item)
    return OrderLine(item.id, item.blueprint_id, item.product_id, item.quantity, sold)


def _is_sold(order_id: int, order: _Order, item: _Item) -> bool:
    """Whether the sale of the item belongs to this order and has happened."""
    if order.via_cardtrader_zero:
        # The weekly order repeats the items of others, under ids of its own; a presale may list others' as well.
        own = item.hub_pending_order_id in (None, order_id)
        return order.state in ("hub_pending", "closed", _ASKED_BACK) and own
    return order.state in ("paid", _ASKED_BACK) or order.state in _LATER


def _reread(order: _Order) -> Reread:
    """Parcels on their way change no stock, unless they tell of a sale that no webhook told before."""
    if order.state not in _LATER:
        return "always"
    return "if_sold" if order.state == "closed" or not order.via_cardtrader_zero else "never"
