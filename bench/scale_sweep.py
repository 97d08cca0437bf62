"""The reconciliation sweep at any size: pages and pauses by `domain.cards.sweep`, syncs of seeded lengths."""

from __future__ import annotations

import heapq
import random

from bench.scale_model import Frozen, Habits
from domain.cards.sweep import pace, room


class Swept(Frozen):
    """One sweep over `accounts`. `held` counts pages for which there was less room than they wanted."""

    accounts: int
    most_running: int
    period_minutes: int
    page: int
    pause_seconds: int
    minutes: float
    at_once: int
    pages: int
    held: int

    @property
    def is_in_time(self) -> bool:
        """Whether it ended within its period."""
        return self.minutes <= self.period_minutes


def sweep(accounts: int, habits: Habits, product_seconds: float, *, most_running: int, seed: int) -> Swept:
    """Page after page until all are begun; a sync takes what its stock takes, beside its fixed seconds."""
    rng, period = random.Random(seed), round(24 * 60 / habits.syncs_per_day)
    chosen = pace(accounts, period)
    now, begun, pages, held, at_once = 0.0, 0, 0, 0, 0
    ends: list[float] = []
    while begun < accounts:
        while ends and ends[0] <= now:
            heapq.heappop(ends)
        most = room(min(chosen.page, accounts - begun), len(ends), most_running)
        held += most < min(chosen.page, accounts - begun)
        for _ in range(most):
            heapq.heappush(ends, now + habits.sync_seconds + habits.stock(rng) * product_seconds)
        begun, pages, at_once = begun + most, pages + 1, max(at_once, len(ends))
        now += chosen.pause_seconds
    return Swept(
        accounts=accounts,
        most_running=most_running,
        period_minutes=period,
        page=chosen.page,
        pause_seconds=chosen.pause_seconds,
        minutes=round(max(ends) / 60, 1),
        at_once=at_once,
        pages=pages,
        held=held,
    )
