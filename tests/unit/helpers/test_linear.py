"""The checker itself: it accepts what one order explains, and nothing else."""

from __future__ import annotations

import pytest

from tests.helpers.linear import Op, is_linearizable


def take(copies: int, called: float, answered: float, ok: bool | None = True) -> Op:
    return Op("take", copies, called, answered, ok)


@pytest.mark.parametrize(
    ("start", "history", "expected"),
    [
        (1, [take(1, 0, 1), take(1, 2, 3, ok=False)], True),
        (1, [take(1, 0, 1), take(1, 2, 3)], False),
        (2, [take(1, 0, 1), take(1, 2, 3, ok=False)], False),
        # Refused before the winner was called: nobody had taken the copy yet.
        (1, [take(1, 0, 1, ok=False), take(1, 2, 3)], False),
        (1, [take(1, 0, 5, ok=False), take(1, 2, 3)], True),
        (0, [Op("add", 1, 2, 3), take(1, 0, 1)], False),
        (0, [Op("add", 1, 0, 3), take(1, 1, 2)], True),
        # Without an answer it may have been made, now or never.
        (1, [take(1, 0, 1, ok=None), take(1, 2, 3, ok=False)], True),
        (1, [take(1, 0, 1, ok=None), take(1, 2, 3)], True),
        (1, [take(1, 2, 3, ok=None), take(1, 0, 1, ok=False)], False),
        (3, [take(2, 0, 9), take(2, 0, 9, ok=False), take(1, 0, 9)], True),
        (3, [take(2, 0, 9), take(2, 0, 9)], False),
    ],
)
def test_histories(start: int, history: list[Op], expected: bool) -> None:
    assert is_linearizable(start, history) is expected


def test_a_cautious_shop_may_refuse_but_not_sell_twice() -> None:
    assert is_linearizable(2, [take(1, 0, 1, ok=False), take(2, 2, 3)], cautious=True)
    assert not is_linearizable(1, [take(1, 0, 1), take(1, 0, 1)], cautious=True)


def test_fifty_buyers_are_judged_quickly() -> None:
    history = [take(1, 0, 10 + number, ok=number < 20) for number in range(50)]
    assert is_linearizable(20, history)
    assert not is_linearizable(19, history)
