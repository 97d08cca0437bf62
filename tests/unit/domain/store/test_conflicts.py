"""Conflicts by rule: central's numbers decide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.store.conflicts import Attempt, resolve, version_to_send
from domain.store.stock import CentralStock
from domain.store.vocabulary import STRATEGIES, Strategy

VERSIONS = st.integers(0, 5)
ATTEMPTS = st.builds(Attempt, st.integers(-9, 9).filter(bool), VERSIONS, st.sampled_from(STRATEGIES), st.booleans())


@pytest.mark.parametrize(
    ("attempt", "central", "conflict", "expected"),
    [
        (Attempt(-3, 1, "rebase"), CentralStock(2, 3), True, "rebase"),
        (Attempt(-3, 0, "rebase"), CentralStock(1, 3), True, "rebase"),
        (Attempt(-3, 1, "rebase"), CentralStock(2, 2), True, "compensate"),
        (Attempt(-3, 1, "rebase"), CentralStock(1, 2), False, "compensate"),
        (Attempt(3, 1, "rebase"), CentralStock(2, 0), True, "rebase"),
        (Attempt(-3, 1, "rebase"), CentralStock(2), True, "rebase"),
        (Attempt(-3, 1, "rebase"), CentralStock(1, 9), True, "again"),
        (Attempt(-3, 1, "rebase"), CentralStock(1, 9), False, "refused"),
        (Attempt(-3, 1, "manual"), CentralStock(2, 9), True, "ask"),
        (Attempt(-3, 1, "manual"), CentralStock(2, 2), True, "ask"),
        (Attempt(-3, 1, "manual", approved=True), CentralStock(2, 9), True, "rebase"),
        (Attempt(-3, 1, "manual", approved=True), CentralStock(2, 2), True, "ask"),
        (Attempt(-3, 1, "manual"), CentralStock(1, 9), True, "again"),
    ],
)
def test_resolutions(attempt: Attempt, central: CentralStock, conflict: bool, expected: str) -> None:
    assert resolve(attempt, central, version_conflict=conflict) == expected


@given(ATTEMPTS, VERSIONS, st.integers(0, 9), st.booleans())
def test_nothing_is_taken_back_that_central_could_take(
    attempt: Attempt, version: int, quantity: int, conflict: bool
) -> None:
    found = resolve(attempt, CentralStock(version, quantity), version_conflict=conflict)
    possible = quantity + attempt.delta >= 0
    assert (found == "compensate") <= (not possible and attempt.strategy == "rebase")
    # And what is sent again is possible, on another version than before.
    assert (found == "rebase") <= (possible and version != attempt.version)
    assert (found == "ask") <= (attempt.strategy == "manual")


@pytest.mark.parametrize(
    ("strategy", "base", "known", "chained", "expected"),
    [
        ("rebase", 3, None, None, 3),
        ("rebase", 0, 0, None, 0),
        ("rebase", 3, 7, 5, 7),
        ("rebase", 9, 7, 5, 9),
        ("manual", 3, 7, None, 3),
        ("manual", 3, 7, 5, 5),
        ("manual", 6, 7, 5, 6),
        ("manual", 0, 7, 0, 0),
    ],
)
def test_the_version_sent_first(
    strategy: Strategy, base: int, known: int | None, chained: int | None, expected: int
) -> None:
    assert version_to_send(strategy, base, known=known, chained=chained) == expected
