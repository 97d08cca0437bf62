"""A large table in nights: exact shares, restarts, missed nights, changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.background import SHARE_OF_THE_UNKNOWN, Cursor, Plan, Rest, Work, step
from domain.pipeline.windows import Window, current

START = datetime(2025, 10, 20, 12, tzinfo=UTC)


def simulated(
    plan: Plan, table: int, page: int, seconds_per_page: float, start: datetime = START
) -> list[tuple[int, int]]:
    """Work through a table of so many rows; the pages done as (first row, rows)."""
    cursor, now, pages = Cursor(), start, []
    while cursor.rows < table:
        what = step(plan, cursor, now, page)
        if isinstance(what, Rest):
            assert what.until > now
            now = what.until
            continue
        assert now in what.night
        rows = min(what.rows, table - cursor.rows)
        pages.append((cursor.rows, rows))
        cursor = cursor.after(what.night, rows)
        assert cursor.rows_tonight <= plan.share
        now += timedelta(seconds=seconds_per_page)
    return pages


def nights(plan: Plan, table: int, page: int, seconds_per_page: float) -> dict[date, int]:
    cursor, now, done = Cursor(), START, dict[date, int]()
    while cursor.rows < table:
        what = step(plan, cursor, now, page)
        if isinstance(what, Rest):
            now = what.until
            continue
        rows = min(what.rows, table - cursor.rows)
        cursor = cursor.after(what.night, rows)
        done[what.night.day] = done.get(what.night.day, 0) + rows
        now += timedelta(seconds=seconds_per_page)
    return done


@pytest.mark.parametrize("zone", ["UTC", "Europe/Rome", "America/New_York"])
@pytest.mark.parametrize("table", [7_000_000, 7_000_003])
def test_seven_million_rows_in_seven_nights_exactly(table: int, zone: str) -> None:
    plan = Plan(Window(zone=zone), estimate=table, days=7)
    done = nights(plan, table, 10_000, 20)
    assert len(done) == 7
    assert sum(done.values()) == table
    assert set(list(done.values())[:6]) == {plan.share}
    assert list(done) == [date(2025, 10, 20) + timedelta(days=days) for days in range(7)]


def test_pages_neither_overlap_nor_leave_a_gap() -> None:
    pages = simulated(Plan(Window(zone="Europe/Rome"), estimate=1_000_001, days=3), 1_000_001, 9_999, 60)
    assert [first for first, _ in pages] == [sum(rows for _, rows in pages[:i]) for i in range(len(pages))]
    assert sum(rows for _, rows in pages) == 1_000_001


def test_a_night_too_short_for_its_share_is_made_up_for_later() -> None:
    done = nights(Plan(estimate=700_000, days=7), 700_000, 10_000, 7200)
    assert max(done.values()) == 60_000
    assert sum(done.values()) == 700_000


@pytest.mark.parametrize(
    ("plan", "share"),
    [
        (Plan(estimate=7_000_000), 1_000_000),
        (Plan(estimate=7_000_001), 1_000_001),
        (Plan(estimate=1, days=30), 1),
        (Plan(estimate=700, rows_per_day=5000), 5000),
        (Plan(), SHARE_OF_THE_UNKNOWN),
        (Plan(estimate=0), SHARE_OF_THE_UNKNOWN),
    ],
)
def test_shares(plan: Plan, share: int) -> None:
    assert plan.share == share


@given(st.integers(1, 10**12), st.integers(1, 30))
def test_the_days_suffice_and_no_day_is_too_many(estimate: int, days: int) -> None:
    share = Plan(estimate=estimate, days=days).share
    assert share * days >= estimate > (share - 1) * days


def test_a_spent_share_rests_until_the_next_night_even_in_the_window() -> None:
    plan = Plan(estimate=70, days=7)
    night = current(plan.window, datetime(2026, 1, 1, 20, tzinfo=UTC))
    assert night is not None
    spent = Cursor().after(night, 10)
    assert step(plan, spent, night.opens, 100) == Rest(datetime(2026, 1, 2, 19, tzinfo=UTC))
    again = step(plan, spent, datetime(2026, 1, 2, 19, tzinfo=UTC), 100)
    assert isinstance(again, Work)
    assert again.rows == 10


def test_force_works_by_day_on_account_of_the_night_to_come() -> None:
    plan, noon = Plan(estimate=70, days=7), datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert step(plan, Cursor(), noon, 4) == Rest(datetime(2026, 1, 1, 19, tzinfo=UTC))
    forced = step(plan, Cursor(), noon, 4, force=True)
    assert isinstance(forced, Work)
    cursor = Cursor().after(forced.night, forced.rows)
    tonight = step(plan, cursor, datetime(2026, 1, 1, 19, tzinfo=UTC), 100)
    assert tonight == Work(6, forced.night)


def test_progress() -> None:
    assert Cursor(rows=1).percent(3) == 33.33
    assert Cursor(rows=5).percent(3) == 100.0
    assert Cursor(rows=5).percent(None) == Cursor(rows=5).percent(0) == 0.0


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 60),
    st.integers(1, 9),
    st.integers(1, 20),
    st.floats(60, 50_000),
    st.builds(Window, st.times(), st.times(), st.sampled_from(["UTC", "Europe/Rome", "Pacific/Apia"])),
)
def test_any_table_is_done_exactly(table: int, days: int, page: int, seconds: float, window: Window) -> None:
    pages = simulated(Plan(window, estimate=table, days=days), table, page, seconds)
    assert sum(rows for _, rows in pages) == table
    assert window.start != time.max or pages
