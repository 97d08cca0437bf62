"""What of a batch is kept to be looked at: planned changes of a dry run, and rows that another one stood for."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import polars as pl

from activities.bridge.examining import Judged

SAMPLE: Final = 20
"""Of each batch at most so many."""


def planned_changes(verdict: Judged, waiting: pl.Series) -> str:
    """A JSON array: what the hub would be told, and which rows would fail or wait."""
    decisions = verdict.outcome.decisions
    told = [_shown(one.row, decisions[one.row], one.content) for one in verdict.records()[:SAMPLE]]
    failures = verdict.outcome.page.failures[:SAMPLE]
    failed = [{"row": one.row, "change": "failed", "stage": one.stage, "code": one.code} for one in failures]
    pending = [{"row": row, "change": "pending"} for row in waiting.arg_true()[:SAMPLE]]
    return _array([*told, *failed, *pending])


def superseded_rows(verdict: Judged) -> str | None:
    """A JSON array: rows as they came, of whose key another row of the batch stands; None where there is none."""
    rows = verdict.outcome.rows("superseded").arg_true()[:SAMPLE]
    return _array([_shown(row, "superseded", verdict.examined.raw(row)) for row in rows]) if len(rows) else None


def _shown(row: int, change: str, record: bytes) -> dict[str, Any]:
    return {"row": row, "change": change, "record": msgspec.Raw(record)}


def _array(shown: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(shown[:SAMPLE]).decode()
