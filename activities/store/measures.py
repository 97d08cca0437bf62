"""What the answers of the activities of `store` say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from activities.measures import ActivityMeasures, Telling
from workflows.store.contracts import PushReport, StockRead


def _pushed(measures: ActivityMeasures, report: PushReport, seconds: float) -> None:
    measures.items("store_push", pushed=report.pushed, conflicts=report.conflicts, failures=report.failures)
    measures.took("store_push", seconds)


def _read(measures: ActivityMeasures, stock: StockRead, seconds: float) -> None:
    measures.items("store_read", read=stock.items, moved=stock.moved)
    measures.took("store_read", seconds)


TELLINGS: Final[Mapping[str, Telling]] = {"push_changes": _pushed, "read_stock": _read}
