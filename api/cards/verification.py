"""Asking CardTrader whose token this is, and what its refusals become here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from api.cards.errors import CardTraderRefused, CardTraderUnavailable, RateLimitExceeded
from api.errors import ApiError, RedisUnavailable
from clients.cardtrader import CardTrader, CardTraderClient, clean_token
from clients.cardtrader.errors import AccessDenied, CardTraderError, EdgeBlocked, TokenRejected, Unavailable
from clients.errors import CircuitOpen, ClientError, LimiterUnavailable, RateLimited


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """The CardTrader account behind a verified token; `token` is what was verified, cleaned of pasted noise.

    `newest_order_id`: sales up to it are in what CardTrader exports from now on; None when it could not be read.
    """

    cardtrader_user_id: int
    token: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    newest_order_id: int | None = None


class AccountVerifier(Protocol):
    """Proves a token; raises an `ApiError` when that is not possible."""

    async def verify(self, token: str) -> LinkedAccount:
        """The account behind the token, as pasted."""
        ...


class CardTraderVerifier:
    """Reads `GET /info`, and the newest order."""

    def __init__(self, cardtrader: CardTrader) -> None:
        self._cardtrader = cardtrader

    async def verify(self, token: str) -> LinkedAccount:
        """The account behind the token, as pasted."""
        try:
            bare = clean_token(token)
            client = self._cardtrader.for_token(bare, "interactive")
            info = await client.info()
        except ClientError as error:
            raise _translated(error) from None
        return LinkedAccount(info.user_id, bare, info.shared_secret, await _newest_order(client))


async def _newest_order(client: CardTraderClient) -> int | None:
    """None when it cannot be told now: the first reconciliation asks again."""
    try:
        return await client.orders.newest_id()
    except ClientError:
        return None


def _translated(error: ClientError) -> ApiError:
    match error:
        case TokenRejected():
            return CardTraderRefused("CardTrader does not accept this token. Create a new one there and link again.")
        case AccessDenied():
            return CardTraderRefused("CardTrader does not let this token use its API.")
        case LimiterUnavailable():
            return RedisUnavailable()
        case RateLimited(retry_after=seconds):
            return RateLimitExceeded(max(1, math.ceil(seconds)))
        case CircuitOpen(retry_after=seconds):
            return CardTraderUnavailable(retry_after=max(1, math.ceil(seconds)))
        case EdgeBlocked() | Unavailable():
            return CardTraderUnavailable()
        case CardTraderError():
            return CardTraderRefused("CardTrader's answer could not be used.")
        case _:
            return CardTraderUnavailable()
