"""Hundreds of seeded interleavings: nothing is oversold at any step, and at rest all laws hold."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.chaos.interleavings.play import play
from tests.chaos.interleavings.report import Tally, told
from tests.chaos.interleavings.stage import Stage
from tests.chaos.interleavings.story import story


# A good part of their time would go into counting lines that all other tests have counted.
@pytest.mark.no_cover
@pytest.mark.timeout(600)
async def test_the_laws_hold(stage: Stage, tally: Tally, seeds: Sequence[int]) -> None:
    broken = []
    for seed in seeds:
        outcome = await play(stage, story(seed))
        tally.note(outcome)
        if outcome.violations:
            broken.append(told(outcome))
    assert not broken, "\n\n".join(broken)
