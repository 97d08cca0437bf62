"""What became of a difference of quantity whose answer was lost: told by what CardTrader has now.

A difference is not idempotent, so it is only sent again where it is certain that it was not made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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


@dataclass(frozen=True, slots=True)
class Sold:
    """Copies of which we were told after something was sent; `line` is the order and its item, None: bought here."""

    product_id: int
    copies: int
    line: tuple[int, int] | None = None


def sold_after(
    sales: Sequence[Sold], sent_at: datetime, times: Mapping[tuple[int, int], datetime], *, skew: timedelta
) -> tuple[list[Sold], list[Sold]]:
    """Those sold since something was sent, for sure and at most.

    What CardTrader says was sold before was told late, and is in what was read before the sending. `skew`: how far
    its clock may be from ours; a sale that near may be either. What has no time is taken for sold since.
    """
    known = [(one, None if one.line is None else times.get(one.line)) for one in sales]
    sure = [one for one, at in known if at is None or at > sent_at + skew]
    return sure, [one for one, at in known if at is None or at >= sent_at - skew]


def by_product(sales: Sequence[Sold]) -> dict[int, int]:
    """Copies by product."""
    copies: dict[int, int] = {}
    for one in sales:
        copies[one.product_id] = copies.get(one.product_id, 0) + one.copies
    return copies
