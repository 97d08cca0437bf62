"""Why a sync ended without success, or what it wants a person to know: one code, one sentence."""

from __future__ import annotations

INTERRUPTED = "SYNC_INTERRUPTED"
"""Its workflow is gone, or was never started: nobody else will end it."""

SENTENCES = {
    "ACCOUNT_NOT_LINKED": "The account is not linked to CardTrader. Link it and start again.",
    "TOKEN_REJECTED": "CardTrader no longer accepts the token. Create a new one there and link the account again.",
    "EXPORT_REJECTED": "CardTrader's export stayed incomplete or malformed; the stock was left as it was.",
    "CARDTRADER_UNAVAILABLE": "CardTrader could not be reached for too long; the stock was left as it was.",
    "SYNC_CANCELLED": "The sync was cancelled. What it had merged stays; start it again to complete it.",
    INTERRUPTED: "The sync was ended from outside before it could finish. Start it again.",
    "SYNC_FAILED": "The sync failed for a reason of ours. Start it again; if it fails again, tell the operator.",
    "REMOVALS_HELD": "The export lacks unusually many products; they stay until a second sync agrees, or is forced.",
}

_BLOCKING_CODES = ("ACCOUNT_NOT_LINKED", "TOKEN_REJECTED")
BLOCKING = tuple(SENTENCES[code] for code in _BLOCKING_CODES)
"""An account whose error reads so can do nothing until it is linked again."""

_BY_ERROR = {
    "AccountNotLinked": "ACCOUNT_NOT_LINKED",
    "TokenRejected": "TOKEN_REJECTED",
    "AccessDenied": "TOKEN_REJECTED",
    "ExportUnusable": "EXPORT_REJECTED",
    "ExportTooSlow": "CARDTRADER_UNAVAILABLE",
    "ExportTimedOut": "CARDTRADER_UNAVAILABLE",
    "ExportTruncated": "CARDTRADER_UNAVAILABLE",
    "Unavailable": "CARDTRADER_UNAVAILABLE",
    "EdgeBlocked": "CARDTRADER_UNAVAILABLE",
    "RateLimited": "CARDTRADER_UNAVAILABLE",
    "CircuitOpen": "CARDTRADER_UNAVAILABLE",
}


def code_for(error_type: str | None) -> str:
    """The code for the wire type of a failed activity."""
    return _BY_ERROR.get(error_type or "", "SYNC_FAILED")


def is_blocking(code: str) -> bool:
    """Whether nothing can be done for the account until it is linked again."""
    return code in _BLOCKING_CODES


def sentence(code: str) -> str:
    """What a seller reads for a code; unknown codes read as `SYNC_FAILED`."""
    return SENTENCES.get(code, SENTENCES["SYNC_FAILED"])
