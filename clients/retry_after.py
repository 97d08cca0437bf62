"""The header `Retry-After`."""

from __future__ import annotations

import math
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx


def retry_after(headers: httpx.Headers) -> timedelta | None:
    """The wait a header asks for; None when there is none, or it cannot be read. Dates count from the answer's own."""
    text = headers.get("Retry-After", "")
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, headers.get("Date", ""))
    return timedelta(seconds=min(max(seconds, 0.0), 86_400.0)) if math.isfinite(seconds) else None


def _seconds_until(text: str, sent_at: str) -> float:
    try:
        until, sent = parsedate_to_datetime(text), parsedate_to_datetime(sent_at)
    except (ValueError, TypeError):
        return math.nan
    return until.timestamp() - sent.timestamp()
