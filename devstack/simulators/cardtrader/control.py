"""The control API: what tests, benchmarks and the demo use to move the market and to read its books."""

from __future__ import annotations

import io
from collections.abc import Iterator
from secrets import token_hex
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse

from .catalogue_routes import InMarket
from .control_models import (
    Changed,
    NewSeller,
    SellerView,
    WebhookTarget,
)  # fmt: skip
from .faults import FaultSpec, FaultState
from .gate import json_response
from .knobs import Knobs
from .limits import fingerprint
from .market import Market
from .seller import Seller, SellerSpec
from .webhooks import is_loopback


async def authorised(request: Request) -> None:
    """Check the control token, where one is set."""
    wanted = request.app.state.control_token
    if wanted and request.headers.get("x-control-token") != wanted:
        raise HTTPException(401, "wrong or missing X-Control-Token")


def seller_named(market: Market, token: str) -> Seller:
    """The seller with that token, the first one for ""."""
    seller = market.sellers.get(token) if token else next(iter(market.sellers.values()), None)
    if seller is None:
        raise HTTPException(404, "no such seller")
    return seller


router: Final = APIRouter(dependencies=[Depends(authorised)])


@router.get("/health")
async def health(market: InMarket) -> Response:
    """Ready to serve; `background` counts running jobs and random traffic."""
    return json_response({"status": "ok", "background": market.background})


@router.post("/sellers", status_code=201)
async def create_seller(wanted: NewSeller, market: InMarket) -> SellerView:
    """Open one more seller."""
    token = wanted.token or token_hex(16)
    slot = len(market.sellers)
    if token in market.sellers:
        raise HTTPException(409, "this token is taken")
    spec = SellerSpec(slot, wanted.products, wanted.seed, token, wanted.blueprints, wanted.currency)
    seller = await market.add_seller(spec)
    seller.webhook_url = _checked(wanted.webhook_url)
    return _view(seller)


@router.get("/sellers")
async def sellers(market: InMarket) -> list[SellerView]:
    """All sellers."""
    return [_view(seller) for seller in market.sellers.values()]


@router.put("/webhook")
async def set_webhook(target: WebhookTarget, market: InMarket) -> SellerView:
    """Set a seller's webhook address."""
    seller = seller_named(market, target.token)
    seller.webhook_url = _checked(target.url)
    return _view(seller)


@router.get("/webhooks")
async def webhook_outcomes(market: InMarket) -> Response:
    """How deliveries went, and how many are still on their way."""
    return json_response({**market.webhooks.outcomes, "pending": market.webhooks.pending})


@router.post("/webhooks/flush", status_code=204)
async def flush_webhooks(market: InMarket) -> None:
    """Let go a webhook held back by the reorder fault."""
    market.webhooks.flush()


@router.get("/products")
async def products(market: InMarket, ids: str, token: str = "") -> Response:
    """The truth about some products (comma-separated ids); those not on sale are absent."""
    stock = seller_named(market, token).stock
    rows = [row for text in ids.split(",") if (row := stock.find(int(text))) is not None]
    return json_response([stock.read(row) for row in rows])


@router.get("/stock")
async def stock(
    market: InMarket, token: str = "", form: Annotated[Literal["npy", "ndjson"], Query(alias="format")] = "npy"
) -> Response:
    """Everything on sale: a structured .npy array (id, blueprint_id, quantity, price_cents), or JSON lines."""
    truth = seller_named(market, token).stock.truth()
    if form == "ndjson":
        return StreamingResponse(_lines(truth), media_type="application/x-ndjson")
    buffer = io.BytesIO()
    np.save(buffer, truth)
    return Response(buffer.getvalue(), media_type="application/octet-stream")


@router.post("/prepare")
async def prepare(market: InMarket) -> Changed:
    """Render every block that changed, of all sellers, now."""
    return Changed(changed=sum(seller.store.prepare() for seller in market.sellers.values()))


@router.post("/faults", status_code=201)
async def add_fault(spec: FaultSpec, market: InMarket) -> FaultState:
    """Switch a fault on."""
    return market.faults.add(spec)


@router.get("/faults")
async def faults(market: InMarket) -> list[FaultState]:
    """Faults with their counts."""
    return market.faults.report()


@router.delete("/faults", status_code=204)
async def clear_faults(market: InMarket, fault_id: int | None = None) -> None:
    """Switch one fault off, or all."""
    market.faults.clear(fault_id)


@router.get("/knobs")
async def knobs(market: InMarket) -> Knobs:
    """Current behaviour."""
    return market.knobs


@router.patch("/knobs")
async def set_knobs(changes: dict[str, object], market: InMarket) -> Knobs:
    """Change some knobs."""
    try:
        market.knobs = Knobs.model_validate({**market.knobs.model_dump(), **changes})
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return market.knobs


@router.get("/limits")
async def limits(market: InMarket) -> Response:
    """Who kept the limits, exact over every window: by token fingerprint."""
    return json_response(market.limiter.report())


@router.delete("/limits", status_code=204)
async def reset_limits(market: InMarket) -> None:
    """Begin a new book of arrivals."""
    market.limiter.reset()


@router.post("/reset", status_code=204)
async def reset(market: InMarket) -> None:
    """Back to the start."""
    market.reset()


def _checked(url: str) -> str:
    if url and not is_loopback(url):
        raise HTTPException(422, "webhooks go to loopback addresses only")
    return url


def _view(seller: Seller) -> SellerView:
    return SellerView(
        token=seller.token, fingerprint=fingerprint(seller.token), user_id=seller.spec.user_id,
        shared_secret=seller.secret, webhook_url=seller.webhook_url, products=len(seller.stock.live_rows()),
        orders=len(seller.orders),
    )  # fmt: skip


def _lines(truth: np.ndarray[tuple[int], np.dtype[np.void]]) -> Iterator[bytes]:
    names = truth.dtype.names or ()
    for start in range(0, len(truth), 10_000):
        rows = truth[start : start + 10_000].tolist()
        yield b"".join(msgspec.json.encode(dict(zip(names, row, strict=True))) + b"\n" for row in rows)
