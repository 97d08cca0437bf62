"""When a schedule looks whether there is something to do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pipeline.background import Cursor, Plan
from domain.pipeline.nights import full_hours, next_full_hour, next_look
from domain.pipeline.windows import Window

ZONES = ["UTC", "Europe/Rome", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York"]
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
READINGS = st.times().map(lambda at: at.replace(microsecond=0))


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (time(19), time(7), {*range(19, 24), *range(7)}),
        (time(19, 30), time(7, 30), {*range(20, 24), *range(8)}),
        (time(1), time(5), {1, 2, 3, 4}),
        (time(0), time(5), {0, 1, 2, 3, 4}),
        (time(2, 10), time(2, 50), set()),
        (time(23, 30), time(0), set()),
        (time(8), time(8), set(range(24))),
    ],
    ids=["night", "half past", "hours", "midnight", "minutes", "until midnight", "always"],
)
def test_full_hours_inside_the_window(start: time, end: time, hours: set[int]) -> None:
    assert set(full_hours(Window(start, end))) == hours


@given(start=READINGS, end=READINGS)
def test_an_hour_belongs_to_a_window_or_to_its_complement(start: time, end: time) -> None:
    inside, outside = set(full_hours(Window(start, end))), set(full_hours(Window(end, start)))
    assert inside | outside == set(range(24))
    assert inside & outside == (set(range(24)) if start == end else set())


@given(now=MOMENTS, zone=st.sampled_from(ZONES))
def test_the_next_full_hour_comes_within_the_hour(now: datetime, zone: str) -> None:
    at, clock = next_full_hour(Window(zone=zone), now), ZoneInfo(zone)
    assert timedelta() < at - now <= timedelta(hours=1)
    if at.astimezone(clock).utcoffset() == now.astimezone(clock).utcoffset():
        assert at.astimezone(clock).time().replace(hour=0) == time(0)


def test_where_hours_are_not_those_of_utc() -> None:
    now = datetime(2026, 1, 1, 12, 20, tzinfo=UTC)
    assert next_full_hour(Window(zone="Asia/Kathmandu"), now) == datetime(2026, 1, 1, 13, 15, tzinfo=UTC)


def at(hour: int, minute: int = 0, *, day: int = 5) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cursor", "now", "looks"),
    [
        (Cursor(), at(12), at(19)),
        (Cursor(), at(20, 15), at(21)),
        (Cursor(), at(6, 15), at(19)),
        (Cursor(100, date(2026, 3, 5), 100), at(20, 15), at(19, day=6)),
        (Cursor(100, date(2026, 3, 4), 100), at(20, 15), at(21)),
    ],
    ids=["by day", "at night", "near the end", "share done", "share of another night"],
)
def test_when_a_schedule_that_rests_looks_again(cursor: Cursor, now: datetime, looks: datetime) -> None:
    assert next_look(Plan(rows_per_day=100), cursor, now) == looks
