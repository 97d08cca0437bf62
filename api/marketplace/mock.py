"""The mock marketplaces, outside production only; answers and their order are the predecessor's."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import JSONResponse

from api.marketplace.deps import ServicesDep
from api.marketplace.errors import FlatError, documented, flat
from api.parameters import Text
from domain.marketplace.events import iso
from domain.marketplace.mock import MARKETPLACES, Credentials, amount, is_authorised, order_id, verdict

router = APIRouter(prefix="/mock", tags=["mock marketplaces"])


class _Asked(msgspec.Struct):
    receipt: str = ""
    currency: str | None = None


@router.post("/{marketplace}/validate", responses=documented(400, 401, 429))
async def validate(
    marketplace: Annotated[Text, Path(description="etsy, shopify or amazon")],
    request: Request,
    services: ServicesDep,
    authorization: Annotated[str, Header(description="Basic, by MOCK_*_USER and MOCK_*_PASS")] = "",
) -> JSONResponse:
    """Validate a receipt: by its last two characters it is rate-limited, an order, or none."""
    if marketplace not in MARKETPLACES:
        return _refused(400, "Invalid marketplace")
    asked = _asked(await request.body())
    if not asked.receipt:
        return _refused(400, "receipt is required")
    known = services.mock_accounts.get(marketplace)
    if known is None:
        return _refused(500, "Marketplace credentials not configured")
    return _validate(asked, authorization, known, iso(services.clock()))


def _validate(asked: _Asked, authorization: str, known: Credentials, now: str) -> JSONResponse:
    if not is_authorised(authorization, known):
        return _refused(401, "Unauthorized")
    said = verdict(asked.receipt)
    if said == "rate_limited":
        return _refused(429, "rate_limited")
    if said == "failure":
        return JSONResponse({"status": False})
    order = {
        "status": True,
        "orderId": order_id(asked.receipt),
        "amount": amount(asked.receipt),
        "currency": asked.currency or "USD",
        "importedAtUTC": now,
    }
    return JSONResponse(order)


def _asked(body: bytes) -> _Asked:
    try:
        return msgspec.json.decode(body, type=_Asked)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Asked()


def _refused(status: int, error: str) -> JSONResponse:
    return flat(status, FlatError(error=error))
