"""The checker itself: it accepts what can be explained, and nothing else."""

from __future__ import annotations

import pytest

from tests.chaos.interleavings.linear import Done, linearizable


@pytest.mark.parametrize(
    ("start", "history", "left"),
    [
        (1, [Done(0, 1, -1)], 0),
        (0, [], 0),
        # The take overlaps the add that it needs.
        (0, [Done(0, 5, -1), Done(1, 2, 1)], 0),
        (2, [Done(0, 9, -1), Done(0, 9, -1), Done(3, 4, 2), Done(5, 6, -2)], 0),
    ],
)
def test_explained(start: int, history: list[Done], left: int) -> None:
    assert linearizable(start, history, left)


@pytest.mark.parametrize(
    ("start", "history", "left"),
    [
        # The last copy was sold twice.
        (1, [Done(0, 1, -1), Done(0, 1, -1)], 0),
        (1, [Done(0, 1, -1), Done(0, 1, -1)], -1),
        # Taken before it was added.
        (0, [Done(0, 1, -1), Done(2, 3, 1)], 0),
        # Copies that nobody took are gone.
        (3, [Done(0, 1, -1)], 1),
    ],
)
def test_not_explained(start: int, history: list[Done], left: int) -> None:
    assert not linearizable(start, history, left)
