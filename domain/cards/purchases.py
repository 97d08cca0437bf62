"""What becomes of a purchase: the reasons it can be refused for, and what a lost answer meant.

A purchase that cannot be told apart from a failed one is refused: a copy too few on sale is repaired by the next
re-read, a copy sold twice by nobody.
"""

from __future__ import annotations

from typing import Final, Literal

from domain.cards.outcomes import Outcome, outcome_of_difference

State = Literal["reserved", "taking", "sending", "purchased", "refused"]
Reason = Literal[
    "NOT_AVAILABLE_ON_CARDTRADER",
    "CARDTRADER_REFUSED",
    "OUTCOME_UNKNOWN",
    "PURCHASE_EXPIRED",
    "ACCOUNT_UNUSABLE",
]

OPEN: Final[tuple[State, ...]] = ("reserved", "taking", "sending")

_SENTENCES: Final[dict[str, str]] = {
    "NOT_AVAILABLE_ON_CARDTRADER": "CardTrader no longer has that many copies on sale.",
    "CARDTRADER_REFUSED": "CardTrader refused to take the copies off sale.",
    "OUTCOME_UNKNOWN": "It could not be told whether CardTrader took the copies off sale, so nothing was sold.",
    "PURCHASE_EXPIRED": "CardTrader could not be asked in time, so nothing was sold.",
    "ACCOUNT_UNUSABLE": "The seller's account is suspended, or CardTrader no longer accepts its token.",
}


def sentence(reason: str) -> str:
    """What a person reads for a reason."""
    return _SENTENCES.get(reason, "The purchase was refused.")


def outcome_of_taking(*, before: int, copies: int, now: int | None, sold: int) -> Outcome:
    """Whether `copies` (>= 1) were taken from `before` (>= copies), when the answer to that was lost.

    `now`: on sale since; None when the product is gone. `sold`: copies that orders told of since, an upper bound of
    what was sold in between: an order may be told late, and be contained in `before`.
    """
    if now is None and sold > before - copies:
        # There may have been too few left: CardTrader ends a product without saying how far below zero it went.
        return "undecided"
    told = {
        outcome_of_difference(before=before, delta=-copies, now=now, sold=in_between)
        for in_between in range(min(sold, before) + 1)
    }
    # A number of sales that explains nothing was not the number.
    verdicts = told - {"undecided"}
    return verdicts.pop() if len(verdicts) == 1 else "undecided"
