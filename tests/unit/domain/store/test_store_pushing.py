"""The plan of a pass, and the waits between passes."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.store.pushing import BATCH, Ending, Lane, PassCounts, Queued, goes_on, lanes, wait_seconds
from domain.store.vocabulary import SENTENCES, sentence

QUEUES = st.lists(st.integers(1, 8), max_size=150).map(
    lambda items: [Queued(number, item) for number, item in enumerate(items)]
)
BLOCKED = st.frozensets(st.integers(1, 8))


@given(QUEUES, BLOCKED, st.randoms(use_true_random=False))
def test_a_plan_takes_the_oldest_of_items_that_are_not_blocked(
    queue: list[Queued], blocked: frozenset[int], rng: Random
) -> None:
    shuffled = list(queue)
    rng.shuffle(shuffled)
    plan = lanes(shuffled, blocked)
    due = [one for one in queue if one.item_id not in blocked]
    taken = due[:BATCH]
    assert {lane.item_id: lane.changes for lane in plan} == {
        item: sum(one.item_id == item for one in taken) for item in {one.item_id for one in taken}
    }
    heads = [min(one.change_id for one in queue if one.item_id == lane.item_id) for lane in plan]
    assert all(earlier < later for earlier, later in pairwise(heads))


def test_a_plan_is_as_long_as_it_is_told() -> None:
    queue = [Queued(1, 7), Queued(2, 8), Queued(3, 7), Queued(4, 7)]
    assert lanes(queue, frozenset(), 3) == [Lane(7, 2), Lane(8, 1)]
    assert lanes(queue, {7}, 1) == [Lane(8, 1)]
    assert lanes([], frozenset()) == []


def test_waits_double_up_to_half_a_minute_then_come_with_the_schedule_and_over_again() -> None:
    assert [wait_seconds(failures, 900) for failures in range(10)] == [900, 1, 2, 4, 8, 16, 32, 900, 1, 2]


@pytest.mark.parametrize(
    ("ending", "next_follows"),
    [
        ("pushed", True), ("compensated", True), ("asked", False), ("refused", False), ("later", False),
        ("away", False), ("superseded", False),
    ],
)  # fmt: skip
def test_only_what_is_settled_lets_the_next_one_follow(ending: Ending, next_follows: bool) -> None:
    assert goes_on(ending) == next_follows


def test_a_pass_is_counted() -> None:
    endings: list[Ending] = ["pushed", "compensated", "asked", "refused", "later", "away", "superseded", "pushed"]
    counts = PassCounts()
    for ending in endings:
        counts = counts.attempted().counting(ending)
    assert counts == PassCounts(attempts=8, pushed=2, conflicts=2, failures=3)


def test_a_person_is_told_a_sentence() -> None:
    assert all(sentence(code) != code for code in SENTENCES)
    assert sentence("SOMETHING_NEW") == "SOMETHING_NEW"
