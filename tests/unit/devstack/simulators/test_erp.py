"""The generated ERP: the same for the same seed, of any size, whole; and it moves as it is told."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from devstack.simulators.apismith.erp import Erp, Sizes
from devstack.simulators.apismith.table import Filter, Scn, Sort, Table
from devstack.simulators.neighbour.faults import Faults, FaultSpec
from tests.helpers.neighbours import ErpHere

SIZES = Sizes(sites=4, items=30, orders=6, order_lines=100)


def tables(seed: int = 1, sizes: Sizes = SIZES) -> dict[str, Table]:
    erp, scn = Erp(sizes, seed), Scn(0)
    return {slug: Table(erp, slug, getattr(sizes, slug), scn) for slug in erp.kinds}


def rows(table: Table) -> list[dict[str, Any]]:
    return [json.loads(row) for row in table.rows]


def names(table: Table) -> list[str]:
    return [table.name(place) for place in range(len(table))]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    assert all(table.rows == again.rows for table, again in zip(tables().values(), tables().values(), strict=True))
    assert tables()["items"].rows != tables(seed=2)["items"].rows


@pytest.mark.parametrize("slug", ["sites", "items", "orders", "order_lines"])
def test_keys_are_unique_and_ascend_as_the_erp_compares_them(slug: str) -> None:
    table = tables()[slug]
    keys = [tuple(row[field] for field in table.key_fields) for row in rows(table)]
    assert keys == sorted(set(keys))
    assert len(keys) == getattr(SIZES, slug)


def test_every_parent_is_there() -> None:
    every = tables()
    sites = {row["site_code"] for row in rows(every["sites"])}
    items, orders = ({row[key] for row in rows(every[slug])} for slug, key in PARENTS)
    assert {row["site_code"] for row in rows(every["items"])} | {
        row["site_code"] for row in rows(every["orders"])
    } <= sites
    lines = rows(every["order_lines"])
    assert {row["item_number"] for row in lines} <= items
    assert {row["order_number"] for row in lines} <= orders


PARENTS = (("items", "item_number"), ("orders", "order_number"))


def test_an_item_has_twelve_fields_and_an_empty_table_none() -> None:
    assert len(rows(tables()["items"])[0]) == 12
    assert len(tables(sizes=Sizes(items=0))["items"]) == 0


def test_a_change_is_of_those_rows_only_and_makes_them_the_newest() -> None:
    table = tables()["items"]
    before = list(table.rows)
    changed = table.change([2, 7])
    assert [place for place in range(30) if table.rows[place] != before[place]] == [2, 7]
    assert changed == [table.name(2), table.name(7)]
    newest = table.select([], Sort("rowversion", "desc"))[:2].tolist()
    assert newest == [7, 2]
    assert json.loads(table.rows[2])["rowversion"] == table.rowversions[2]
    before_again = json.loads(before[2])
    assert json.loads(table.rows[2]).keys() == before_again.keys()


def test_rows_go_and_come_in_the_order_of_their_keys() -> None:
    table = tables()["order_lines"]
    gone = table.remove([0, 50])
    assert not set(gone) & set(names(table))
    added = table.add(5, random.Random(3))
    assert set(added) <= set(names(table))
    assert names(table) == sorted(
        names(table), key=lambda name: [part.split("=")[1].zfill(20) for part in name.split("|")]
    )
    assert len(set(names(table))) == 103
    assert table.numbers.tolist() == sorted(table.numbers.tolist())


def test_a_spoiled_row_keeps_its_key_and_gets_a_new_rowversion() -> None:
    table = tables()["items"]
    highest = table.rowversions.max()
    [name] = table.spoil([4], "quantity", "many")
    row = json.loads(table.rows[4])
    assert (name, row["quantity"], row["rowversion"]) == (table.name(4), "many", table.rowversions[4])
    assert row["rowversion"] > highest


@pytest.mark.parametrize("operator", ["=", ">", ">=", "<", "<="])
@pytest.mark.parametrize("field", ["item_number", "quantity", "rowversion", "unit", "remark"])
def test_a_filter_is_what_comparing_each_row_gives(field: str, operator: str) -> None:
    table = tables()["items"]
    table.change([1, 9])
    value = next(row[field] for row in rows(table)[10:] if row[field] is not None)
    wanted = Filter(field, operator, value)
    expected = [place for place, row in enumerate(rows(table)) if wanted.holds(row[field])]
    assert table.select([wanted], Sort("item_number")).tolist() == expected
    assert table.select([wanted], Sort("item_number", "desc")).tolist() == expected[::-1]


def test_a_number_told_as_a_text_compares_as_a_number() -> None:
    assert Filter("rowversion", ">=", "9").holds(10)
    assert not Filter("name", ">=", "9").holds("10")
    assert not Filter("name", "=", "x").holds(None)


def test_sorting_by_any_field_keeps_the_order_of_the_keys_among_equals() -> None:
    table = tables()["items"]
    places = table.select([], Sort("unit")).tolist()
    units = [(json.loads(table.rows[place])["unit"], place) for place in places]
    assert units == sorted(units)


async def test_a_page_larger_than_allowed_is_refused() -> None:
    erp = ErpHere()
    assert (await erp.http.post("/api/v1/runtime/items/execute", json={"page_size": 10_001})).status_code == 401
    headers = {"Authorization": "Bearer simulator-token"}
    asked = {"page_size": 10_001}
    assert (await erp.http.post("/api/v1/runtime/items/execute", json=asked, headers=headers)).status_code == 422


async def test_the_control_api_moves_the_erp_and_tells_the_truth() -> None:
    erp = ErpHere()
    changed = (await erp.http.post("/control/change", json={"slug": "items", "share": 0.1})).json()["keys"]
    removed = (await erp.http.post("/control/remove", json={"slug": "items", "rows": 3, "seed": 2})).json()["keys"]
    added = (await erp.http.post("/control/add", json={"slug": "items", "rows": 2})).json()["keys"]
    spoiled = {"slug": "items", "rows": 1, "field": "price", "value": None}
    assert len((await erp.http.post("/control/spoil", json=spoiled)).json()["keys"]) == 1
    assert [len(changed), len(removed), len(added)] == [4, 3, 2]
    told = (await erp.http.get("/control/rows", params={"slug": "items"})).text.splitlines()
    assert [row.encode() for row in told] == erp.source.tables["items"].rows
    view = (await erp.http.get("/control/tables")).json()["items"]
    assert (view["rows"], view["key_fields"]) == (39, ["item_number"])


def test_faults_strike_as_often_as_they_may() -> None:
    faults = Faults()
    faults.add(FaultSpec(kind="status", count=1, skip=1, path="items"))
    struck = [faults.strike("status", path) is not None for path in ("items", "orders", "items", "items")]
    assert struck == [False, False, True, False]
    assert [(state.occasions, state.struck) for state in faults.report()] == [(2, 1)]
