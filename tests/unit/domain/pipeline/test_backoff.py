"""Backoff: the series of children and of dead letters."""

from __future__ import annotations

from datetime import timedelta

from domain.pipeline.backoff import CHILDREN, FAILED, Backoff


def minutes(backoff: Backoff) -> list[float]:
    waits = [backoff.after(tried) for tried in range(backoff.tries)]
    return [wait.total_seconds() / 60 for wait in waits if wait is not None]


def test_a_child_is_looked_for_five_times() -> None:
    assert minutes(CHILDREN) == [5, 10, 20, 40, 60]
    assert CHILDREN.after(5) is None


def test_a_dead_letter_is_tried_three_times() -> None:
    assert minutes(FAILED) == [1, 2, 4]
    assert FAILED.after(3) is FAILED.after(99) is None


def test_no_wait_is_longer_than_the_longest() -> None:
    assert Backoff(timedelta(minutes=1), timedelta(hours=1), tries=99).after(98) == timedelta(hours=1)
