"""What the demo and the benchmarks compare by: a difference of one member of one row is seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cli.bridge_demo.contents import Difference, compare, digest, expected, held
from cli.bridge_demo.entities import IN_ORDER, ITEMS, ORDER_LINES, DemoEntity
from cli.bridge_demo.figures import BatchFigures, BridgeFigures, Moves
from cli.bridge_demo.tables import metrics_of
from devstack.simulators.apismith.erp import Erp, Sizes
from devstack.simulators.apismith.table import Scn, Table

COUNTS = (
    "normalized",
    "validated",
    "mapped",
    "identified",
    "inserted",
    "updated",
    "deleted",
    "skipped",
    "pending",
    "failed",
)
FIGURES: dict[str, Any] = {
    "batch_uid": "b", "entity_name": "items", "status": "completed", "pages_fetched": 1, "bytes_fetched": 1,
    "retries": 0, "duration_ms": 1, "rows_per_second": 1.0, "success_rate": 100.0, "rows_fetched": 0,
    **{f"rows_{count}": 0 for count in COUNTS},
}  # fmt: skip


def source(entity: DemoEntity, rows: int = 5) -> list[bytes]:
    sizes, scn = Sizes(4, 10, 5, 10), Scn(0)
    return Table(Erp(sizes, 1), entity.name, rows, scn).rows


def told(entity: DemoEntity) -> list[bytes]:
    """As the bridge tells the hub, with what both add."""
    added = {"uid": "u", "erp_key_hash": "k", "parent_refs": {"site": "p"}}
    rows = []
    for line in source(entity):
        row = entity.expect(json.loads(line))
        rows.append(json.dumps(row | added, default=float).encode())
    return rows


@pytest.mark.parametrize("entity", IN_ORDER, ids=[entity.name for entity in IN_ORDER])
def test_what_is_told_well_is_equal(entity: DemoEntity) -> None:
    assert compare(source(entity), told(entity), entity) == Difference(0, 0, 0)
    assert digest(expected(source(entity), entity)) == digest(held(reversed(told(entity))))


def change(**members: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: row | members


@pytest.mark.parametrize(
    "spoil",
    [
        change(price=0.01),
        change(quantity="17"),
        change(active=1),
        change(title="another"),
        change(remark=""),
        change(more=None),
        lambda row: {name: value for name, value in row.items() if name != "remark"},
    ],
    ids=["number", "text of digits", "boolean", "text", "null", "one more", "one less"],
)
def test_one_member_that_differs_is_a_difference(spoil: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    rows = told(ITEMS)
    rows[2] = json.dumps(spoil(json.loads(rows[2]) | {"quantity": 17})).encode()
    erp = source(ITEMS)
    erp[2] = json.dumps(json.loads(erp[2]) | {"quantity": 17, "active": True, "remark": None}).encode()
    assert compare(erp, rows, ITEMS) == Difference(0, 0, 1)
    assert digest(expected(erp, ITEMS)) != digest(held(rows))


def test_rows_that_lack_and_rows_too_many_are_told_apart() -> None:
    assert compare(source(ORDER_LINES), told(ORDER_LINES)[2:], ORDER_LINES) == Difference(2, 0, 0)
    assert compare(source(ORDER_LINES)[1:], told(ORDER_LINES), ORDER_LINES) == Difference(0, 1, 0)


def test_a_row_told_twice_changes_the_digest() -> None:
    rows = told(ITEMS)
    assert digest(held(rows)) != digest(held([*rows, rows[0]]))


def figures(**changes: Any) -> BridgeFigures:
    batch = BatchFigures(**FIGURES | {"rows_fetched": 3, "rows_inserted": 3} | changes.pop("batch", {}))
    moves = [Moves(table="items", changed=1, added=0, removed=0, arrived=changes.pop("arrived", True))]
    return BridgeFigures(
        **{"rows": 3, "seconds_first": 1, "seconds_second": 1, "first": [batch], "second": [batch], "waited": 0,
           "waiting": 0, "moves": moves, "differences": 0} | changes,
    )  # fmt: skip


def test_a_demo_without_fault_held_the_laws() -> None:
    assert figures().laws_held


@pytest.mark.parametrize(
    "fault",
    [
        {"batch": {"rows_inserted": 2}},
        {"batch": {"status": "completed_with_errors"}},
        {"arrived": False},
        {"waiting": 1},
        {"differences": 1},
    ],
    ids=["a row unaccounted for", "errors", "another change", "waiting", "different"],
)
def test_any_fault_breaks_them(fault: dict[str, Any]) -> None:
    assert not figures(**fault).laws_held


def test_the_17_metrics_are_shown_as_sums_that_can_be_followed() -> None:
    counts = {"rows_inserted": 1, "rows_updated": 20, "rows_skipped": 300, "rows_pending": 4_000, "rows_failed": 5}
    one = BatchFigures(**{**FIGURES, **counts, "rows_fetched": 4_326, "rows_normalized": 4_326})
    two = BatchFigures(**{**FIGURES, "entity_name": "sites", "rows_fetched": 7, "rows_inserted": 6, "duration_ms": 3})
    console = Console(width=80, record=True, file=StringIO())
    console.print(metrics_of([one, two]))
    lines = [line.split() for line in console.export_text().splitlines()]
    shown = {" ".join(line[:-3]): line[-3:] for line in lines}
    assert shown["metric"] == ["items", "sites", "all"]
    fates = [f"+ rows_{fate}" for fate in ("inserted", "updated", "skipped", "pending", "failed")]
    for column in range(3):
        parts = [int(shown[fate][column].replace(",", "")) for fate in fates]
        assert f"{sum(parts):,}" == shown["= rows_fetched (L6)"][column]
    assert shown["rows_fetched"] == ["4,326", "7", "4,333"]
    assert shown["L6"] == ["yes", "NO", "NO"]
    assert shown["rows_per_second"][-1] == f"{4_333_000 / 4:,.0f}"
    metrics = [name.removeprefix("+ ") for name in shown]
    every = set(BatchFigures.model_fields) - {"batch_uid", "entity_name", "status"}
    assert {name for name in every if name not in ("error_code", "deletion_refused", "completed_at")} <= set(metrics)
    assert len(set(metrics) & every) == 17
