"""Stage 6: what becomes of each row: compared with what is known, by rowversion first, by hash where that says nothing.

Of several rows with one key in a batch the last by rowversion wins, in whatever pages they come: one page decides as
several would. A row that is known to be deleted is inserted again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import polars as pl

from domain.pipeline import rowversions
from domain.pipeline.config import Entity, Source
from domain.pipeline.identity import Identified

Decision = Literal["insert", "update", "unchanged", "outdated", "superseded", "failed"]
DECISIONS: Final = pl.Enum(["insert", "update", "unchanged", "outdated", "superseded", "failed"])
"""unchanged: nothing to tell · outdated: older than what is known · superseded: another row of its batch stands."""

STORED: Final = pl.Schema(
    {"key": pl.Binary, "data": pl.Binary, "rowversion": pl.String, "deleted": pl.Boolean, "in_batch": pl.Boolean}
)
"""`record_state` of the page's keys, at most one row each; `in_batch`: a row of the running batch wrote it."""

Lookup = Callable[[pl.Series], pl.DataFrame]
"""Keys of a page (Binary, distinct) to their `STORED` rows."""


def decide(rows: Identified, failed: pl.Series, stored: pl.DataFrame, entity: Entity, source: Source) -> pl.Series:
    """One decision per row; `failed` marks the rows that are delivered nowhere."""
    known = stored.select(
        "key",
        "deleted",
        "in_batch",
        pl.col("data").alias("stored_data"),
        rowversions.order(stored["rowversion"], entity.rowversion.kind, source.zones).alias("stored_order"),
    )
    frame = pl.DataFrame([rows.key.alias("key"), rows.data.alias("data"), rows.order.alias("order")])
    frame = frame.with_columns(stands=_last_of_its_key(frame, ~failed), failed=failed)
    joined = frame.join(known, on="key", how="left", maintain_order="left")
    return joined.select(_decision()).to_series()


def _last_of_its_key(frame: pl.DataFrame, alive: pl.Series) -> pl.Series:
    """Which rows stand: of equal rowversions the later row, and a missing rowversion is older than any."""
    rows = frame.select("key", "order").with_row_index("row").filter(alive)
    if rows["key"].n_unique() == rows.height:
        return alive
    by_age = rows.sort("order", nulls_last=False, maintain_order=True)
    last = by_age.group_by("key").agg(pl.col("row").last())["row"]
    return alive & pl.Series("row", range(frame.height), dtype=last.dtype).is_in(last.implode())


def _decision() -> pl.Expr:
    new, old, in_batch = pl.col("order"), pl.col("stored_order"), pl.col("in_batch")
    newer = (new > old) | (in_batch & new.is_not_null() & old.is_null())
    older = (new < old) | (in_batch & new.is_null() & old.is_not_null())
    return (
        pl.when("failed")
        .then(pl.lit("failed"))
        .when(~pl.col("stands"))
        .then(pl.lit("superseded"))
        .when(pl.col("deleted").fill_null(value=True))
        .then(pl.lit("insert"))
        .when(newer)
        .then(pl.lit("update"))
        .when(older & in_batch)
        .then(pl.lit("superseded"))
        .when(older)
        .then(pl.lit("outdated"))
        .when(pl.col("data") != pl.col("stored_data"))
        .then(pl.lit("update"))
        .otherwise(pl.lit("unchanged"))
        .cast(DECISIONS)
        .alias("decision")
    )
