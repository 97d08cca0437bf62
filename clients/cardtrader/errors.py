"""What CardTrader may answer instead of what was asked. The class name is the type on the Temporal wire.

    CardTraderError
    ├── TokenRejected      401
    ├── EdgeBlocked        403 without CardTrader's error object: the network edge, not the account
    ├── AccessDenied       403
    ├── NotFound           404
    ├── Refused            any other 4xx, or a change that was not made as asked; says why in `remarks`
    ├── RateLimited        429; also a `clients.errors.RateLimited`, as the bucket raises it
    ├── OutcomeUnknown     a mutation met 5xx, a fault after it was sent, or an answer that tells nothing
    ├── Unavailable        5xx, a network fault, or an HTML page; of a mutation: it was never sent
    │   ├── ExportTimedOut     the export stopped coming
    │   └── ExportTruncated    the export ended before its end
    └── MalformedAnswer    a redirect, too many bytes, or JSON of another shape

A mutation that ends in `OutcomeUnknown` may have been made, so it must never be repeated before CardTrader was read:
policies of activities that send mutations list it as final. After every other error it was not made.

Messages hold a status and a safe error code, never a URL, a token or upstream text.
"""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import msgspec

from clients.cardtrader.remarks import Remark, fields_of, remarks_of
from clients.errors import ClientError
from clients.errors import RateLimited as BucketRateLimited
from clients.token_bucket import DEFAULT_PENALTY, LONGEST_PENALTY

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_SAFE_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class CardTraderError(ClientError):
    """CardTrader did not do what was asked."""


class TokenRejected(CardTraderError):
    """CardTrader does not accept the account's token."""


class EdgeBlocked(CardTraderError):
    """CardTrader's network edge refused the request."""


class AccessDenied(CardTraderError):
    """The account may not do this on CardTrader."""


class NotFound(CardTraderError):
    """CardTrader does not know what was asked for."""


class Refused(CardTraderError):
    """CardTrader refused the request.

    `error_code` is CardTrader's or "". `product_id` is set when the product is on sale all the same, with another
    condition, language or finish than was asked for.
    """

    def __init__(
        self,
        message: str = "",
        *,
        error_code: str = "",
        remarks: tuple[Remark, ...] = (),
        product_id: int | None = None,
    ) -> None:
        super().__init__(message or "CardTrader refused the request.")
        self.error_code, self.remarks, self.product_id = error_code, remarks, product_id

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what was refused, as far as CardTrader tells."""
        return fields_of(self.remarks)


class RateLimited(CardTraderError, BucketRateLimited):
    """CardTrader's request limit is reached."""


class OutcomeUnknown(CardTraderError):
    """Whether CardTrader made the change is not known."""


class Unavailable(CardTraderError):
    """CardTrader cannot be reached or fails."""

    def __init__(self, message: str = "", *, sent: bool = True) -> None:
        super().__init__(message or "CardTrader cannot be reached or fails.")
        self.sent = sent


class ExportTimedOut(Unavailable):
    """CardTrader did not send the export in time."""


class ExportTruncated(Unavailable):
    """The export ended before its end."""


class MalformedAnswer(CardTraderError):
    """CardTrader answered something that cannot be understood."""


class _ErrorBody(msgspec.Struct):
    """The error shapes agree on nothing but these names; `errors` may be a list or an object."""

    error_code: object = None
    errors: object = None
    error: object = None
    extra: object = None

    def is_standard(self) -> bool:
        return not (self.error_code is None and self.errors is None and self.error is None)


def error_from(response: httpx.Response, body: bytes) -> CardTraderError:
    """The error a non-2xx answer stands for. Never raises, whatever the body is."""
    status, parsed = response.status_code, _parse(body)
    if status == httpx.codes.UNAUTHORIZED:
        return TokenRejected()
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(retry_after=retry_after(response.headers))
    if status < 400:
        return MalformedAnswer(f"CardTrader answered {status}; redirects are not followed.")
    if status == httpx.codes.FORBIDDEN:
        return AccessDenied() if parsed.is_standard() else EdgeBlocked()
    if status >= 500 or is_html(response.headers):
        return Unavailable(f"CardTrader answered {status}.")
    return NotFound() if status == httpx.codes.NOT_FOUND else _refused(status, parsed)


def retry_after(headers: httpx.Headers) -> float:
    """Seconds a 429 asks for, 0..60; 10 when it does not say. Dates count from the answer's own."""
    text = headers.get("Retry-After", "")
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, headers.get("Date", ""))
    return min(max(seconds, 0.0), LONGEST_PENALTY) if math.isfinite(seconds) else DEFAULT_PENALTY


def is_html(headers: httpx.Headers) -> bool:
    """True for an error page of the edge, whatever its status."""
    return "html" in headers.get("Content-Type", "").lower()


def _refused(status: int, body: _ErrorBody) -> Refused:
    code = body.error_code if isinstance(body.error_code, str) else ""
    code = code if _SAFE_CODE.fullmatch(code) else ""
    remarks = remarks_of(body.errors) or remarks_of(body.extra)
    return Refused(
        f"CardTrader refused the request ({', '.join(filter(None, (str(status), code, *fields_of(remarks))))}).",
        error_code=code,
        remarks=remarks,
    )


def _parse(body: bytes) -> _ErrorBody:
    try:
        return msgspec.json.decode(body, type=_ErrorBody)
    except UNREADABLE:
        return _ErrorBody()


def _seconds_until(text: str, sent_at: str) -> float:
    try:
        until, sent = (parsedate_to_datetime(value) for value in (text, sent_at))
    except (ValueError, TypeError):
        return DEFAULT_PENALTY
    return until.timestamp() - sent.timestamp()
