"""The judge of the rate limit against brute force, and the limiter's two windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.simulators.cardtrader.knobs import Knobs
from devstack.simulators.cardtrader.limits import Limiter, classes_of, fingerprint, window_counts

_TICKS = st.lists(st.integers(0, 400), max_size=80).map(sorted)


class Hand:
    """A clock moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(_TICKS, st.integers(1, 120))
def test_window_counts_equal_brute_force(ticks: list[int], width: int) -> None:
    arrivals = np.array(ticks, np.float64)
    # The highest count of any half-open window, wherever it begins (on a grid finer than the arrivals).
    starts = np.arange(-width, 401, 0.5)
    brute = max((int(((arrivals >= start) & (arrivals < start + width)).sum()) for start in starts), default=0)

    assert int(window_counts(arrivals, width).max(initial=0)) == brute


@pytest.mark.parametrize(("gap", "highest", "over"), [(10.0, 200, 0), (9.99, 400, 200)])
def test_the_window_is_half_open(gap: float, highest: int, over: int) -> None:
    clock = Hand()
    limiter = Limiter(lambda: Knobs(enforce_limits=False), clock)
    for start in (0.0, gap):
        clock.now = start
        for _ in range(200):
            assert limiter.admit("t", ("general",)) is None

    report = limiter.report()[fingerprint("t")]
    assert (report.requests, report.max_in_any_window, report.windows_over_limit) == (400, highest, over)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=80).map(sorted))
def test_what_a_rolling_limiter_lets_through_keeps_the_limit(ticks: list[int]) -> None:
    clock, passed = Hand(), []
    limiter = Limiter(lambda: Knobs(general_limit=5), clock)
    for tick in ticks:
        clock.now = float(tick)
        if limiter.admit("t", ("general",)) is None:
            passed.append(clock.now)

    assert window_counts(np.array(passed), 10.0).max() <= 5
    assert limiter.report()[fingerprint("t")].refused_429 == len(ticks) - len(passed)


def test_a_fixed_window_lets_a_double_burst_through() -> None:
    clock = Hand()
    limiter = Limiter(lambda: Knobs(general_limit=5, window_kind="fixed"), clock)
    answers = []
    for clock.now in (9.0, 10.5):
        answers += [limiter.admit("t", ("general",)) for _ in range(6)]

    assert [answer is None for answer in answers] == ([True] * 5 + [False]) * 2
    assert limiter.report()[fingerprint("t")].max_in_any_window == 12


def test_texts_and_classes() -> None:
    clock = Hand()
    limiter = Limiter(lambda: Knobs(), clock)
    jobs = classes_of("GET", "/jobs/1")

    assert limiter.admit("t", jobs) is None
    assert limiter.admit("t", jobs) == "Too many requests: max 1 request per second"
    assert limiter.admit("other", jobs) is None
    assert classes_of("POST", "/products/bulk_create") == ("general",)
    assert classes_of("GET", "/marketplace/products") == ("general", "marketplace")
