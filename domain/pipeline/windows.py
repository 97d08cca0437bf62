"""Background windows: when one is open, when it closes, when the next opens. Wall clocks in, instants out.

A window is [start, end) on the clocks of its zone; with end <= start it reaches over midnight, and equal ones mean the
whole day. Where clocks are put back the first reading of an hour counts, so a window opens once a day; where they are
put forward a skipped reading means the moment of the change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Start and end on the wall, and the IANA name of the zone."""

    start: time = time(19)
    end: time = time(7)
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Opening:
    """One night: [opens, closes) as instants in UTC, named by the day on which it opens."""

    day: date
    opens: datetime
    closes: datetime

    def __contains__(self, now: datetime) -> bool:
        return self.opens <= now < self.closes


def opening(window: Window, day: date) -> Opening:
    """The night that begins on a day; it is empty when the clocks skip all of it."""
    over_midnight = window.end <= window.start
    opens = _instant(datetime.combine(day, window.start), window.zone)
    closes = _instant(datetime.combine(day + _DAY if over_midnight else day, window.end), window.zone)
    return Opening(day, opens, closes)


def current(window: Window, now: datetime) -> Opening | None:
    """The night that `now` is in."""
    return next((night for night in _around(window, now) if now in night), None)


def following(window: Window, now: datetime) -> Opening:
    """The first night that opens after `now`."""
    return next(night for night in _around(window, now) if night.opens > now and night.opens < night.closes)


def _around(window: Window, now: datetime) -> Iterator[Opening]:
    today = now.astimezone(ZoneInfo(window.zone)).date()
    return (opening(window, today + days * _DAY) for days in range(-2, 4))


def _instant(wall: datetime, zone: str) -> datetime:
    """When the wall clock first shows `wall`, or would have."""
    clock = ZoneInfo(zone)
    instant = wall.replace(tzinfo=clock).astimezone(UTC)
    if instant.astimezone(clock).replace(tzinfo=None) == wall:
        return instant
    return _change(clock, wall.replace(tzinfo=clock, fold=1).astimezone(UTC), instant)


def _change(clock: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The whole second between two instants at which the offset of the clock changes."""
    offset = after.astimezone(clock).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) / 2
        if middle.astimezone(clock).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)
