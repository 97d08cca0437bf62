"""The schedule of the buyers, and the verdicts over their deals."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from bench.errors import WrongResult
from bench.purchase_load import BUYERS, COPIES, ITEMS, Deal, come_true, wishes
from bench.purchases import Measured, purchase_row, require_honest
from tests.unit.bench.test_rows import ORIGIN

ALL = ITEMS * COPIES


def deals(milliseconds: float, count: int = ALL, status: int = 200) -> list[Deal]:
    return [Deal(milliseconds / 1000, status)] * count


def test_every_item_is_wanted_more_often_than_there_are_copies() -> None:
    schedule = wishes(10)
    assert schedule == wishes(10)
    assert all(earlier.at <= later.at for earlier, later in pairwise(schedule))
    assert len(schedule) == 5 * BUYERS
    assert set(Counter(wish.item for wish in schedule).values()) == {5 * BUYERS // ITEMS}
    assert 5 * BUYERS // ITEMS > COPIES


async def test_wishes_come_true_at_their_time_however_long_others_take() -> None:
    asked: list[int] = []

    async def buy(item: int) -> int:
        asked.append(item)
        return 200

    schedule = wishes(100_000)
    found = await come_true(schedule, buy)
    assert Counter(asked) == Counter(wish.item for wish in schedule)
    assert {deal.status for deal in found} == {200}


@pytest.mark.parametrize(("ours", "floor", "met"), [(70, 10, True), (71, 10, False)])
def test_those_who_bought_are_judged_by_what_was_added_to_cardtraders_own_time(
    ours: float, floor: float, met: bool
) -> None:
    row = purchase_row(Measured(deals(floor), [*deals(ours), *deals(999, 50, 400)], ALL), ORIGIN)
    assert (row.value, row.floor, row.ratio, row.met) == (ours, floor, round(ours / floor, 2), met)


def test_a_copy_sold_to_nobody_or_twice_is_named() -> None:
    require_honest(Measured([], [*deals(1), *deals(1, 50, 400)], ALL))
    with pytest.raises(WrongResult, match="2 answers 202; 198 bought, 199 sold; 199 of 200 sold"):
        require_honest(Measured([], [*deals(1, ALL - 2), *deals(1, 2, 202)], ALL - 1))
