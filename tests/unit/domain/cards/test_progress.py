"""Progress numbers are sane for every story a row can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.progress import OPEN, SUCCEEDED, Counts, Failure, Projection, State, progress, seed_status

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STATES: tuple[State, ...] = (*OPEN, *SUCCEEDED, "failed", "cancelled")
counts = st.integers(0, 10**9)
stories = st.builds(
    Projection,
    phase=st.sampled_from(("queued", "starting", "downloading", "applying", "finishing", "done")),
    total_products=counts,
    processed=counts,
    applying_since=st.none() | st.integers(-(10**6), 10**6).map(lambda seconds: NOW - timedelta(seconds=seconds)),
)


@given(st.sampled_from(STATES), stories)
def test_numbers_stay_within_their_bounds(state: State, story: Projection) -> None:
    numbers = progress(state, story, NOW)
    assert 0 <= numbers.percent <= 100
    assert (numbers.percent == 100) == (state in SUCCEEDED)
    assert numbers.rate_per_second is None or numbers.rate_per_second >= 0
    assert numbers.eta_seconds is None or (numbers.eta_seconds >= 0 and state == "running")
    assert (numbers.phase == "done") == (state not in OPEN)
    assert (numbers.phase == "queued") == (state == "pending")


@given(stories, counts)
def test_percent_never_falls_while_more_is_processed(story: Projection, more: int) -> None:
    further = msgspec.structs.replace(story, processed=story.processed + more)
    assert progress("running", further, NOW).percent >= progress("running", story, NOW).percent


def test_the_numbers_of_the_seed_example() -> None:
    story = Projection(
        phase="applying", total_products=250_000, processed=112_500, applying_since=NOW - timedelta(seconds=45)
    )
    numbers = progress("running", story, NOW)
    assert (numbers.percent, numbers.rate_per_second, numbers.eta_seconds) == (45, 2500.0, 55)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("pending", "pending"),
        ("running", "pending"),
        ("completed", "completed"),
        ("completed_with_errors", "completed"),
        ("failed", "failed"),
        ("cancelled", "failed"),
    ],
)
def test_the_three_words_of_the_first_api(state: State, word: str) -> None:
    assert seed_status(state) == word


def test_live_counters_show_until_more_is_recorded() -> None:
    story = Projection(total_products=10, held=1)
    live = Counts(processed_chunks=2, processed=7, created=4, updated=3)
    shown = story.with_counts(live)
    assert (shown.processed, shown.created, shown.total_products, shown.held) == (7, 4, 10, 1)
    assert shown.with_counts(Counts()) == shown


def test_an_interrupted_story_says_why_and_keeps_its_counters() -> None:
    told = Projection(phase="applying", processed=7).interrupted(Failure("SYNC_INTERRUPTED", "gone"))
    assert (told.phase, told.processed, told.error) == ("done", 7, Failure("SYNC_INTERRUPTED", "gone"))


def test_a_projection_reads_what_is_written_and_ignores_what_it_does_not_know() -> None:
    written = {"mode": "bulk_sync", "started_at": "2026-01-02T03:04:05+00:00", "total_chunks": 3, "later": {"x": 1}}
    story = msgspec.convert(written, Projection)
    assert (story.started_at, story.total_chunks, story.processed) == (NOW, 3, 0)
