"""What a page means: stages 2 to 7 around the look-ups, as plain functions for a thread of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import xxhash

from activities.bridge import payloads
from activities.bridge.recalling import STAGES, Arrived, Recalled, nothing
from activities.bridge.telling import Record
from db.bridge.children import Wait
from db.bridge.record_state import Compared
from domain.pipeline import key_sets
from domain.pipeline.columns import from_rows
from domain.pipeline.definition import Definition
from domain.pipeline.delta import STORED, decide
from domain.pipeline.kept import KeptRow, Resumption, made_by
from domain.pipeline.page import Outcome, Prepared, prepare
from domain.pipeline.parents import Awaited, awaited, parent_keys
from domain.pipeline.payload import payloads as told_payloads
from domain.pipeline.validate import Digests


@dataclass(frozen=True)
class Examined:
    """A page after stage 5: rows that were `recalled`, and the rest, of which `page` is and its rows are numbered.

    `kept`: of a retry, what each row goes on with.
    """

    arrived: Arrived
    recalled: Recalled
    definition: Definition
    page: Prepared
    kept: Sequence[KeptRow | None] = ()

    @cached_property
    def known(self) -> pl.DataFrame:
        """`key`, `data`, `rowversion` of the rows whose key is sound, in their order."""
        rows = self.page.rows
        columns = [rows.key.alias("key"), rows.data.alias("data"), rows.rowversion.alias("rowversion")]
        return pl.DataFrame(columns).drop_nulls("key")

    @cached_property
    def keys(self) -> bytes:
        """The distinct keys of all rows, packed, in order."""
        return key_sets.in_order(self.recalled.keys + key_sets.packed(self.page.keys.to_list()))

    @property
    def is_at_odds(self) -> bool:
        """Whether a row that was not recalled has the key of one that was: the stages are to tell which stands."""
        return key_sets.overlap(self.recalled.keys, key_sets.packed(self.page.keys.to_list()))

    def raw(self, row: int) -> bytes:
        """A row as it came."""
        return bytes(self.arrived.rows[self.recalled.rest[row]])

    def raw_hashes(self, rows: pl.Series) -> bytes:
        """What these are recognised by, packed."""
        return self.arrived.hashes_of(np.asarray(self.recalled.rest, np.int64)[rows.to_numpy()])

    def subject(self, row: int) -> str:
        """What a dead letter about the row is about: its key, or the row itself where that is not known."""
        key = self.page.rows.key[row]
        name = f"row:{xxhash.xxh3_128_hexdigest(self.raw(row))}" if key is None else key.hex()
        return f"{self.definition.source.name}/{self.definition.entity.name}/{name}"


@dataclass(frozen=True)
class Judged:
    """A page after stage 7. `waits` by row; `uids`: the hub's ids as far as they are known, by key; `revived`: keys
    of inserts that are known as deleted."""

    examined: Examined
    outcome: Outcome
    waiting: pl.Series
    awaited: tuple[Awaited, ...]
    matched: int
    uids: Mapping[bytes, str]
    revived: pl.Series

    @property
    def to_tell(self) -> pl.Series:
        """Which rows the hub is told of now."""
        return self.outcome.to_tell & ~self.waiting

    def records(self) -> list[Record]:
        """The rows to tell, in their order."""
        examined, which = self.examined, self.to_tell
        rows = examined.page.rows
        contents = told_payloads(examined.page.mapped, rows, examined.definition.entity, which)
        is_new = self.outcome.rows("insert").filter(which)
        key = rows.key.filter(which)
        uids = [self.uids.get(one) for one in key] if self.uids else [None] * key.len()
        columns = which.arg_true(), key.bin.encode("hex"), contents.cast(pl.Binary), is_new
        return [Record(*record) for record in zip(*(column.to_list() for column in columns), uids, strict=True)]

    def waits(self) -> list[Wait]:
        """What the waiting rows wait for."""
        return [self._wait(one) for one in self.awaited]

    def wait_for_any_parent(self, row: int) -> Wait | None:
        """For a row whose parent the hub does not find, though it was told: the first that the row names."""
        for parent in self.examined.definition.entity.parents:
            key = self.examined.page.rows.parents[parent.ref][row]
            if key is not None:
                return self._wait(Awaited(row, parent.ref, parent.entity, key))
        return None

    def _wait(self, one: Awaited) -> Wait:
        key, raw = self.examined.page.rows.key[one.row], self.examined.raw(one.row)
        return Wait(key, raw, one.ref, one.entity, one.key)


def arrive(payload: bytes, definition: Definition) -> Arrived:
    """The rows of a staged page."""
    return Arrived.of(payloads.split(payloads.unpack(payload)), definition)


def examine(
    arrived: Arrived, recalled: Recalled, definition: Definition, taken: Mapping[str, Digests] | None = None
) -> Examined:
    """Stages 2 to 5 of the rows that were not recalled; `taken`: values that earlier pages have."""
    rows = payloads.table([arrived.rows[row] for row in recalled.rest])
    page = prepare(rows, definition.entity, definition.source, taken)
    return Examined(arrived, recalled, definition, page)


def examine_again(
    arrived: Arrived,
    kept: Sequence[KeptRow | None],
    definition: Definition,
    taken: Mapping[str, Digests] | None = None,
) -> Examined:
    """The same of rows that are tried again: each enters at the stage that failed it."""
    entity, source = definition.entity, definition.source
    resumption = Resumption(kept, made_by(entity, source, STAGES), entity, source)
    over = payloads.decode(payloads.join([arrived.rows[row] for row in resumption.rows("normalize")]))
    page = resumption.resume(from_rows(over), taken)
    return Examined(arrived, nothing(arrived), definition, page, kept)


def decided(examined: Examined, compared: Compared) -> tuple[Outcome, int]:
    """Stage 6, and how many of the page's keys were known and live before the batch."""
    definition = examined.definition
    stored = _stored(examined, compared)
    page = examined.page
    decisions = decide(page.rows, page.failed, stored, definition.entity, definition.source)
    matched = int((~stored["deleted"] & ~stored["in_batch"]).sum())
    return Outcome(page, decisions), matched + examined.recalled.count


def wanted_parents(outcome: Outcome, definition: Definition) -> dict[str, pl.Series]:
    """The parents' keys to look up, by entity."""
    return parent_keys(outcome.page.rows, definition.entity, outcome.to_tell)


def judged(
    examined: Examined,
    decision: tuple[Outcome, int],
    compared: Compared,
    parents: Mapping[str, Sequence[bytes]],
) -> Judged:
    """Stage 7; `parents`: the keys that were found, by entity."""
    outcome, matched = decision
    known = {entity: pl.Series(list(keys), dtype=pl.Binary) for entity, keys in parents.items()}
    missing = awaited(outcome.page.rows, examined.definition.entity, outcome.to_tell, known)
    waiting = pl.Series([False], dtype=pl.Boolean).new_from_index(0, outcome.decisions.len())
    if missing:
        waiting = waiting.scatter(sorted({one.row for one in missing}), values=True)
    uids = {one.key: one.target_uid for one in compared.differing if one.target_uid is not None}
    revived = pl.Series([one.key for one in compared.differing if one.deleted], dtype=pl.Binary)
    return Judged(examined, outcome, waiting, missing, matched, uids, revived)


def _stored(examined: Examined, compared: Compared) -> pl.DataFrame:
    """What is known of the page's keys: what differs as it was read, and what does not exactly as the rows are."""
    # Of two rows with one key each may differ, and one of them may not.
    found = {one.key: one for one in compared.differing}.values()
    known = pl.DataFrame(
        {
            "key": [one.key for one in found],
            "data": [one.data for one in found],
            "rowversion": [one.rowversion for one in found],
            "deleted": [one.deleted for one in found],
            "in_batch": [one.in_batch for one in found],
        },
        schema=STORED,
    )
    if not compared.alike:
        return known
    same = pl.Series("key", key_sets.unpacked(compared.alike), dtype=pl.Binary).to_frame()
    alike = examined.known.unique("key", keep="any").join(same, on="key", how="semi").join(known, on="key", how="anti")
    alike = alike.with_columns(deleted=pl.lit(value=False), in_batch=pl.lit(value=False))
    return pl.concat([known, alike.select(STORED.names())])
