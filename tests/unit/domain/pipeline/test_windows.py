"""Windows: over midnight, in zones, over changes of the clocks: one opening a day, never two at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.pipeline.windows import Opening, Window, current, following, opening

NIGHT = Window()
ROME = Window(zone="Europe/Rome")
ZONES = [
    "UTC",
    "Europe/Rome",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
]
WINDOWS = st.builds(
    Window,
    st.times().map(lambda at: at.replace(microsecond=0)),
    st.times().map(lambda at: at.replace(microsecond=0)),
    st.sampled_from(ZONES),
)
DAYS = st.dates(date(2008, 1, 1), date(2030, 12, 31))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        (utc(2026, 1, 1, 19), True),
        (utc(2026, 1, 1, 18, 59, 59), False),
        (utc(2026, 1, 2, 6, 59, 59), True),
        (utc(2026, 1, 2, 7), False),
        (utc(2026, 1, 2, 0), True),
    ],
)
def test_the_end_is_outside(now: datetime, is_open: bool) -> None:
    assert (current(NIGHT, now) is not None) is is_open


def test_a_night_is_named_by_its_evening() -> None:
    night = current(NIGHT, utc(2026, 1, 2, 3))
    assert night == Opening(date(2026, 1, 1), utc(2026, 1, 1, 19), utc(2026, 1, 2, 7))


def test_a_window_within_a_day_and_one_of_all_day() -> None:
    office, always = Window(time(9), time(17)), Window(time(9), time(9))
    assert opening(office, date(2026, 1, 1)).closes == utc(2026, 1, 1, 17)
    assert following(office, utc(2026, 1, 1, 9)).opens == utc(2026, 1, 2, 9)
    assert current(always, utc(2026, 1, 1, 8, 59)) == Opening(
        date(2025, 12, 31), utc(2025, 12, 31, 9), utc(2026, 1, 1, 9)
    )


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2025, 3, 29), 11), (date(2025, 10, 25), 13), (date(2025, 7, 1), 12)],
)
def test_a_night_is_as_long_as_the_clocks_make_it(day: date, hours: int) -> None:
    night = opening(ROME, day)
    assert night.closes - night.opens == timedelta(hours=hours)


def test_skipped_and_repeated_readings() -> None:
    skipped, repeated = Window(time(2, 30), time(4), "Europe/Rome"), Window(time(1), time(2, 30), "Europe/Rome")
    assert opening(skipped, date(2025, 3, 30)).opens == utc(2025, 3, 30, 1)
    assert opening(repeated, date(2025, 10, 26)).closes == utc(2025, 10, 26, 0, 30)
    assert current(repeated, utc(2025, 10, 26, 1, 15)) is None


def test_a_window_that_the_clocks_skip_is_passed_over() -> None:
    window = Window(time(2, 10), time(2, 50), "Europe/Rome")
    assert following(window, utc(2025, 3, 29, 12)).day == date(2025, 3, 31)
    day_that_never_was = Window(time(9), time(17), "Pacific/Apia")
    assert following(day_that_never_was, opening(day_that_never_was, date(2011, 12, 29)).opens).day == date(
        2011, 12, 31
    )


@settings(deadline=None)
@given(WINDOWS, DAYS)
@example(Window(time(2, 30), time(2, 30), "Europe/Rome"), date(2025, 3, 29))
@example(Window(time(1, 45), time(1, 45), "Australia/Lord_Howe"), date(2025, 4, 5))
@example(Window(time(0), time(0), "Africa/Cairo"), date(2024, 4, 25))
def test_nights_follow_each_other_without_overlap(window: Window, day: date) -> None:
    nights = [opening(window, day + timedelta(days=days)) for days in range(4)]
    for one, other in pairwise(nights):
        assert one.opens <= one.closes <= other.opens <= one.opens + timedelta(hours=49)


@settings(deadline=None)
@given(WINDOWS, DAYS, st.integers(0, 86_399))
def test_now_is_in_the_night_that_the_clocks_show(window: Window, day: date, second: int) -> None:
    now = datetime.combine(day, time(), tzinfo=UTC) + timedelta(seconds=second)
    night, coming = current(window, now), following(window, now)
    assert coming.opens > now
    assert current(window, coming.opens) == coming
    if night is not None:
        assert night.opens <= now < night.closes <= coming.opens
        assert night.day < coming.day


@settings(deadline=None)
@given(WINDOWS, DAYS, st.integers(0, 86_399))
def test_away_from_changes_of_the_clocks_the_wall_decides(window: Window, day: date, second: int) -> None:
    now = datetime.combine(day, time(), tzinfo=UTC) + timedelta(seconds=second)
    zone = ZoneInfo(window.zone)
    offsets = {(now + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(-50, 51)}
    wall = now.astimezone(zone).time()
    after, before = window.start <= wall, wall < window.end
    expected = after and before if window.start < window.end else after or before
    if len(offsets) == 1:
        assert (current(window, now) is not None) is expected
