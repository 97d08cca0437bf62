"""Why a change was not made: one code, one sentence in our own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

Reason = Literal["REFUSED", "NOT_ON_SALE", "NOT_AS_ASKED", "OUTCOME_UNKNOWN", "UNVERIFIED", "CARDTRADER_FAILING"]

_SENTENCES: Final[dict[Reason, str]] = {
    "REFUSED": "CardTrader refused the change",
    "NOT_ON_SALE": "The product is no longer on sale at CardTrader; it may have been sold out meanwhile",
    "NOT_AS_ASKED": "CardTrader accepted the change, but shows something else than was asked for",
    "OUTCOME_UNKNOWN": "CardTrader's answer was lost and its stock does not tell whether the change was made",
    "UNVERIFIED": "CardTrader accepted the change, but the product could not be read to verify it",
    "CARDTRADER_FAILING": "CardTrader failed at every attempt; the change was not made",
}


def sentence(reason: Reason, fields: Sequence[str] = ()) -> str:
    """What a seller reads; `fields` are names of what was refused or differs."""
    return f"{_SENTENCES[reason]}{': ' if fields else ''}{', '.join(fields)}."
