"""Stage 9: what became of the rows of a page, and the one transaction in which it is noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.bridge.burying import letters_of_children, letters_of_failed
from activities.bridge.errors import BatchClosed, LawBroken
from activities.bridge.examining import Judged
from activities.bridge.sampling import SAMPLE, planned_changes, superseded_rows
from activities.bridge.storable import storable_json
from activities.bridge.telling import Heard
from clients.schedulehub import RowFailure
from db.bridge import batches, children, letters, pages, record_state, records
from db.bridge.batches import Work
from db.bridge.children import Wait
from db.bridge.pages import Claimed, Done
from db.bridge.record_state import NOTHING_TOLD, Told
from domain.pipeline.key_sets import packed, unpacked
from domain.pipeline.metrics import Metrics
from domain.pipeline.watermark import mark


@dataclass(frozen=True)
class Outcomes:
    """Every row's fate. `refused`: the hub did not take it; `orphans`: the hub misses its parent."""

    verdict: Judged
    refused: Mapping[int, RowFailure]
    orphans: Mapping[int, Wait]
    uids: Mapping[int, str]

    @classmethod
    def of(cls, verdict: Judged, heard: Heard) -> Outcomes:
        """From what was judged and heard; a row whose parent the hub does not find waits for it."""
        orphans = {
            row: wait
            for row, failure in heard.refused.items()
            if failure.code == "not_found" and (wait := verdict.wait_for_any_parent(row)) is not None
        }
        refused = {row: failure for row, failure in heard.refused.items() if row not in orphans}
        return cls(verdict, refused, orphans, heard.uids)

    @cached_property
    def waits(self) -> list[Wait]:
        """Every wait, of rows that were not told and of those whose parent the hub misses."""
        return [*self.verdict.waits(), *self.orphans.values()]

    @cached_property
    def waiting(self) -> pl.Series:
        """Rows that wait."""
        return _marking(self.verdict.waiting, self.orphans)

    @cached_property
    def failed(self) -> pl.Series:
        """Rows that failed in any stage."""
        return _marking(self.verdict.outcome.page.failed, self.refused)

    @cached_property
    def told(self) -> pl.Series:
        """Rows that the hub took."""
        return self.verdict.to_tell & ~self.failed & ~self.waiting

    def state(self, *, over: bool) -> Told:
        """What the hub holds now: of rows that were known, or of the others. In the keys' order: neighbours share the
        pages of an index."""
        verdict = self.verdict
        rows = verdict.examined.page.rows
        new = verdict.outcome.rows("insert") & ~rows.key.is_in(verdict.revived.implode())
        which = self.told & (~new if over else new)
        if not which.any():
            return NOTHING_TOLD
        frame = pl.DataFrame([rows.key.alias("key"), rows.data.alias("data"), rows.rowversion.alias("rowversion")])
        found = frame.with_row_index("row").filter(which).sort("key")
        return Told(
            packed(found["key"].to_list()),
            packed(found["data"].to_list()),
            found["rowversion"].to_list(),
            verdict.examined.raw_hashes(found["row"]),
            list(map(self.uids.get, found["row"].to_list())),
        )

    def unchanged(self) -> tuple[bytes, bytes]:
        """Keys of the rows that were read and say nothing new, and the hashes of their bytes; packed."""
        which = self.verdict.outcome.rows("unchanged")
        examined = self.verdict.examined
        return packed(examined.page.rows.key.filter(which).to_list()), examined.raw_hashes(which.arg_true())

    @cached_property
    def settled_keys(self) -> list[bytes]:
        """Keys of which no row failed: their letters are answered, and they wait for nothing but `waits`."""
        key = self.verdict.examined.page.rows.key
        failed = set(key.filter(self.failed))
        used = [one for one in key.filter(~self.failed).drop_nulls().unique() if one not in failed]
        return [*used, *unpacked(self.verdict.examined.recalled.keys)]

    def metrics(self) -> Metrics:
        """Rows by stage and fate (law L6)."""
        counted = _with_recalled(self.verdict.outcome.metrics(self.waiting), self.verdict.examined.recalled.count)
        refused = _marking(pl.zeros(self.failed.len(), dtype=pl.Boolean, eager=True), self.refused)
        return replace(
            counted,
            rows_inserted=counted.rows_inserted - int((self.verdict.outcome.rows("insert") & refused).sum()),
            rows_updated=counted.rows_updated - int((self.verdict.outcome.rows("update") & refused).sum()),
            rows_failed=int(self.failed.sum()),
        )


async def commit(
    connection: AsyncConnection, work: Work, page_no: int, claimed: Claimed, outcomes: Outcomes, took_ms: int
) -> Metrics:
    """Note a page. Raises `BatchClosed` when a later attempt took over, `LawBroken`."""
    exhausted: set[bytes] = set()
    if work.dry_run:
        planned = planned_changes(outcomes.verdict, outcomes.waiting)
        await batches.add_to_sample(connection, work.uid, storable_json(planned), most=SAMPLE)
    else:
        exhausted = await _note_rows(connection, work, claimed, outcomes)
    await records.note_superseded(connection, work.uid, superseded_rows(outcomes.verdict, page_no))
    counted = _given_up(outcomes, exhausted)
    metrics = replace(
        counted,
        pages_fetched=1,
        bytes_fetched=claimed.counted.bytes_fetched,
        retries=claimed.attempt - 1,
        duration_ms=took_ms,
    )
    if not metrics.conserved or metrics.rows_fetched != claimed.rows:
        raise LawBroken
    done = _done(work, outcomes, metrics)
    keep = work.sync_type == "full"
    if not await pages.finish(connection, work.uid, page_no, claimed.attempt, done, keep_keys=keep):
        raise BatchClosed
    return metrics


async def _note_rows(connection: AsyncConnection, work: Work, claimed: Claimed, outcomes: Outcomes) -> set[bytes]:
    """State, letters and waits; returns the keys of children that were given up."""
    scope, uid = work.scope, work.uid
    scheme = work.obeyed.entity.hash_scheme
    await record_state.by_index(connection)
    for over in (False, True):
        await record_state.write(connection, scope, uid, outcomes.state(over=over), scheme=scheme, over=over)
    if work.sync_type == "full":
        # Else a change of configuration, or of the stages, would have them read again in every sync.
        await record_state.recognise(connection, scope, *outcomes.unchanged())
    tried = work.sync_type == "children"
    exhausted = await children.wait(connection, scope, uid, outcomes.waits, tried=tried)
    if await children.any_open(connection, scope):
        still = [one for one in outcomes.waits if one.key not in exhausted]
        await children.settle(connection, scope, f"batch {uid}", outcomes.settled_keys, still)
    if claimed.letters:
        await _answer_letters(connection, work, claimed.letters, outcomes)
    if await letters.any_open(connection, scope):
        prefix = f"{scope.source_system}/{scope.entity_name}/"
        subjects = [f"{prefix}{key.hex()}" for key in outcomes.settled_keys if key not in exhausted]
        await letters.settle(connection, scope, uid, subjects)
    failing = letters_of_failed(outcomes.verdict, outcomes.failed, outcomes.refused)
    given_up = letters_of_children(outcomes.verdict, outcomes.waiting, exhausted)
    await letters.bury(connection, scope, uid, [*failing, *given_up])
    return exhausted


async def _answer_letters(connection: AsyncConnection, work: Work, ids: Sequence[int], outcomes: Outcomes) -> None:
    """Of a retry: letters of rows that went are resolved, the others are renamed to what is known of their rows."""
    failed = set(outcomes.failed.arg_true())
    await letters.settle_ids(connection, work.uid, [one for row, one in enumerate(ids) if row not in failed])
    rows = sorted(failed)
    subjects = [outcomes.verdict.examined.subject(row) for row in rows]
    await letters.rename(connection, [ids[row] for row in rows], subjects)


def _given_up(outcomes: Outcomes, exhausted: set[bytes]) -> Metrics:
    """Children that were given up do not wait any longer: they failed."""
    metrics = outcomes.metrics()
    keys = outcomes.verdict.examined.page.rows.key.filter(outcomes.waiting)
    over = sum(key in exhausted for key in keys)
    return replace(metrics, rows_pending=metrics.rows_pending - over, rows_failed=metrics.rows_failed + over)


def _done(work: Work, outcomes: Outcomes, metrics: Metrics) -> Done:
    page, definition = outcomes.verdict.examined.page, work.obeyed
    return Done(
        metrics=metrics,
        mark=mark(page.rows.rowversion, outcomes.failed, definition.entity.rowversion, definition.source.zones),
        matched=outcomes.verdict.matched,
        without_key=page.rows.key.null_count(),
        superseded=int(outcomes.verdict.outcome.rows("superseded").sum()),
    )


def _with_recalled(metrics: Metrics, rows: int) -> Metrics:
    """Rows known to the byte are what the stages would have made of them: unchanged."""
    names = ("rows_fetched", "rows_normalized", "rows_validated", "rows_mapped", "rows_identified", "rows_skipped")
    return replace(metrics, **{name: getattr(metrics, name) + rows for name in names})


def _marking(series: pl.Series, rows: Mapping[int, object]) -> pl.Series:
    """With these rows marked too."""
    return series.scatter(sorted(rows), values=True) if rows else series
