"""At which readings of the clock a background schedule looks whether there is something to do.

At the window's start, and at every full hour inside it: what was interrupted goes on within the hour, and where the
clocks skip the start, the first look is at the next full hour, and where they show it twice, Temporal takes the later.
A look in vain ends at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.pipeline.background import Cursor, Plan, Rest, step
from domain.pipeline.windows import Window, following

_HOUR = timedelta(hours=1)


def full_hours(window: Window) -> tuple[int, ...]:
    """The hours of the day at whose beginning the window is open; all of them, if it is never closed."""
    return tuple(hour for hour in range(24) if _is_open(window, time(hour)))


def _is_open(window: Window, reading: time) -> bool:
    if window.start < window.end:
        return window.start <= reading < window.end
    return reading >= window.start or reading < window.end


def next_full_hour(window: Window, now: datetime) -> datetime:
    """When the clocks of the window's zone next show a full hour."""
    wall = now.astimezone(ZoneInfo(window.zone))
    past = timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
    # Counted in UTC: an hour later is an hour later, whatever the clocks do meanwhile.
    return now.astimezone(UTC) - past + _HOUR


def next_look(plan: Plan, cursor: Cursor, now: datetime) -> datetime:
    """When a schedule that does nothing at the moment looks again."""
    what = step(plan, cursor, now, 1)
    if isinstance(what, Rest):
        return what.until
    hour = next_full_hour(plan.window, now)
    return hour if hour in what.night else following(plan.window, now).opens
