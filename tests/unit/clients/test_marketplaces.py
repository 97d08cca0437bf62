"""What a marketplace's answer means for a receipt."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.errors import LimiterUnavailable
from clients.marketplace import Account, Validation, adapters
from clients.marketplace.validating import read
from domain.marketplace.receipts import Imported, Refusal, Setback

ORDER = {
    "status": True,
    "orderId": "o-1",
    "amount": 12.345,
    "currency": "KWD",
    "importedAtUTC": "2026-01-02T03:04:05.678Z",
}


def said(status: int, body: object, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(status, httpx.Headers(headers), raw)


def test_an_order_is_imported_exactly() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert said(200, ORDER) == Imported("o-1", Decimal("12.345"), "KWD", at)


def test_a_free_order_is_an_order() -> None:
    imported = said(200, {**ORDER, "amount": 0})
    assert isinstance(imported, Imported)
    assert imported.amount == 0


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": False}, Refusal("invalid_receipt")),
        (400, {"error": "Invalid marketplace"}, Refusal("unknown_marketplace")),
        (400, {"error": "receipt is required"}, Refusal("marketplace_refused")),
        (401, {}, Setback("authentication_failed")),
        (403, {}, Setback("authentication_failed")),
        (404, {}, Setback("marketplace_unavailable")),
        (500, b"<html>", Setback("marketplace_unavailable")),
        (302, b"", Setback("marketplace_unavailable")),
        (429, {}, Setback("rate_limited", limited=True)),
        (200, b"<html>", Setback("malformed_answer")),
        (200, b"\xff", Setback("malformed_answer")),
        (200, {"status": True}, Setback("malformed_answer")),
        (200, {**ORDER, "amount": None}, Setback("malformed_answer")),
        (200, {**ORDER, "amount": -1}, Setback("malformed_answer")),
        (200, {**ORDER, "amount": 1e300}, Setback("malformed_answer")),
        (200, {**ORDER, "orderId": ""}, Setback("malformed_answer")),
    ],
    ids=range(16),
)
def test_permanent_against_transient(status: int, body: object, expected: object) -> None:
    assert said(status, body) == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "1e9"}, 86_400),
        ({"Retry-After": "Thu, 01 Jan 2026 00:02:00 GMT", "Date": "Thu, 01 Jan 2026 00:00:00 GMT"}, 120),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
    ids=range(7),
)
def test_the_wait_a_marketplace_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert said(429, {}, **headers) == Setback("rate_limited", limited=True, retry_after=expected)


@settings(deadline=None)
@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_breaks_anything(status: int, body: bytes) -> None:
    assert isinstance(read(status, httpx.Headers(), body), Imported | Refusal | Setback)


class Bucket:
    """Grants all, and notes penalties."""

    def __init__(self, *, lost: bool = False) -> None:
        self.lost = lost
        self.acquired: list[tuple[str, str]] = []
        self.penalties: list[float | None] = []

    async def acquire(self, key: str, klass: str) -> float:
        self.acquired.append((key, klass))
        return 0.0

    async def penalise(self, key: str, retry_after: float | None = None) -> float:
        self.penalties.append(retry_after)
        if self.lost:
            raise LimiterUnavailable
        return 0.0


async def ask(answer: Any, bucket: Bucket, marketplace: str = "etsy") -> Any:
    accounts = {"etsy": Account("user", "pass"), "amazon": Account("user", "pass")}
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        validation = Validation(http, "http://mocks/mock", accounts, bucket)  # type: ignore[arg-type]
        return await adapters(validation)[marketplace].ask("r-1", "USD", "bulk")


async def test_each_marketplace_is_asked_under_its_own_account_and_limit() -> None:
    bucket, seen = Bucket(), []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((str(request.url), request.headers["Authorization"][:6], json.loads(request.content)))
        return httpx.Response(200, json={"status": False})

    for marketplace in ("etsy", "amazon"):
        assert await ask(answer, bucket, marketplace) == Refusal("invalid_receipt")
    assert seen[0] == ("http://mocks/mock/etsy/validate", "Basic ", {"receipt": "r-1", "currency": "USD"})
    assert len(set(bucket.acquired)) == 2
    assert "pass" not in repr(Account("user", "pass"))


@pytest.mark.parametrize("lost", [False, True])
async def test_a_limit_with_a_wait_is_everybodys_and_one_without_is_the_receipts(lost: bool) -> None:
    bucket = Bucket(lost=lost)
    await ask(lambda _: httpx.Response(429), bucket)
    assert bucket.penalties == []
    said_so = await ask(lambda _: httpx.Response(429, headers={"Retry-After": "30"}), bucket)
    assert (said_so.limited, bucket.penalties) == (True, [30.0])


async def test_faults_of_the_network_and_missing_credentials_are_waited_out() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("away")

    assert await ask(away, Bucket()) == Setback("marketplace_unavailable")
    assert await ask(away, Bucket(), "shopify") == Setback("not_configured")
    assert isinstance(await ask(lambda _: httpx.Response(200, content=b"x" * 100_000), Bucket()), Setback)
