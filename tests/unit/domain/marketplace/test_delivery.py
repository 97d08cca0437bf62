"""What an endpoint's answer means, and when a call-back is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.marketplace.delivery import (
    LONGEST_WAIT,
    OFF_AFTER,
    Answer,
    Verdict,
    is_worn_out,
    judge,
    lifetime,
    parse_schedule,
    postponed,
    spread,
)

SCHEDULE = parse_schedule("1m,5m,15m")
CHANCE = st.floats(0, 1, exclude_max=True)


@settings(deadline=None)
@given(st.integers(200, 299), st.integers(1, 9), CHANCE)
def test_any_2xx_is_success(status: int, attempt: int, chance: float) -> None:
    assert judge(Answer(status), attempt, SCHEDULE, chance) == Verdict("delivered")


def test_one_five_and_fifteen_minutes_then_dead() -> None:
    verdicts = [judge(Answer(500), attempt, SCHEDULE, 0) for attempt in (1, 2, 3, 4)]
    assert [verdict.wait for verdict in verdicts] == [*SCHEDULE, None]
    assert [verdict.state for verdict in verdicts] == ["waiting", "waiting", "waiting", "dead"]


def test_an_endpoint_that_is_gone_keeps_its_events() -> None:
    assert judge(Answer(410), 1, SCHEDULE, 0) == Verdict("held")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (timedelta(minutes=7), timedelta(minutes=7)),
        (timedelta(seconds=1), timedelta(minutes=1)),
        (timedelta(days=9), LONGEST_WAIT),
    ],
)
def test_retry_after_is_honoured(asked: timedelta, expected: timedelta) -> None:
    assert judge(Answer(429, retry_after=asked), 1, SCHEDULE, 0).wait == expected


def test_retry_after_does_not_lengthen_a_life() -> None:
    assert judge(Answer(429, retry_after=timedelta(minutes=1)), 4, SCHEDULE, 0) == Verdict("dead")


@settings(deadline=None)
@given(st.sampled_from([0, 199, 301, 307, 400, 404, 429, 500, 503]), st.integers(1, 9), CHANCE)
def test_every_other_answer_is_a_failure(status: int, attempt: int, chance: float) -> None:
    verdict = judge(Answer(status, error="" if status else "timed out"), attempt, SCHEDULE, chance)
    assert verdict.state == ("waiting" if attempt <= len(SCHEDULE) else "dead")
    if verdict.wait is not None:
        assert SCHEDULE[attempt - 1] <= verdict.wait <= SCHEDULE[attempt - 1] * 1.2


def test_a_reason_is_ours() -> None:
    assert Answer(302).reason == "redirects are not followed"
    assert Answer(500).reason == "answered 500"
    assert Answer(error="timed out").reason == "timed out"


@settings(deadline=None)
@given(CHANCE)
def test_what_is_not_tried_dies_when_its_schedule_would_be_over(chance: float) -> None:
    wait = timedelta(seconds=30)
    assert postponed(lifetime(SCHEDULE), wait, SCHEDULE, chance) == Verdict("waiting", spread(wait, chance))
    assert postponed(lifetime(SCHEDULE) + timedelta(seconds=1), wait, SCHEDULE, chance) == Verdict("dead")
    assert lifetime(SCHEDULE) >= sum((spread(each, chance) for each in SCHEDULE), timedelta())


def test_after_three_days_it_is_enough() -> None:
    assert [is_worn_out(OFF_AFTER), is_worn_out(OFF_AFTER - timedelta(seconds=1))] == [True, False]
    assert timedelta(days=3) == OFF_AFTER


def test_a_schedule_is_a_setting() -> None:
    standard = parse_schedule("5s, 5m, 30m, 2h, 5h, 10h, 14h, 20h, 1d")
    assert (standard[0], standard[-1], len(standard)) == (timedelta(seconds=5), timedelta(days=1), 9)
    assert parse_schedule("0.5s") == (timedelta(seconds=0.5),)
    assert parse_schedule("") == ()


@pytest.mark.parametrize("text", ["5", "m", "-1m", "1w", "1m 5m", "nanm"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_schedule(text)
