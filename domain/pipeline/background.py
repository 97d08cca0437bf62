"""A large table in several nights: each takes its share inside its window, and the next goes on where it ended.

The cursor is what is durable: rows done in all, and in which night how many. Whatever night, restart or change of the
clocks comes between, the share of a night is never exceeded and no row is taken twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from domain.pipeline.windows import Opening, Window, current, following

SHARE_OF_THE_UNKNOWN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """`rows_per_day` overrides what the estimate and the days give."""

    window: Window = field(default_factory=Window)
    estimate: int | None = None
    days: int = 7
    rows_per_day: int | None = None

    @property
    def share(self) -> int:
        """Rows per night; rounded up, so that the remainder is done within the days too."""
        if self.rows_per_day is not None:
            return self.rows_per_day
        return -(-self.estimate // self.days) if self.estimate else SHARE_OF_THE_UNKNOWN


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a plan is."""

    rows: int = 0
    night: date | None = None
    rows_tonight: int = 0

    def after(self, night: Opening, rows: int) -> Cursor:
        """With a page of that night done."""
        tonight = self.rows_tonight if night.day == self.night else 0
        return Cursor(self.rows + rows, night.day, tonight + rows)

    def percent(self, estimate: int | None) -> float:
        """Of the estimate, two decimals; never above 100, and 0 where there is no estimate."""
        return min(100.0, round(self.rows * 100 / estimate, 2)) if estimate else 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """Fetch a page of up to `rows` now; it counts for this night."""

    rows: int
    night: Opening


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing until then."""

    until: datetime


def step(plan: Plan, cursor: Cursor, now: datetime, page_size: int, *, force: bool = False) -> Work | Rest:
    """What to do now. `force` works outside the window too, on account of the night to come."""
    coming = following(plan.window, now)
    night = current(plan.window, now) or (coming if force else None)
    if night is None:
        return Rest(coming.opens)
    left = plan.share - (cursor.rows_tonight if night.day == cursor.night else 0)
    return Work(min(page_size, left), night) if left > 0 else Rest(coming.opens)
