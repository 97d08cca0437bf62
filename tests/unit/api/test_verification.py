"""What CardTrader's refusals become here; nothing it said is repeated."""

from __future__ import annotations

from typing import cast

import pytest

from api.cards.verification import CardTraderVerifier
from api.errors import ApiError
from clients.cardtrader import AppInfo, CardTrader
from clients.cardtrader.errors import (
    AccessDenied,
    EdgeBlocked,
    MalformedAnswer,
    RateLimited,
    TokenRejected,
    Unavailable,
)
from clients.errors import CircuitOpen, LimiterUnavailable


class FakeCardTrader:
    """Answers or raises, and remembers the token."""

    def __init__(self, answer: AppInfo | Exception, newest: int | Exception = 7) -> None:
        self.answer, self.newest, self.token = answer, newest, ""

    def for_token(self, token: str, klass: str) -> FakeCardTrader:
        self.token = token
        assert klass == "interactive"
        return self

    async def info(self) -> AppInfo:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def orders(self) -> FakeCardTrader:
        return self

    async def newest_id(self) -> int:
        if isinstance(self.newest, Exception):
            raise self.newest
        return self.newest


def verifier(answer: AppInfo | Exception) -> tuple[CardTraderVerifier, FakeCardTrader]:
    fake = FakeCardTrader(answer)
    return CardTraderVerifier(cast("CardTrader", fake)), fake


async def test_pasted_noise_is_trimmed_and_the_account_told() -> None:
    subject, fake = verifier(AppInfo(id=1, user_id=88123, shared_secret="0f" * 16))
    account = await subject.verify("\u00a0Bearer  ab\u00adc\u200b.def\n")
    assert fake.token == account.token == "abc.def"
    assert (account.cardtrader_user_id, account.webhook_secret, account.newest_order_id) == (88123, "0f" * 16, 7)
    assert "abc.def" not in repr(account)
    assert account.webhook_secret not in repr(account)


@pytest.mark.parametrize(
    ("error", "status", "code", "text"),
    [
        (TokenRejected(), 502, "CARDTRADER_API_ERROR", "does not accept this token"),
        (AccessDenied(), 502, "CARDTRADER_API_ERROR", "does not let this token"),
        (MalformedAnswer("upstream body"), 502, "CARDTRADER_API_ERROR", "could not be used"),
        (EdgeBlocked(), 503, "CARDTRADER_SERVICE_UNAVAILABLE", "does not answer"),
        (Unavailable("upstream body"), 503, "CARDTRADER_SERVICE_UNAVAILABLE", "does not answer"),
        (CircuitOpen(retry_after=7.2), 503, "CARDTRADER_SERVICE_UNAVAILABLE", "does not answer"),
        (RateLimited(retry_after=0.2), 429, "RATE_LIMIT_EXCEEDED", "Too many"),
        (LimiterUnavailable(), 503, "REDIS_UNAVAILABLE", "rate limiter"),
    ],
)
async def test_refusals_are_translated_once(error: Exception, status: int, code: str, text: str) -> None:
    subject, _ = verifier(error)
    with pytest.raises(ApiError) as caught:
        await subject.verify("abc")
    assert (caught.value.status, caught.value.code) == (status, code)
    assert text in caught.value.message
    assert "upstream" not in caught.value.message
    assert caught.value.__suppress_context__


async def test_waits_are_told_in_whole_seconds() -> None:
    subject, _ = verifier(CircuitOpen(retry_after=7.2))
    with pytest.raises(ApiError) as caught:
        await subject.verify("abc")
    assert caught.value.headers["Retry-After"] == "8"


@pytest.mark.parametrize("token", ["", "  ", "Bearer ", "no spaces allowed è"])
async def test_what_cannot_be_a_token_is_never_sent(token: str) -> None:
    subject, fake = verifier(AppInfo(id=1, user_id=1, shared_secret="x"))
    with pytest.raises(ApiError) as caught:
        await subject.verify(token)
    assert (caught.value.status, fake.token) == (502, "")


async def test_orders_that_cannot_be_read_do_not_keep_an_account_from_being_linked() -> None:
    subject, fake = verifier(AppInfo(id=1, user_id=88123, shared_secret="0f" * 16))
    fake.newest = AccessDenied()
    assert (await subject.verify("abc.def")).newest_order_id is None
