"""The mock marketplaces, outside production only; answers and their order are the predecessor's."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.marketplace.deps import ServicesDep
from api.marketplace.documentation import documented
from api.marketplace.errors import FlatError, flat
from api.marketplace.fields import MOMENT
from api.parameters import Text
from domain.marketplace.events import iso
from domain.marketplace.mock import MARKETPLACES, Credentials, amount, is_authorised, order_id, verdict

router = APIRouter(prefix="/mock", tags=["mock marketplaces"])


class MockOrder(BaseModel):
    """The receipt is an order."""

    status: Literal[True] = Field(description="always true", examples=[True])
    order_id: str = Field(
        alias="orderId",
        description="made of the receipt's characters",
        examples=["e89662f3-1d12cc5e6-2b9c328d9-3a2598bcc-00048aefeebf"],
    )
    amount: int = Field(description="made of the receipt's characters", examples=[741])
    currency: str = Field(description="the one that was asked for, or USD", examples=["USD"])
    imported_at: str = Field(alias="importedAtUTC", description="now", examples=[MOMENT])


class MockRefusal(BaseModel):
    """It is none."""

    status: Literal[False] = Field(description="always false", examples=[False])


# Read by hand, in the predecessor's order: what is wrong with a body is told before what is wrong with the caller.
_QUESTION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["receipt"],
    "properties": {
        "receipt": {"type": "string", "minLength": 1, "description": "its name", "examples": ["order-101"]},
        "currency": {"type": ["string", "null"], "description": "USD if not given", "examples": ["USD"]},
    },
}
_REQUEST: Final = {"requestBody": {"required": True, "content": {"application/json": {"schema": _QUESTION}}}}


class _Asked(msgspec.Struct):
    receipt: str = ""
    currency: str | None = None


@router.post(
    "/{marketplace}/validate",
    response_model=MockOrder | MockRefusal,
    responses=documented(400, 401, 413, 429),
    openapi_extra=_REQUEST,
)
async def validate(
    marketplace: Annotated[Text, Path(description="etsy, shopify or amazon", examples=["etsy"])],
    request: Request,
    services: ServicesDep,
    authorization: Annotated[
        str,
        Header(description="Basic, by MOCK_*_USER and MOCK_*_PASS", examples=["Basic ZXRzeV91c2VyOmV0c3lfcGFzcw=="]),
    ] = "",
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
