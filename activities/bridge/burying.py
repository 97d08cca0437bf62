"""Dead letters of a page's rows: why each failed, how it looked to people, and what a retry of it goes on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from activities.bridge.examining import Judged
from activities.bridge.recalling import STAGES
from activities.bridge.storable import storable, storable_json
from clients.schedulehub import RowFailure
from db.bridge.letters import Letter
from domain.pipeline.kept import keep, made_by, rows_of
from domain.pipeline.payload import json_rows

GIVEN_UP: Final = "The parent did not come, in as many tries as it was given."
_UNMAPPED: Final = ("normalize", "validate")


def letters_of_failed(verdict: Judged, failed: pl.Series, refused: Mapping[int, RowFailure]) -> list[Letter]:
    """One for each row that failed; `refused`: those that the hub did not take."""
    if not failed.any():
        return []
    examined, page = verdict.examined, verdict.examined.page
    normalized = json_rows(page.normalized.take(failed))
    mapped = json_rows(page.mapped.take(failed))
    shown = dict(zip(failed.arg_true(), zip(normalized, mapped, strict=True), strict=True))
    kept = _kept(verdict, failed)
    told: dict[int, tuple[str, str, str]] = {
        failure.row: (failure.stage, failure.code, failure.sentence) for failure in page.failures
    }
    told |= {row: ("ingest", failure.code.upper(), failure.reason) for row, failure in refused.items()}
    return [
        Letter(
            subject=examined.subject(row),
            stage=stage,
            code=code,
            reason=storable(reason),
            raw=examined.raw(row),
            normalized=storable_json(shown[row][0]),
            mapped=None if stage in _UNMAPPED else storable_json(shown[row][1]),
            kept=kept(row, stage),
            again=stage == "ingest",
        )
        for row, (stage, code, reason) in sorted(told.items())
    ]


def letters_of_children(verdict: Judged, waiting: pl.Series, exhausted: set[bytes]) -> list[Letter]:
    """One for each child that was given up, by these keys."""
    if not exhausted:
        return []
    examined, key = verdict.examined, verdict.examined.page.rows.key
    over = waiting & key.is_in(pl.Series(list(exhausted), dtype=pl.Binary).implode())
    kept = _kept(verdict, over)
    return [
        Letter(
            examined.subject(row), "resolve", "PARENT_MISSING", GIVEN_UP, examined.raw(row), kept=kept(row, "resolve")
        )
        for row in over.arg_true()
    ]


def _kept(verdict: Judged, which: pl.Series) -> Callable[[int, str], bytes | None]:
    """What a retry of one of these rows goes on with, given the stage that failed it."""
    page, definition = verdict.examined.page, verdict.examined.definition
    made = made_by(definition.entity, definition.source, STAGES)
    both = zip(rows_of(page.normalized.take(which)), rows_of(page.mapped.take(which)), strict=True)
    came = dict(zip(which.arg_true(), both, strict=True))
    return lambda row, stage: keep(stage, made, *came[row])
