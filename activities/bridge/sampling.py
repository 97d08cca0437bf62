"""What of a batch is kept to be looked at: some planned changes of a dry run, and rows that another one stands for."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import polars as pl

from activities.bridge.examining import Judged
from db.bridge.records import Superseded

SAMPLE: Final = 20
"""Planned changes of each dry run, at most so many."""


def planned_changes(verdict: Judged, waiting: pl.Series) -> str:
    """A JSON array: what the hub would be told, and which rows would fail or wait."""
    decisions = verdict.outcome.decisions
    told = [_shown(one.row, decisions[one.row], one.content) for one in verdict.records()[:SAMPLE]]
    failures = verdict.outcome.page.failures[:SAMPLE]
    failed = [{"row": one.row, "change": "failed", "stage": one.stage, "code": one.code} for one in failures]
    pending = [{"row": row, "change": "pending"} for row in waiting.arg_true()[:SAMPLE]]
    return _array([*told, *failed, *pending])


def superseded_rows(verdict: Judged, page_no: int) -> list[Superseded]:
    """Every row of the page of whose key another row of the batch stands, as it came."""
    page, examined = verdict.examined.page.rows, verdict.examined
    return [
        Superseded(page_no, row, page.key[row], page.rowversion[row], examined.raw(row))
        for row in verdict.outcome.rows("superseded").arg_true()
    ]


def _shown(row: int, change: str, record: bytes) -> dict[str, Any]:
    return {"row": row, "change": change, "record": msgspec.Raw(record)}


def _array(shown: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(shown[:SAMPLE]).decode()
