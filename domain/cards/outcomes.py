"""What became of a difference of quantity whose answer was lost: told by what CardTrader has now.

A difference is not idempotent, so it is only sent again where it is certain that it was not made.
"""

from __future__ import annotations

from typing import Literal

Outcome = Literal["applied", "not_applied", "undecided"]


def outcome_of_difference(*, before: int, delta: int, now: int | None, sold: int) -> Outcome:
    """Whether a sent `delta` was made.

    `before`: CardTrader's quantity as read before it was sent (>= 1). `now`: as read since; None when the product is
    gone, as CardTrader ends one at zero. `sold`: copies sold in between, as far as orders tell. Only a quantity that
    one of the two stories explains exactly decides.
    """
    left = now or 0
    made = sold <= max(before + delta, 0) and left == max(before + delta - sold, 0)
    not_made = sold <= before and left == before - sold
    if made == not_made:
        return "undecided"
    return "applied" if made else "not_applied"
