"""The simulated source: its tables, and a page of one of them, with what faults make of it."""

from __future__ import annotations

import random
import time
from typing import Final

import msgspec

from devstack.simulators.neighbour.faults import FaultSpec, SourceFault
from devstack.simulators.neighbour.gate import Doors

from .erp import Erp, Sizes
from .table import Filter, Scn, Sort, Table

MOST_PER_PAGE: Final = 10_000
_FIRST_ROWVERSION: Final = 10_000_000


class Execute(msgspec.Struct):
    """What is asked of a connector."""

    page: int = 1
    page_size: int = 1_000
    filters: list[Filter] = []
    sort: Sort | None = None


class Source:
    """All tables, and what was asked of them."""

    def __init__(self, doors: Doors, sizes: Sizes, seed: int = 1) -> None:
        self.doors, self._rng = doors, random.Random(seed)
        erp, scn = Erp(sizes, seed), Scn(_FIRST_ROWVERSION)
        self.tables = {slug: Table(erp, slug, getattr(sizes, slug), scn) for slug in erp.kinds}
        self.unsorted = 0

    def page(self, slug: str, asked: Execute) -> bytes:
        """The answer's body."""
        began, table = time.perf_counter(), self.tables[slug]
        self._move(table, slug)
        self.unsorted += asked.sort is None
        places = table.select(asked.filters, asked.sort).tolist()
        first = (asked.page - 1) * asked.page_size
        chosen = places[first : first + asked.page_size]
        if short := self._fault("short_page", slug):
            chosen = chosen[: -short.rows]
        if self._fault("repeated_row", slug):
            chosen = chosen[:1] + chosen[:-1]
        return b'{"success":%b,"data":[%b],"metadata":{%b"page":%d,"page_size":%d,"execution_time_ms":%d}}' % (
            b"false" if self._fault("no_success", slug) else b"true",
            b",".join([table.rows[place] for place in chosen]),
            self._total(slug, len(places)),
            asked.page,
            asked.page_size,
            (time.perf_counter() - began) * 1000,
        )

    def _move(self, table: Table, slug: str) -> None:
        """What others do to the table between two requests."""
        if added := self._fault("rows_added", slug):
            table.add(added.rows, self._rng)
        if removed := self._fault("rows_removed", slug):
            table.remove(table.some(removed.rows, self._rng))

    def _total(self, slug: str, rows: int) -> bytes:
        if self._fault("no_total", slug):
            return b""
        wrong = self._fault("wrong_total", slug)
        return b'"total_rows":%d,' % (rows + (wrong.rows if wrong else 0))

    def _fault(self, kind: SourceFault, slug: str) -> FaultSpec | None:
        return self.doors.faults.strike(kind, slug)
