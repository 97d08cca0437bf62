"""How the request limit of a seller's CardTrader account is used: looked at, never touched."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.cards.deps import ServicesDep
from api.cards.parameters import PREFIX
from api.cards.state import linked_seller, require_connected
from api.deps import OwnerDep
from api.errors import RedisUnavailable, documented
from clients.cardtrader.tokens import clean_token
from clients.errors import LimiterUnavailable
from clients.token_bucket import fingerprint

router = APIRouter(prefix=PREFIX, tags=["sync"])


class LimitUse(BaseModel):
    """The limit, and a counter whose growth between two looks is the use of it."""

    user_id: UUID = Field(description="the seller")
    limit: int = Field(description="requests that CardTrader allows per window")
    window_seconds: float = Field(description="length of the window")
    granted: int = Field(description="requests let through so far; begins anew after an hour without any")
    wait_seconds: float = Field(description="how long an urgent request would wait now; long after a 429")
    measured_at: datetime = Field(description="when, by the limiter's clock")


@router.get("/limits/{user_id}", responses=documented(400, 401, 403, 404, 422))
async def show_limits(user_id: OwnerDep, services: ServicesDep) -> LimitUse:
    """How the limit of the seller's CardTrader account is used."""
    seller = require_connected(services, await linked_seller(services, user_id))
    token = clean_token(services.vault.decrypt(seller.cardtrader_token_encrypted))
    try:
        use = await services.limiter.use(fingerprint(token))
    except LimiterUnavailable:
        raise RedisUnavailable from None
    return LimitUse(
        user_id=user_id,
        limit=services.limiter.limit,
        window_seconds=services.limiter.window,
        granted=use.granted,
        wait_seconds=round(use.wait, 3),
        measured_at=use.at,
    )
