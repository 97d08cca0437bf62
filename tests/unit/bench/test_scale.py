"""docs/scale.md: its tables are the recorded figures, these can be had again, and the simulations keep the laws."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.rows import RESULTS, load
from bench.scale import PAGE, Scale, shared_limit, tables, written
from bench.scale_limiter import Bucket, most_within, simulate
from bench.scale_model import Habits, unit_costs
from bench.scale_sweep import sweep
from clients.token_bucket import Klass, Pace

RECORDED = Scale.model_validate_json((RESULTS / "scale.json").read_bytes())
PROSE = PAGE.read_text()


def test_the_tables_of_the_page_are_the_recorded_figures() -> None:
    assert written(PROSE, RECORDED) == PROSE
    assert all(table in PROSE for table in tables(RECORDED).values())


def test_a_page_without_its_markers_is_told() -> None:
    with pytest.raises(BenchError, match="costs"):
        written("# Scale", RECORDED)


def test_what_was_recorded_is_had_again() -> None:
    """When a benchmark was recorded anew, `make bench ONLY=scale` brings this up to date."""
    habits = Habits()
    assert unit_costs(RESULTS) == RECORDED.unit_costs
    assert habits == RECORDED.habits
    assert sweep(1_000, habits, RECORDED.product_seconds, most_running=20, seed=1) == RECORDED.sweeps[0]
    assert shared_limit(1_000, habits) == RECORDED.shared[1_000]


def test_the_prose_says_what_is_assumed() -> None:
    text = " ".join(PROSE.split())
    assert f"(mean {round(RECORDED.habits.mean_products, -1):,.0f})" in text
    assert f"That makes {RECORDED.habits.requests_per_day:.0f} requests to CardTrader per seller and day" in text


def test_a_flooded_bucket_serves_what_the_real_script_served() -> None:
    measured = next(row for row in load() if row.name == "bucket")
    flood = simulate(600, 0, 0, seed=1, callers=8)
    assert flood.requests_per_second == pytest.approx(measured.value, rel=0.01)
    assert f"bulk's share {flood.bulk_share:.0%}" in measured.note
    assert flood.most_in_window <= 200


def test_a_quiet_seller_never_waits() -> None:
    assert simulate(3_600, 0.001, 0.001, seed=3).p99_seconds == 0


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.sampled_from(["interactive", "bulk"])), max_size=400),
    st.integers(1, 20),
)
def test_no_window_holds_more_than_the_limit(asks: list[tuple[int, Klass]], burst: int) -> None:
    bucket, now, slots = Bucket(Pace.of(20, 1.0, min(burst, 19))), 0, []
    for gap, klass in asks:
        now += gap
        wait = bucket.ask(now, klass)
        if wait >= 0:
            slots.append(now + wait)
    assert most_within(sorted(slots), 1_000_000) <= 20


@pytest.mark.parametrize(
    ("instants", "window", "most"), [([], 5, 0), ([1], 5, 1), ([0, 5, 6, 11], 5, 2), ([3, 3], 0, 2)]
)
def test_windows_are_closed(instants: list[int], window: int, most: int) -> None:
    assert most_within(instants, window) == most


@pytest.mark.parametrize("most_running", [1, 5, 100])
def test_a_sweep_begins_everybody_and_never_too_many_at_once(most_running: int) -> None:
    swept = sweep(500, Habits(sync_seconds=30), 1e-5, most_running=most_running, seed=7)
    assert swept.at_once <= most_running
    assert (swept.held > 0) == (most_running == 1)


def test_stocks_are_as_assumed() -> None:
    rng, habits = random.Random(5), Habits()
    stocks = sorted(habits.stock(rng) for _ in range(20_001))
    assert stocks[10_000] == pytest.approx(habits.median_products, rel=0.05)
    assert sum(stocks) / len(stocks) == pytest.approx(habits.mean_products, rel=0.1)
