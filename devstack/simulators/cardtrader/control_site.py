"""The part of the control API that moves the market: sales, orders, edits on the site, bulk change, traffic."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends, HTTPException, Response

from .catalogue_routes import InMarket
from .control import authorised, seller_named
from .control_models import BulkChange, Changed, ProductEdit, Sale, StateChange, Traffic
from .gate import json_response
from .order_shapes import Order
from .orders import SaleLine, SaleRefusedError
from .site import Site

router: Final = APIRouter(dependencies=[Depends(authorised)])


@router.post("/sell")
async def sell(sale: Sale, market: InMarket) -> Response:
    """A purchase: 409 when something is not on sale in that quantity."""
    seller = seller_named(market, sale.token)
    lines = [SaleLine(line.product_id, line.quantity) for line in sale.lines]
    try:
        if lines:
            order = market.orders.sell(seller, lines, zero=sale.zero, presale=sale.presale)
        else:
            site = Site(market, seller)
            found = site.sell_random(market.random, sale.random_lines, zero=sale.zero, presale=sale.presale)
            order = _existing(found)
    except SaleRefusedError as error:
        raise HTTPException(409, str(error)) from error
    return json_response(order)


@router.post("/merge-hub")
async def merge_hub(market: InMarket, token: str = "") -> Response:
    """The weekly Zero order."""
    return json_response(_existing(market.orders.merge_hub(seller_named(market, token))))


@router.post("/orders/{order_id}/state")
async def set_order_state(order_id: int, change: StateChange, market: InMarket) -> Response:
    """Move an order to another state; `canceled` may relist its goods."""
    seller = seller_named(market, change.token)
    order = _existing(seller.orders.get(order_id))
    if change.state == "canceled":
        market.orders.cancel(seller, order, relist=change.relist)
    else:
        market.orders.set_state(seller, order, change.state)
    return json_response(order)


@router.delete("/orders/{order_id}", status_code=204)
async def destroy_order(order_id: int, market: InMarket, token: str = "") -> None:
    """Remove an order."""
    seller = seller_named(market, token)
    market.orders.destroy(seller, _existing(seller.orders.get(order_id)))


@router.patch("/products/{product_id}", status_code=204)
async def edit_product(product_id: int, edit: ProductEdit, market: InMarket) -> None:
    """Edit a product as on the site."""
    site = Site(market, seller_named(market, edit.token))
    if not site.edit(product_id, edit.quantity, edit.price_cents, edit.description):
        raise HTTPException(404, "not on sale")


@router.delete("/products/{product_id}", status_code=204)
async def destroy_product(product_id: int, market: InMarket, token: str = "") -> None:
    """Remove a product as on the site."""
    if not Site(market, seller_named(market, token)).destroy(product_id):
        raise HTTPException(404, "not on sale")


@router.post("/change")
async def change(wanted: BulkChange, market: InMarket) -> Changed:
    """Change and remove a random part of the stock."""
    stock = seller_named(market, wanted.token).stock
    changed, gone = stock.change_many(wanted.seed, wanted.fraction_changed, wanted.fraction_gone)
    return Changed(changed=changed, gone=gone)


@router.post("/traffic", status_code=202)
async def traffic(wanted: Traffic, market: InMarket) -> None:
    """Start random events in the background."""
    site = Site(market, seller_named(market, wanted.token))
    market.start(site.traffic(wanted.events, wanted.per_second, wanted.seed, wanted.weights.model_dump()))


@router.get("/traffic")
async def traffic_so_far(market: InMarket) -> Response:
    """What random traffic has done, by kind of event; `background` counts what still runs, jobs included."""
    return json_response({"actions": dict(market.actions), "background": market.background})


def _existing(order: Order | None) -> Order:
    if order is None:
        raise HTTPException(404, "no such order")
    return order
