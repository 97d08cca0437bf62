"""What every policy owes: a worker that dies is noticed in seconds, and no activity is tried for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from workflows import policies
from workflows.policies import ActivityPolicy

_ALL = {name: value for name, value in vars(policies).items() if isinstance(value, ActivityPolicy)}


@pytest.mark.parametrize("name", _ALL)
def test_a_dead_worker_is_noticed_within_a_minute(name: str) -> None:
    policy = _ALL[name]
    assert min(policy.start_to_close, policy.heartbeat or policy.start_to_close) <= timedelta(minutes=1)


@pytest.mark.parametrize("name", _ALL)
def test_all_attempts_together_are_bounded_by_time_alone(name: str) -> None:
    policy = _ALL[name]
    assert policy.start_to_close <= policy.schedule_to_close <= timedelta(hours=12)
    assert policy.retry.maximum_attempts == 0
