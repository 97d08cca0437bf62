"""How the demo shows batches: a line each while it goes on; at last all 17 metrics, to be added up by eye."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.table import Table

from cli.bridge_demo.figures import BatchFigures

_STAGES: Final = ("rows_normalized", "rows_validated", "rows_mapped", "rows_identified")
_FATES: Final = ("rows_inserted", "rows_updated", "rows_skipped", "rows_pending", "rows_failed")
_REST: Final = ("rows_deleted", "pages_fetched", "bytes_fetched", "retries", "duration_ms")


def table_of(batches: Sequence[BatchFigures]) -> Table:
    """One line per batch."""
    table = _table("entity", ["fetched", "new", "changed", "gone", "skipped", "waiting", "failed", "rows/s", "L6"])
    for batch in batches:
        counts = (
            batch.rows_fetched, batch.rows_inserted, batch.rows_updated, batch.rows_deleted, batch.rows_skipped,
            batch.rows_pending, batch.rows_failed, round(batch.rows_per_second),
        )  # fmt: skip
        table.add_row(batch.entity_name, *(f"{count:,}" for count in counts), _law(batch.conserved))
    return table


def metrics_of(batches: Sequence[BatchFigures]) -> Table:
    """One column per batch, and one of their sums; the fates of rows stand between what was fetched and their sum."""
    table = _table("metric", [*(batch.entity_name for batch in batches), "all"])

    def line(title: str, count: Callable[[BatchFigures], int]) -> None:
        counts = [count(batch) for batch in batches]
        table.add_row(title, *(f"{each:,}" for each in (*counts, sum(counts))))

    def metric(name: str, title: str) -> None:
        line(title, lambda batch: getattr(batch, name))

    metric("rows_fetched", "rows_fetched")
    for name in _STAGES:
        metric(name, f"  {name}")
    for name in _FATES:
        metric(name, f"+ {name}")
    line("= rows_fetched (L6)", lambda batch: batch.accounted_for)
    table.add_row("  L6", *(_law(batch.conserved) for batch in batches), _law(all(one.conserved for one in batches)))
    for name in _REST:
        metric(name, name)
    milliseconds, rows = sum(one.duration_ms for one in batches), sum(one.rows_fetched for one in batches)
    well = sum(one.rows_fetched - one.rows_failed for one in batches)
    rates = [*(one.rows_per_second for one in batches), rows * 1000 / max(milliseconds, 1)]
    table.add_row("rows_per_second", *(f"{rate:,.0f}" for rate in rates))
    table.add_row("success_rate", *(f"{one.success_rate:.2f}" for one in batches), f"{100 * well / max(rows, 1):.2f}")
    return table


def _table(first: str, rest: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for title in rest:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _law(held: bool) -> str:
    return "yes" if held else "NO"
