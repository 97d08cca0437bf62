"""The headers of a call-back: those of Standard Webhooks, and the predecessor's.

`webhook-signature` holds a signature per secret while two are valid. `X-Webhook-Signature` covers the body alone and
can hold one, by the endpoint's newest secret as text: a consumer of the predecessor sets its WEBHOOK_SECRET to it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

from domain.marketplace.events import iso

_PREFIX: Final = "whsec_"
_BYTES: Final = 32


def new_secret() -> str:
    """`whsec_` and 32 random bytes in base64, as the specification spells secrets."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


@dataclass(frozen=True, slots=True)
class Signed:
    """A body with its headers."""

    body: bytes
    headers: dict[str, str]


def sign(event_id: str, body: str, keys: Sequence[str], at: datetime, *, sequence: int) -> Signed:
    """Sign for one endpoint; `keys`, newest first, are its valid secrets."""
    # The library takes the clock's face for UTC, whatever the zone.
    moment = at.astimezone(UTC)
    signatures = [Webhook(key).sign(msg_id=event_id, timestamp=moment, data=body) for key in keys]
    content = body.encode()
    legacy = hmac.new(keys[0].encode(), content, hashlib.sha256).hexdigest()
    return Signed(
        content,
        {
            "Content-Type": "application/json",
            "User-Agent": "brx-sync-callbacks",
            "X-Event-Id": event_id,
            "X-Event-Sequence": str(sequence),
            "X-Webhook-Timestamp": iso(at),
            "X-Webhook-Signature": f"sha256={legacy}",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        },
    )
