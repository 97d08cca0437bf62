"""Dependencies: parents first, and a circle is named."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pipeline.config import Entity, Parent
from domain.pipeline.dependencies import EntitiesInACycle, in_order


def entity(name: str, *parents: str) -> Entity:
    refs = tuple(Parent(ref=parent, entity=parent, fields={"id": parent}) for parent in parents)
    return Entity(name=name, key=("id",), parents=refs)


def test_parents_come_first() -> None:
    entities = [
        entity("lines", "orders", "items"),
        entity("orders", "sites"),
        entity("items", "sites"),
        entity("sites"),
    ]
    order = in_order(entities)
    assert order[0] == "sites"
    assert order[-1] == "lines"
    assert sorted(order) == ["items", "lines", "orders", "sites"]


def test_a_parent_of_another_batch_is_left_out() -> None:
    assert in_order([entity("orders", "sites")]) == ("orders",)


@pytest.mark.parametrize(
    ("entities", "cycle"),
    [
        ([entity("a", "a")], {"a"}),
        ([entity("a", "b"), entity("b", "c"), entity("c", "a"), entity("d", "a")], {"a", "b", "c"}),
    ],
)
def test_a_cycle_is_refused_by_name(entities: list[Entity], cycle: set[str]) -> None:
    with pytest.raises(EntitiesInACycle) as caught:
        in_order(entities)
    named = caught.value.cycle
    assert set(named) == cycle
    assert named[0] == named[-1]
    assert str(caught.value) == " -> ".join(named)
    parents = {one.name: {parent.entity for parent in one.parents} for one in entities}
    assert all(parent in parents[child] for child, parent in pairwise(named))


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=15))
def test_every_child_is_after_its_parents(edges: list[tuple[int, int]]) -> None:
    entities = [
        entity(str(child), *sorted({str(low) for low, high in edges if high == child and low < high}))
        for child in range(9)
    ]
    order = in_order(entities)
    for one in entities:
        assert all(order.index(parent.entity) < order.index(one.name) for parent in one.parents)
