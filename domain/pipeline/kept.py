"""What a dead letter keeps of a row besides its bytes: its cells after the stages that it passed.

A row that is tried again enters at the stage that failed it, by what was kept. The configuration of today is obeyed:
where it would make something else of the row than was kept, the row enters before that stage. Of the stages 6 and 7
nothing is kept: what is known of a row and of its parents may have changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import msgspec
import xxhash

from domain.pipeline.columns import Cell, Kind, Table, cells
from domain.pipeline.config import Entity, Source, UniqueInBatch
from domain.pipeline.failures import RowFailure, first_of_each_row
from domain.pipeline.identity import identify
from domain.pipeline.mapping import map_fields
from domain.pipeline.normalize import normalize
from domain.pipeline.page import Prepared
from domain.pipeline.validate import Digests, validate

Entry = Literal["normalize", "validate", "map", "identity"]
"""The stage that a row enters at; what failed in a later one enters at `identity`."""

Cells = dict[str, Cell]
"""The fields that are there, by name."""
_ENTRIES: Final[dict[str, Entry]] = {"normalize": "normalize", "validate": "validate", "map": "map"}
_PAST_VALIDATE: Final[tuple[Entry, ...]] = ("map", "identity")


class Made(msgspec.Struct, frozen=True, array_like=True):
    """Which configuration a row was read and mapped by: two digests."""

    read: bytes
    mapped: bytes


class KeptRow(msgspec.Struct, frozen=True, array_like=True):
    """A row as far as it came. `mapped` is None where it did not come through stage 4."""

    entry: Entry
    made: Made
    normalized: Cells
    mapped: Cells | None = None


_kept: Final = msgspec.msgpack.Decoder(KeptRow)
pack: Final = msgspec.msgpack.Encoder().encode


def unpack(kept: bytes | None) -> KeptRow | None:
    """As it was packed; what an older version packed in another form is not used."""
    try:
        return None if kept is None else _kept.decode(kept)
    except msgspec.DecodeError:
        return None


def made_by(entity: Entity, source: Source, version: bytes) -> Made:
    """`version`: of the stages themselves."""
    read = msgspec.json.encode((entity.fields, entity.infer, source)) + version
    mapped = msgspec.json.encode((entity.mappings, entity.pass_unmapped))
    return Made(xxhash.xxh3_128_digest(read), xxhash.xxh3_128_digest(read + mapped))


def keep(stage: str, made: Made, normalized: Cells, mapped: Cells) -> bytes | None:
    """A row that failed in a stage, packed; None where it has to start over."""
    entry = _ENTRIES.get(stage, "identity")
    if entry == "normalize":
        return None
    return pack(KeptRow(entry, made, normalized, mapped if entry == "identity" else None))


def entry_of(kept: KeptRow | None, made: Made, entity: Entity) -> Entry:
    """Where the row enters today."""
    if kept is None or kept.made.read != made.read:
        return "normalize"
    # Whether a value is the first of its batch is for this batch to tell.
    unique = any(isinstance(rule, UniqueInBatch) for one in entity.mappings for rule in one.rules)
    return "validate" if unique or kept.made.mapped != made.mapped else kept.entry


def rows_of(table: Table) -> list[Cells]:
    """The rows of a table, cell by cell."""
    rows: list[Cells] = [{} for _ in range(table.height)]
    for name, column in table.columns.items():
        for row, (text, kind) in zip(rows, column.iter_rows(), strict=True):
            if kind != Kind.ABSENT:
                row[name] = text, Kind(kind)
    return rows


def table_of(rows: Sequence[Cells]) -> Table:
    """The same as columns."""
    absent: Cell = (None, Kind.ABSENT)
    names = dict.fromkeys(name for row in rows for name in row)
    return Table(len(rows), {name: cells([row.get(name, absent) for row in rows]) for name in names})


@dataclass(frozen=True)
class Resumption:
    """Rows that are tried again: what was kept of each row of the page, and what the configuration of today makes."""

    kept: Sequence[KeptRow | None]
    made: Made
    entity: Entity
    source: Source

    @cached_property
    def entries(self) -> list[Entry]:
        """Where each row enters."""
        return [entry_of(one, self.made, self.entity) for one in self.kept]

    def rows(self, *entries: Entry) -> list[int]:
        """The rows that enter at one of these, in their order."""
        return [row for row, entry in enumerate(self.entries) if entry in entries]

    def resume(self, again: Table, taken: Mapping[str, Digests] | None = None) -> Prepared:
        """Stages 2 to 5, each of the rows that enter there or before.

        Args:
            again: the rows that start over, `rows("normalize")`, as they came.
            taken: as for `validate`.
        """
        over, anew = self.rows("normalize"), self.rows("normalize", "validate", "map")
        normal = normalize(again, self.entity, self.source)
        normalized = _with(over, rows_of(normal.table), [one.normalized if one else {} for one in self.kept])
        valid = validate(table_of(normalized), self.entity, taken)
        fresh = map_fields(table_of([normalized[row] for row in anew]), self.entity, self.source)
        mapped = table_of(_with(anew, rows_of(fresh.table), [one.mapped or {} if one else {} for one in self.kept]))
        rows = identify(mapped, self.entity, self.source)
        failures = [
            *_placed(normal.failures, over),
            *(failure for failure in valid.failures if self.entries[failure.row] not in _PAST_VALIDATE),
            *_placed(fresh.failures, anew),
            *rows.failures,
        ]
        return Prepared(table_of(normalized), mapped, rows, first_of_each_row(failures), valid.unique)


def _with(places: Sequence[int], new: Sequence[Cells], rows: list[Cells]) -> list[Cells]:
    """The rows with new ones in some places."""
    for place, row in zip(places, new, strict=True):
        rows[place] = row
    return rows


def _placed(failures: Iterable[RowFailure], places: Sequence[int]) -> Iterator[RowFailure]:
    """Failures of some rows of a page, by their places in it."""
    return (replace(failure, row=places[failure.row]) for failure in failures)
