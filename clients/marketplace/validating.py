"""The protocol all of today's marketplaces speak: POST {base}/{marketplace}/validate with Basic credentials.

A request waits for the bucket of its account first. Redirects are refused, answers are read up to a cap, and every
answer becomes a result: what is permanent is said to be so, all else is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final

import httpx
import msgspec
import structlog

from clients.errors import LimiterUnavailable
from clients.retry_after import retry_after
from clients.token_bucket import Klass, TokenBucket, fingerprint
from domain.marketplace.receipts import RATE_LIMITED, Imported, Refusal, Result, Setback

INVALID_RECEIPT: Final = "invalid_receipt"
UNKNOWN_MARKETPLACE: Final = "unknown_marketplace"
_CAP: Final = 64 * 1024
_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_DENIED: Final = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_MOST: Final = Decimal(10) ** 15
_log = structlog.get_logger(__name__)

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class _Answer(msgspec.Struct, rename="camel"):
    status: bool
    order_id: _Text | None = None
    amount: Decimal | None = None
    currency: Annotated[str, msgspec.Meta(min_length=1, max_length=10)] | None = None
    imported_at_utc: datetime | None = msgspec.field(default=None, name="importedAtUTC")


@dataclass(frozen=True, slots=True)
class Account:
    """Our credentials at one marketplace."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Validation:
    """The endpoint of all marketplaces, and the limit of each account."""

    http: httpx.AsyncClient
    base_url: str
    accounts: Mapping[str, Account]
    bucket: TokenBucket

    async def ask(self, marketplace: str, receipt: str, currency: str, klass: Klass) -> Result:
        """What `marketplace` says of a receipt; see `Marketplace.ask`."""
        account = self.accounts.get(marketplace)
        if account is None:
            # Ours to mend, not the receipt's: it waits until there are credentials.
            return Setback("not_configured")
        key = fingerprint(f"{marketplace}:{account.user}")
        await self.bucket.acquire(key, klass)
        try:
            status, headers, body = await self._post(marketplace, account, {"receipt": receipt, "currency": currency})
        except (httpx.TransportError, httpx.DecodingError):
            return Setback("marketplace_unavailable")
        result = read(status, headers, body)
        if isinstance(result, Setback) and result.limited and result.retry_after is not None:
            # It says for how long, so it means all of us; without that it may mean this receipt alone.
            await self._penalise(key, result.retry_after)
        return result

    async def _post(
        self, marketplace: str, account: Account, body: Mapping[str, str]
    ) -> tuple[int, httpx.Headers, bytes]:
        address = f"{self.base_url.rstrip('/')}/{marketplace}/validate"
        credentials = httpx.BasicAuth(account.user, account.password)
        async with self.http.stream(
            "POST", address, json=dict(body), auth=credentials, timeout=_TIMEOUT, follow_redirects=False
        ) as response:
            read_so_far = bytearray()
            async for piece in response.aiter_bytes():
                read_so_far += piece
                if len(read_so_far) > _CAP:
                    break
            return response.status_code, response.headers, bytes(read_so_far)

    async def _penalise(self, key: str, wait: timedelta) -> None:
        try:
            await self.bucket.penalise(key, wait.total_seconds())
        except LimiterUnavailable as error:
            _log.warning("bucket.penalty_lost", reason=str(error))


def read(status: int, headers: httpx.Headers, body: bytes) -> Result:
    """What an answer means. Never raises."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Setback(RATE_LIMITED, limited=True, retry_after=retry_after(headers))
    if status in _DENIED:
        # Ours to mend, not the receipt's: it waits until the credentials are right.
        return Setback("authentication_failed")
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
        return Refusal(UNKNOWN_MARKETPLACE if b"Invalid marketplace" in body else "marketplace_refused")
    if status != httpx.codes.OK:
        return Setback("marketplace_unavailable")
    return _read_answer(body)


def _read_answer(body: bytes) -> Result:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Setback("malformed_answer")
    if not answer.status:
        return Refusal(INVALID_RECEIPT)
    if answer.order_id is None or answer.currency is None or answer.imported_at_utc is None:
        return Setback("malformed_answer")
    # A free order is an order: nothing but a missing amount is missing.
    if answer.amount is None or not 0 <= answer.amount < _MOST:
        return Setback("malformed_answer")
    imported_at = answer.imported_at_utc
    zoned = imported_at if imported_at.tzinfo else imported_at.replace(tzinfo=UTC)
    return Imported(answer.order_id, answer.amount, answer.currency, zoned)
