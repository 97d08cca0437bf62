"""`plan_merge` against a plain dictionary, and conservation (L6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import example, given
from hypothesis import strategies as st

from domain.cards.mapping import BlueprintMapping
from domain.cards.merge import (
    AT_REST,
    CONTESTED,
    STALE,
    MergePlan,
    StockColumns,
    content_hash,
    plan_merge,
)

Key = tuple[int, int]


@dataclass(frozen=True)
class Stock:
    """A stock row: key, hash, standing."""

    key: Key
    hash: int
    standing: int


# Few values, so that keys meet; products are unique in a chunk, (blueprint, product) is in the stock.
KEY = st.tuples(st.integers(1, 3), st.integers(1, 12))
HASH = st.integers(-2, 2)
CHUNK = st.lists(st.tuples(KEY, HASH), max_size=12, unique_by=lambda row: row[0][1])
STOCK = st.lists(
    st.builds(Stock, KEY, HASH, st.sampled_from([AT_REST, CONTESTED, STALE])),
    max_size=15,
    unique_by=lambda row: row.key,
)


def column(values: list[int]) -> npt.NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def planned(chunk: list[tuple[Key, int]], stock: list[Stock]) -> MergePlan:
    held = StockColumns(
        item_id=column([100 + number for number in range(len(stock))]),
        blueprint=column([row.key[0] for row in stock]),
        product=column([row.key[1] for row in stock]),
        hash=column([row.hash for row in stock]),
        standing=column([row.standing for row in stock]),
    )
    keys = [key for key, _ in chunk]
    return plan_merge(
        column([key[0] for key in keys]), column([key[1] for key in keys]), column([hash_ for _, hash_ in chunk]), held
    )


@given(CHUNK, STOCK)
@example([((2, 5), 1)], [Stock((1, 5), 1, AT_REST), Stock((2, 5), 1, AT_REST), Stock((3, 5), 1, CONTESTED)])
@example([], [Stock((1, 1), 0, AT_REST), Stock((1, 2), 0, CONTESTED)])
@example([((1, 1), 0)], [])
def test_the_plan_is_what_a_dictionary_says(chunk: list[tuple[Key, int]], stock: list[Stock]) -> None:
    plan = planned(chunk, stock)
    held = {row.key: (100 + number, row) for number, row in enumerate(stock)}
    new, changed, unchanged, contested = [], {}, 0, 0
    for position, (key, hash_) in enumerate(chunk):
        if key not in held:
            new.append(position)
        elif held[key][1].standing == CONTESTED:
            contested += 1
        elif held[key][1].standing == AT_REST and held[key][1].hash == hash_:
            unchanged += 1
        else:
            changed[position] = held[key][0]
    known = {key for key, _ in chunk}
    assert plan.new.tolist() == new
    assert dict(zip(plan.changed.tolist(), plan.changed_items.tolist(), strict=True)) == changed
    assert (plan.unchanged, plan.contested) == (unchanged, contested)
    assert sorted(plan.missing_items.tolist()) == [
        id_ for id_, row in held.values() if row.key not in known and row.standing != CONTESTED
    ]
    assert plan.contested_blueprints.tolist() == sorted({row.key[0] for row in stock if row.standing == CONTESTED})


@given(CHUNK, STOCK)
def test_every_row_of_a_chunk_has_exactly_one_fate(chunk: list[tuple[Key, int]], stock: list[Stock]) -> None:
    plan = planned(chunk, stock)
    assert len(plan.new) + len(plan.changed) + plan.unchanged + plan.contested == len(chunk)
    assert not set(plan.new.tolist()) & set(plan.changed.tolist())


@given(CHUNK, STOCK, st.randoms())
def test_the_order_of_the_stock_does_not_matter(
    chunk: list[tuple[Key, int]], stock: list[Stock], random: object
) -> None:
    backwards = planned(chunk, stock[::-1])
    plan = planned(chunk, stock)
    assert plan.new.tolist() == backwards.new.tolist()
    assert sorted(plan.changed.tolist()) == sorted(backwards.changed.tolist())
    assert (plan.unchanged, plan.contested) == (backwards.unchanged, backwards.contested)


# --- a comparison that is made twice


@given(CHUNK, STOCK)
def test_what_a_plan_writes_is_new_or_changed_and_in_order(chunk: list[tuple[Key, int]], stock: list[Stock]) -> None:
    plan = planned(chunk, stock)
    assert plan.written.tolist() == sorted([*plan.new.tolist(), *plan.changed.tolist()])


@given(CHUNK, STOCK)
def test_the_rows_that_differ_alone_meet_the_same_fate_again(chunk: list[tuple[Key, int]], stock: list[Stock]) -> None:
    plan = planned(chunk, stock)
    differing = [chunk[position] for position in plan.written.tolist()]
    keys = {key for key, _ in differing}
    # Ids of stock rows are their places in the list.
    again = planned(differing, [row for row in stock if row.key in keys])
    assert (len(again.new), len(again.changed)) == (len(plan.new), len(plan.changed))
    assert (again.unchanged, again.contested, len(again.missing_items)) == (0, 0, 0)


# --- content hash

MAPPING = st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 3), st.integers(0, 2))


def hashed(row_hash: int, mapping: tuple[int, int, int]) -> int:
    print_id, table, status = mapping
    columns = BlueprintMapping(column([print_id]), np.array([table], np.uint8), np.array([status], np.uint8))
    return int(content_hash(column([row_hash]), columns)[0])


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1), MAPPING, MAPPING)
@example(0, 0, (0, 0, 0), (0, 0, 2))
@example(0, 0, (0, 0, 0), (0, 1, 0))
@example(-1, -1, (1, 0, 1), (2, 0, 1))
def test_the_content_hash_changes_when_the_row_or_its_mapping_does(
    one: int, other: int, mapping: tuple[int, int, int], changed: tuple[int, int, int]
) -> None:
    assert hashed(one, mapping) == hashed(one, mapping)
    assert (hashed(one, mapping) == hashed(other, mapping)) == (one == other)
    assert (hashed(one, mapping) == hashed(one, changed)) == (mapping == changed)
