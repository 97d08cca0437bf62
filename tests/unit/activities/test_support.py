"""What repeats in the background goes on, whatever a turn meets."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from activities.support import repeating
from tests.helpers import eventually


@pytest.mark.parametrize("fault", [OSError("gone"), OperationalError("", {}, Exception()), KeyError("unforeseen")])
async def test_a_turn_that_fails_costs_a_turn(fault: Exception) -> None:
    turns: list[int] = []

    async def turn() -> None:
        turns.append(len(turns))
        if len(turns) == 1:
            raise fault

    async with repeating(turn, 0.001):

        def went_on() -> None:
            assert len(turns) >= 3

        await eventually(went_on)
