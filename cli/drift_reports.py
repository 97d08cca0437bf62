"""A drift report on a terminal."""

from __future__ import annotations

import json
from datetime import datetime

from pydantic import BaseModel, Field, JsonValue
from rich.console import Console
from rich.table import Table
from rich.text import Text

_COUNTS = ("equal", "corrected", "missing", "extra", "contested")


class Summary(BaseModel):
    """Rows by kind and by cause."""

    equal: int = 0
    corrected: int = 0
    missing: int = 0
    extra: int = 0
    contested: int = 0
    missed_orders: int = 0
    causes: dict[str, int] = Field(default_factory=dict)


class Difference(BaseModel):
    """One field of one product."""

    kind: str
    blueprint_id: int
    product_id: int
    field: str = ""
    old: JsonValue = None
    new: JsonValue = None
    cause: str = "unknown"


class DriftReport(BaseModel):
    """Answer of `GET /drift`; whatever else it holds is passed over."""

    operation_id: str
    state: str
    dry_run: bool = False
    completed_at: datetime | None = None
    summary: Summary = Summary()
    items: list[Difference] = Field(default_factory=list)
    next_cursor: str | None = None


def show_drift(console: Console, report: DriftReport) -> None:
    """The numbers, a line per difference, and how to get the next page."""
    summary = report.summary
    when = f" of {report.completed_at:%Y-%m-%d %H:%M} UTC" if report.completed_at else ""
    console.print(f"Reconciliation{when}, {report.state}{' (dry run: nothing was changed)' if report.dry_run else ''}")
    console.print("  ".join(f"{name} {getattr(summary, name):,}" for name in _COUNTS))
    if summary.missed_orders:
        console.print(f"{summary.missed_orders:,} orders of which no webhook had told")
    if summary.causes:
        console.print("causes: " + ", ".join(f"{cause} {rows:,}" for cause, rows in summary.causes.items()))
    if report.items:
        console.print(_table(report.items))
    if report.next_cursor:
        console.print(f"next page: --cursor {report.next_cursor}", soft_wrap=True)


def _table(items: list[Difference]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("blueprint", "product"):
        table.add_column(name, justify="right")
    for name in ("kind", "field", "ours", "CardTrader's", "cause"):
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    for item in items:
        values = (item.blueprint_id, item.product_id, item.kind, item.field, _told(item.old), _told(item.new))
        # As text: a seller's own words may look like markup.
        table.add_row(*(Text(str(value)) for value in (*values, item.cause)))
    return table


def _told(value: JsonValue) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
