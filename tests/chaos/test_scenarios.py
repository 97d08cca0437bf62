"""The generator: a seed always tells the same story, and all stories together tell of everything."""

from __future__ import annotations

import pytest

from devstack.simulators.cardtrader.faults import FaultSpec
from tests.chaos.scenarios import TARGETS, Round, Upset, scenario

_MANY = [scenario(seed) for seed in range(1, 301)]
_ROUNDS = [round_ for story in _MANY for round_ in story.rounds]


def test_a_seed_always_tells_the_same_story() -> None:
    assert [scenario(seed) for seed in range(1, 301)] == _MANY
    assert len({story.rounds for story in _MANY}) == len(_MANY)


def test_every_sync_meets_one_to_three_troubles() -> None:
    assert {round_.faults for round_ in _ROUNDS} == {1, 2, 3}


def test_every_process_and_server_dies_at_any_time() -> None:
    strikes = [strike for round_ in _ROUNDS for strike in round_.strikes]
    assert {strike.target for strike in strikes} == set(TARGETS)
    assert all(0 <= strike.at < 1 and 0 <= strike.lag < 1 and 0 < strike.down <= 4 for strike in strikes)
    assert {int(strike.at * 4) for strike in strikes} == {0, 1, 2, 3}


def test_the_simulator_knows_every_upset() -> None:
    kinds = {
        FaultSpec.model_validate({"kind": upset.kind, **dict(upset.options)}).kind
        for round_ in _ROUNDS
        for upset in round_.upsets
    }
    assert kinds == {"too_many", "status", "truncated", "drop_request", "slow"}


def test_nothing_changes_before_the_first_sync() -> None:
    assert all(story.rounds[0].change is None for story in _MANY)
    assert any(story.rounds[1].change is not None for story in _MANY)


@pytest.mark.parametrize(("cuts", "may_be"), [(2, False), (3, True)])
def test_only_an_export_that_is_always_cut_may_be_rejected(cuts: int, may_be: bool) -> None:
    round_ = Round(upsets=(Upset("truncated", (("count", cuts),)), Upset("status", (("count", 5),))))
    assert round_.may_be_rejected is may_be
