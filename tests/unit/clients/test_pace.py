"""The arithmetic between a limit and the script's arguments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.token_bucket import Pace, fingerprint


@given(limit=st.integers(1, 500), window=st.floats(0.1, 60), data=st.data())
def test_the_interval_keeps_the_limit_even_with_late_uses(limit: int, window: float, data: st.DataObject) -> None:
    pace = Pace.of(limit, window, data.draw(st.integers(1, limit)))
    most = int(window * 1_000_000 + pace.tolerance) // pace.interval + pace.burst
    assert most <= limit
    assert pace.tolerance > 0


def test_the_default_uses_98_percent_of_the_limit() -> None:
    assert 1_000_000 / Pace.of(200, 10, 3).interval >= 0.98 * 20


@pytest.mark.parametrize("burst", [0, 201])
def test_a_burst_beyond_the_limit_is_refused(burst: int) -> None:
    with pytest.raises(ValueError, match="burst"):
        Pace.of(200, 10, burst)


def test_a_fingerprint_does_not_show_the_token() -> None:
    assert len(fingerprint("token")) == 32
    assert fingerprint("token") == fingerprint("token") != fingerprint("token ")
