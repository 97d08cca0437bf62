"""The schedule of the store's benchmark, and the verdicts over it."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.errors import WrongResult
from bench.store import Measured, Timed, require_honest, steadily, update_row
from tests.unit.bench.test_rows import ORIGIN


def timed(milliseconds: float, count: int = 100, status: int = 200) -> list[Timed]:
    return [Timed(milliseconds / 1000, status)] * count


async def test_movements_are_spread_over_the_items() -> None:
    seen: list[int] = []

    async def act(item: int) -> int:
        seen.append(item)
        return 200

    told = await steadily(100, act, rate=100_000)
    assert Counter(seen) == dict.fromkeys(range(50), 2)
    assert {one.status for one in told} == {200}
    assert all(one.seconds >= 0 for one in told)


@pytest.mark.parametrize(("ours", "met"), [(6.0, True), (6.1, False)])
def test_an_update_is_judged_by_a_bare_commit(ours: float, met: bool) -> None:
    row = update_row(Measured(timed(2), timed(ours), 100, 100), ORIGIN)
    assert (row.name, row.value, row.floor, row.met) == ("store_update", ours, 2.0, met)


def test_a_movement_that_was_lost_or_counted_twice_is_named() -> None:
    require_honest(Measured([], timed(1), 100, 100))
    with pytest.raises(WrongResult, match="2 answers 503; 98 accepted, 99 queued; 98 accepted, 97 moved"):
        require_honest(Measured([], [*timed(1, 98), *timed(1, 2, 503)], 99, 97))
