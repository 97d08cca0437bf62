"""From the measured edits to a verdict."""

from __future__ import annotations

import pytest

from bench.edits import EDITS, Measured, edits_row
from bench.errors import WrongResult
from cli.demo.figures import Drift, LimitUse
from tests.unit.bench.test_rows import ORIGIN


def measured(
    seconds: float = 60, requests: int = 150, verified: int = EDITS, drift: int = 0, over: int = 0
) -> Measured:
    use = LimitUse(requests=requests, limit=200, window_seconds=10, max_in_any_window=20, windows_over_limit=over)
    return Measured(seconds, verified, use, Drift(missing=0, extra=0, different=drift))


@pytest.mark.parametrize(
    ("figures", "met"), [(measured(), True), (measured(seconds=60.1), False), (measured(requests=151), False)]
)
def test_seconds_and_requests_are_judged(figures: Measured, met: bool) -> None:
    row = edits_row(figures, ORIGIN)
    assert row.met is met
    assert row.floor == round(figures.use.requests / 20, 2)


@pytest.mark.parametrize("figures", [measured(verified=EDITS - 1), measured(drift=1), measured(over=1)])
def test_what_was_not_done_right_is_no_result(figures: Measured) -> None:
    with pytest.raises(WrongResult):
        edits_row(figures, ORIGIN)
