"""One page through stages 2 to 6. Between 5 and 6 the stored state of its keys is looked up: that is the caller's.

A repeated page gives the same outcome, given the same state. A failed row goes along to learn its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from domain.pipeline.columns import Table
from domain.pipeline.config import Entity, Source
from domain.pipeline.delta import Decision, Lookup, decide
from domain.pipeline.failures import RowFailure, Stage, first_of_each_row
from domain.pipeline.identity import Identified, identify
from domain.pipeline.mapping import map_fields
from domain.pipeline.metrics import Metrics
from domain.pipeline.normalize import normalize
from domain.pipeline.validate import Digests, validate


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page after stage 5. `failures`: one per failed row; `unique`: digests that later pages are to be told of."""

    normalized: Table
    mapped: Table
    rows: Identified
    failures: tuple[RowFailure, ...]
    unique: dict[str, Digests]

    @property
    def failed(self) -> pl.Series:
        """Which rows are delivered nowhere."""
        failed = pl.Series([False], dtype=pl.Boolean).new_from_index(0, self.mapped.height)
        return failed.scatter([failure.row for failure in self.failures], values=True) if self.failures else failed

    @property
    def keys(self) -> pl.Series:
        """The distinct keys to look up, of failed rows too: what was met is not gone."""
        return self.rows.key.drop_nulls().unique()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A page after stage 6: one decision per row."""

    page: Prepared
    decisions: pl.Series

    def rows(self, *decisions: Decision) -> pl.Series:
        """Which rows became one of these."""
        return self.decisions.is_in(decisions)

    @property
    def to_tell(self) -> pl.Series:
        """Which rows ScheduleHub is to learn of."""
        return self.rows("insert", "update")

    def metrics(self, waiting: pl.Series | None = None) -> Metrics:
        """Rows by stage and fate; `waiting` marks those of `to_tell` whose parent is not there."""
        told = self.to_tell if waiting is None else self.to_tell & ~waiting
        fetched = self.decisions.len()
        passed = _passed(fetched, self.page.failures)
        return Metrics(
            rows_fetched=fetched,
            rows_normalized=passed["normalize"],
            rows_validated=passed["validate"],
            rows_mapped=passed["map"],
            rows_identified=passed["identity"],
            rows_inserted=int((self.rows("insert") & told).sum()),
            rows_updated=int((self.rows("update") & told).sum()),
            rows_skipped=int(self.rows("unchanged", "outdated", "superseded").sum()),
            rows_pending=0 if waiting is None else int((self.to_tell & waiting).sum()),
            rows_failed=len(self.page.failures),
        )


def prepare(table: Table, entity: Entity, source: Source, taken: Mapping[str, Digests] | None = None) -> Prepared:
    """Stages 2 to 5; `taken` as for `validate`."""
    normal = normalize(table, entity, source)
    valid = validate(normal.table, entity, taken)
    mapped = map_fields(normal.table, entity, source)
    rows = identify(mapped.table, entity, source)
    failures = first_of_each_row([*normal.failures, *valid.failures, *mapped.failures, *rows.failures])
    return Prepared(normal.table, mapped.table, rows, failures, valid.unique)


def run_page(
    table: Table, entity: Entity, source: Source, lookup: Lookup, taken: Mapping[str, Digests] | None = None
) -> Outcome:
    """Stages 2 to 6."""
    page = prepare(table, entity, source, taken)
    return Outcome(page, decide(page.rows, page.failed, lookup(page.keys), entity, source))


def _passed(fetched: int, failures: tuple[RowFailure, ...]) -> dict[Stage, int]:
    """How many rows each stage passed on."""
    stages: tuple[Stage, ...] = ("normalize", "validate", "map", "identity")
    passed = {}
    for stage in stages:
        fetched -= sum(failure.stage == stage for failure in failures)
        passed[stage] = fetched
    return passed
