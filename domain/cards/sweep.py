"""How a sweep over all accounts is spread over its period: pages of accounts with a pause between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MOST_PER_PAGE: Final = 25
# What is left of the period makes up for pages that had to wait.
_SHARE: Final = 0.8
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Pace:
    """Accounts per page, and seconds from one page to the next."""

    page: int
    pause_seconds: int


def pace(accounts: int, period_minutes: int) -> Pace:
    """Pages so small and pauses so short that a sweep ends within its period, should no page have to wait."""
    per_minute = max(1, math.ceil(accounts / max(1.0, period_minutes * _SHARE)))
    pages = math.ceil(per_minute / MOST_PER_PAGE)
    return Pace(math.ceil(per_minute / pages), max(1, _MINUTE // pages))


def room(page: int, running: int, most_running: int) -> int:
    """How many syncs the next page may start: a page's worth, but never more at once than allowed."""
    return max(0, min(page, most_running - running))
