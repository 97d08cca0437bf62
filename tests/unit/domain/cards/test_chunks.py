"""Chunk order is PostgreSQL's order of the unique index, and ranges cover every key exactly once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.cards.chunks import KEY, Bound, KeyRange, index_order, key_ranges, partition_bounds, text_rank

ID = st.integers(1, 2**63 - 1) | st.integers(0, 18).flatmap(
    lambda power: (
        st.sampled_from([10**power, max(1, 10**power - 1), 10**power + 1, 9 * 10**power])
        if power < 18
        else st.sampled_from([10**18, 10**18 - 1, 9 * 10**18, 2**63 - 1])
    )
)
BLUEPRINT = st.integers(0, 4) | st.integers(0, 2**31 - 2)
KEYS = st.lists(st.tuples(BLUEPRINT, ID), max_size=40, unique_by=lambda key: key[1])


def rows(keys: list[tuple[int, int]]) -> Any:
    return np.array([(blueprint, product, 0) for blueprint, product in keys], dtype=KEY)


def as_text(key: tuple[int, int]) -> tuple[int, str]:
    return key[0], str(key[1])


@given(KEYS)
@example([(1, 2**63 - 1), (1, 9), (1, 92), (1, 10**18), (1, 1), (1, 10), (1, 999_999_999_999_999_999)])
def test_index_order_is_the_order_of_blueprint_and_id_as_text(keys: list[tuple[int, int]]) -> None:
    order = index_order(rows(keys)).tolist()
    assert [keys[position] for position in order] == sorted(keys, key=as_text)


def test_every_number_of_digits_is_ranked_without_overflow() -> None:
    ids = [int("9" * digits) for digits in range(1, 19)] + [2**63 - 1]
    shifted, digits = text_rank(np.array(ids, dtype=np.int64))
    assert digits.tolist() == list(range(1, 20))
    assert [int(value) for value in shifted] == [int(str(id_).ljust(19, "0")) for id_ in ids]


def inside(range_: KeyRange, key: tuple[int, str]) -> bool:
    low = range_.low is None or (range_.low.blueprint_id, str(range_.low.product_id)) <= key
    return low and (range_.high is None or key < (range_.high.blueprint_id, str(range_.high.product_id)))


@given(KEYS.filter(bool), st.integers(1, 5), KEYS)
def test_ranges_cover_every_key_exactly_once_and_each_holds_its_chunk(
    keys: list[tuple[int, int]], size: int, others: list[tuple[int, int]]
) -> None:
    ordered = sorted(keys, key=as_text)
    chunks = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    ranges = list(key_ranges([Bound(*chunk[0]) for chunk in chunks[1:]]))
    for number, chunk in enumerate(chunks):
        assert all(inside(ranges[number], as_text(key)) for key in chunk)
    for key in [*ordered, *others]:
        assert sum(inside(range_, as_text(key)) for range_ in ranges) == 1


def test_one_chunk_is_everything() -> None:
    assert list(key_ranges([])) == [KeyRange(None, None)]


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(0, 10))
def test_partition_bounds_ascend_without_repeats_and_come_from_the_sample(sample: list[int], partitions: int) -> None:
    bounds = partition_bounds(np.array(sample, dtype=np.int64), partitions).tolist()
    assert bounds == sorted(set(bounds))
    assert set(bounds) <= set(sample)
    assert len(bounds) <= max(0, partitions - 1)


@pytest.mark.parametrize("partitions", [2, 4, 7])
def test_partitions_of_distinct_blueprints_are_about_equal(partitions: int) -> None:
    sample = np.random.default_rng(1).permutation(1000)
    bounds = partition_bounds(sample, partitions)
    sizes = np.bincount(np.searchsorted(bounds, sample, side="right"))
    assert len(sizes) == partitions
    assert sizes.max() - sizes.min() <= 1
