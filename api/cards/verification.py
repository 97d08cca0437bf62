"""Asking CardTrader whose token this is, and what its refusals become here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from api.errors import ApiError, CardTraderRefused, CardTraderUnavailable, RateLimitExceeded, RedisUnavailable
from clients.cardtrader import CardTrader, clean_token
from clients.cardtrader.errors import AccessDenied, CardTraderError, EdgeBlocked, TokenRejected, Unavailable
from clients.errors import CircuitOpen, ClientError, LimiterUnavailable, RateLimited


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """The CardTrader account behind a verified token; `token` is what was verified, cleaned of pasted noise."""

    cardtrader_user_id: int
    token: str = field(repr=False)
    webhook_secret: str = field(repr=False)


class AccountVerifier(Protocol):
    """Proves a token; raises an `ApiError` when that is not possible."""

    async def verify(self, token: str) -> LinkedAccount:
        """The account behind the token, as pasted."""
        ...


class CardTraderVerifier:
    """Reads `GET /info`."""

    def __init__(self, cardtrader: CardTrader) -> None:
        self._cardtrader = cardtrader

    async def verify(self, token: str) -> LinkedAccount:
        """The account behind the token, as pasted."""
        try:
            bare = clean_token(token)
            info = await self._cardtrader.for_token(bare, "interactive").info()
        except ClientError as error:
            raise _translated(error) from None
        return LinkedAccount(info.user_id, bare, info.shared_secret)


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
