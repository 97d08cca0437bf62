"""Parents: a child waits for what is not there, and for nothing else."""

from __future__ import annotations

import polars as pl

from domain.pipeline.columns import from_rows
from domain.pipeline.config import Entity, Parent, Source
from domain.pipeline.identity import Identified, identify
from domain.pipeline.parents import Awaited, awaited, parent_keys

ERP = Source(name="erp")
ORDERS = Entity(
    name="orders",
    key=("id",),
    parents=(
        Parent(ref="from", entity="sites", fields={"code": "sender"}),
        Parent(ref="to", entity="sites", fields={"code": "receiver"}),
        Parent(ref="item", entity="items", fields={"number": "item", "site": "sender"}),
    ),
)
ROWS: list[dict[str, object]] = [
    {"id": 1, "sender": "S1", "receiver": "S2", "item": "I1"},
    {"id": 2, "sender": "S1", "receiver": None, "item": None},
    {"id": 3, "sender": "S3", "receiver": "S1", "item": None},
    {"id": 4, "sender": "S4", "receiver": "S4", "item": "I4"},
]
TO_TELL = pl.Series([True, True, True, False])


def orders() -> Identified:
    return identify(from_rows(ROWS), ORDERS, ERP)


def site(code: str) -> bytes:
    key: bytes = identify(from_rows([{"code": code}]), Entity(name="sites", key=("code",)), ERP).key[0]
    return key


def item(number: str, of: str) -> bytes:
    entity = Entity(name="items", key=("number", "site"))
    key: bytes = identify(from_rows([{"number": number, "site": of}]), entity, ERP).key[0]
    return key


def test_keys_to_look_up_are_distinct_and_of_rows_to_tell_only() -> None:
    wanted = parent_keys(orders(), ORDERS, TO_TELL)
    assert {entity: set(keys) for entity, keys in wanted.items()} == {
        "sites": {site("S1"), site("S2"), site("S3")},
        "items": {item("I1", "S1")},
    }
    assert wanted["sites"].len() == 3


def test_a_child_waits_for_each_parent_that_is_not_there() -> None:
    known = {"sites": pl.Series([site("S1"), site("S3")], dtype=pl.Binary), "items": pl.Series([], dtype=pl.Binary)}
    assert awaited(orders(), ORDERS, TO_TELL, known) == (
        Awaited(0, "item", "items", item("I1", "S1")),
        Awaited(0, "to", "sites", site("S2")),
    )


def test_nobody_waits_when_all_are_there() -> None:
    assert awaited(orders(), ORDERS, TO_TELL, parent_keys(orders(), ORDERS, TO_TELL)) == ()
