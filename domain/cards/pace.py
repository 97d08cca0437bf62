"""Which step comes next with a batch of changes, and how long to wait before a lost answer is looked into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

Work = Literal["none", "send", "follow", "settle", "verify"]

_LONGEST_WAIT: Final = 300.0
_SHOWN_TOGETHER: Final = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds before CardTrader's stock is believed after a lost answer; the request may still be worked on.

    `listings`: a bulk call that creates works on after its answer is lost, and what comes late would be doubled.
    `look_seconds`: before every look at a job; CardTrader allows one a second. `skew`: how far its clock may be off.
    """

    seconds: float = 5.0
    listings: float = 30.0
    look_seconds: int = 1
    skew: float = 2.0


def next_work(*, waiting: int, slow: int, in_job: int, unknown: int, done: int) -> Work:
    """By the states of a batch's open changes; one job at a time, and nothing is sent while an outcome is unknown.

    `slow` of the waiting ones are sent one by one: while only these are left, what is done is verified now and then.
    """
    if in_job:
        return "follow"
    if unknown:
        return "settle"
    if waiting and not (waiting == slow and done >= _SHOWN_TOGETHER):
        return "send"
    return "verify" if done else "none"


def wait_seconds(patience: Patience, since: timedelta, *, attempts: int, listings: bool) -> int:
    """Whole seconds left to wait since it was sent; longer after every attempt, five minutes at most."""
    first = patience.listings if listings else patience.seconds
    whole = min(first * float(1 << max(attempts - 1, 0)), _LONGEST_WAIT)
    return max(0, math.ceil(whole - since.total_seconds()))
