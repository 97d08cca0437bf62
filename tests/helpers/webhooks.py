"""Signed webhooks for the routes that take them, and what they do to a seller's one stock row."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any
from uuid import uuid4

import httpx

from db.cards.tables import user_inventory_items
from tests.helpers.api import PREFIX
from tests.helpers.api_seller import Seller

SECRET = "hook-secret-4711"
PRODUCT, BLUEPRINT = 390000001, 121777


def item(item_id: int, copies: int = 1, product: int | None = PRODUCT, **changes: Any) -> dict[str, Any]:
    """An order item."""
    return {"id": item_id, "product_id": product, "blueprint_id": BLUEPRINT, "quantity": copies, **changes}


def webhook(*items: dict[str, Any], order_id: int = 50, state: str = "paid", **changes: Any) -> bytes:
    """A webhook's body."""
    zero = changes.pop("zero", False)
    order = {"id": order_id, "state": state, "via_cardtrader_zero": zero, "order_items": list(items)}
    event = {"id": str(uuid4()), "time": 1, "cause": "order.update", "object_class": "Order", "object_id": order_id}
    return json.dumps({**event, "mode": "live", "data": order, **changes}).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    """The header."""
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


async def send(
    seller: Seller, body: bytes, *, signature: str | None = None, path: str = "/webhook/user/{user}"
) -> httpx.Response:
    """Post a webhook, signed unless told otherwise."""
    header = sign(body) if signature is None else signature
    headers = {"Signature": header} if header else {}
    return await seller.http.post(PREFIX + path.format(user=seller.user_id), content=body, headers=headers)


async def stocked(seller: Seller, quantity: int = 10, **values: Any) -> None:
    """Put a row in stock."""
    row = {"blueprint_id": BLUEPRINT, "external_stock_id": str(PRODUCT), "price_cents": 100, "content_hash": 1}
    await seller.add(user_inventory_items, **{**row, "quantity": quantity, **values})


async def stock(seller: Seller) -> Any:
    """The one row."""
    (row,) = await seller.rows(
        "SELECT quantity, sync_state, row_version, content_hash, changed_at > now() - interval '1 minute' AS fresh"
        " FROM user_inventory_items WHERE user_id = :user_id"
    )
    return row


async def outcomes(seller: Seller) -> list[str | None]:
    """Of every stored event."""
    rows = await seller.rows("SELECT outcome FROM webhook_inbox WHERE user_id = :user_id ORDER BY id")
    return [row.outcome for row in rows]
