"""A seller's orders and what the seller may do to them; own changes send no webhook (knob)."""

from __future__ import annotations

from datetime import date
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from .catalogue_routes import Caller, InMarket
from .errors import invalid, not_found
from .gate import json_response
from .order_shapes import Order
from .product_routes import Sent
from .seller import Seller

router: Final = APIRouter()
_CANCELLABLE: Final = ("paid", "sent")


@router.get("/orders")
async def orders(request: Request, seller: Caller) -> Response:
    """A page of orders; invalid values fall back to the defaults."""
    query = request.query_params
    found = sorted(filter(_Wanted(query), seller.orders.values()), key=lambda order: order.id)
    if query.get("sort") not in ("id.asc", "date.asc"):
        found.reverse()
    limit = _number(query, "limit", 20, 100)
    start = (_number(query, "page", 1) - 1) * limit
    return json_response(found[start : start + limit])


@router.get("/orders/{order_id}")
async def order(order_id: int, seller: Caller) -> Response:
    """One order."""
    return json_response(_order(seller, order_id))


@router.put("/orders/{order_id}/tracking_code")
async def tracking_code(order_id: int, body: Sent, seller: Caller) -> Response:
    """Note how the goods travel."""
    found, code = _order(seller, order_id), body.get("tracking_code")
    if not found.order_shipping_method or not isinstance(code, str) or not code:
        raise invalid({"tracking_code": ["cannot be blank"]})
    found.order_shipping_method.tracking_code = code
    return json_response(found)


@router.put("/orders/{order_id}/ship")
async def ship(order_id: int, seller: Caller, market: InMarket) -> Response:
    """Mark as sent; a Zero order needs its tracking code first."""
    found = _order(seller, order_id)
    method = found.order_shipping_method
    if found.state != "paid" or (found.via_cardtrader_zero and not (method and method.tracking_code)):
        raise invalid({"state": ["cannot be shipped"]})
    market.orders.set_state(seller, found, "sent", by_api=True)
    return json_response(found)


@router.put("/orders/{order_id}/request-cancellation")
async def request_cancellation(order_id: int, body: Sent, seller: Caller, market: InMarket) -> Response:
    """Ask for a cancellation, with an explanation of at least 50 characters."""
    found = _order(seller, order_id)
    if len(str(body.get("cancel_explanation", ""))) < 50:
        raise invalid({"cancel_explanation": ["is too short (minimum is 50 characters)"]})
    if found.state not in _CANCELLABLE:
        raise invalid({"state": ["cannot be cancelled"]})
    found.cancel_requester = "seller"
    market.orders.set_state(seller, found, "request_for_cancel", by_api=True)
    return json_response(found)


@router.put("/orders/{order_id}/confirm-cancellation")
async def confirm_cancellation(order_id: int, body: Sent, seller: Caller, market: InMarket) -> Response:
    """Agree to a cancellation."""
    found = _order(seller, order_id)
    if found.state != "request_for_cancel":
        raise invalid({"state": ["cannot be cancelled"]})
    market.orders.cancel(seller, found, relist=body.get("relist_if_cancelled") is True, by_api=True)
    return json_response(found)


class _Wanted:
    """Whether an order is asked for: `from_id` exclusive, `to_id`, `from` and `to` inclusive."""

    def __init__(self, query: QueryParams) -> None:
        self._ids = _number(query, "from_id", 0), _number(query, "to_id", 1 << 62)
        self._dates = _date(query, "from", "1970-01-01"), _date(query, "to", "9999-12-31")
        self._state = query.get("state")
        self._role = query.get("order_as", "seller")

    def __call__(self, order: Order) -> bool:
        created = order.order_items[0].created_at[:10] if order.order_items else "1970-01-01"
        return (
            self._ids[0] < order.id <= self._ids[1]
            and self._dates[0] <= created <= self._dates[1]
            and self._state in (None, "", order.state)
            and self._role != "buyer"
        )


def _order(seller: Seller, order_id: int) -> Order:
    if order_id not in seller.orders:
        raise not_found()
    return seller.orders[order_id]


def _number(query: QueryParams, name: str, default: int, highest: int = 1 << 62) -> int:
    text = query.get(name, "")
    return int(text) if text.isdigit() and 1 <= int(text) <= highest else default


def _date(query: QueryParams, name: str, default: str) -> str:
    try:
        return date.fromisoformat(query.get(name, "")).isoformat()
    except ValueError:
        return default
