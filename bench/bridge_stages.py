"""`bridge_stages`: the bridge's stages 2 to 6 on pages of 10,000 rows in one process, one row in a hundred changed.

Protocol: a page of generated ERP rows (12 fields, JSON numbers as Decimal) passes once, which gives its stored state;
then it passes again with the changes, and that is timed. The clock stands still while rows are made and turned into
columns: that belongs to the fetch, and the note says what it took. No floor: the target is absolute.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import polars as pl

from bench.campaign import Say
from bench.errors import WrongResult
from bench.rows import Origin, Row
from bench.usage import peak_mib
from domain.pipeline.columns import Table, from_rows
from domain.pipeline.config import Entity, FieldMapping, Length, Min, OracleType, Rowversion, Source, SourceField
from domain.pipeline.delta import STORED
from domain.pipeline.page import Outcome, run_page

ROWS: Final = 1_000_000
PAGE: Final = 10_000
_CHANGED_EVERY: Final = 100
_SECONDS_PER_MILLION: Final = 8
_SOURCE: Final = Source(name="erp", null_tokens=("N/A",))
_TYPES: Final[dict[str, OracleType]] = {
    "item_number": "VARCHAR2",
    "site_code": "VARCHAR2",
    "description": "VARCHAR2",
    "unit": "CHAR",
    "remark": "CLOB",
    "quantity": "NUMBER",
    "price": "NUMBER",
    "weight": "NUMBER",
    "created_on": "DATE",
    "changed_at": "TIMESTAMP",
}
_ENTITY: Final = Entity(
    name="items",
    key=("item_number", "site_code"),
    fields=tuple(SourceField(name=name, type=kind) for name, kind in _TYPES.items()),
    mappings=(
        FieldMapping(source="description", target="title", required=True, rules=(Length(low=1, high=200),)),
        FieldMapping(source="quantity", target="quantity", default=0, rules=(Min(value=Decimal(0)),)),
        FieldMapping(source="unit", target="unit", transformation="uppercase"),
    ),
    rowversion=Rowversion(kind="integer"),
)


@dataclass
class Clocks:
    """Seconds of the timed passes; `cpu` of the stages, over all threads."""

    columns: float = 0.0
    stages: float = 0.0
    cpu: float = 0.0
    decisions: Counter[str] = field(default_factory=Counter)


def run(rows: int, say: Say) -> list[Row]:
    """The one row.

    Raises:
        WrongResult: other rows than the changed ones were found to be changed.
    """
    say(f"bridge_stages, {rows:,} rows x 12 fields")
    clocks = Clocks()
    for first in range(0, rows, PAGE):
        _page(range(first, min(first + PAGE, rows)), clocks)
    changed = len(range(0, rows, _CHANGED_EVERY))
    if clocks.decisions != Counter(update=changed, unchanged=rows - changed):
        raise WrongResult(
            f"bridge_stages: {changed:,} of {rows:,} rows were changed, found were {dict(clocks.decisions)}"
        )
    return [stages_row(rows, clocks, Origin.here())]


def stages_row(rows: int, clocks: Clocks, origin: Origin) -> Row:
    """Seconds of the stages; whether the target is met is judged from a million rows on."""
    return Row(
        name="bridge_stages",
        n=rows,
        value=round(clocks.stages, 3),
        unit="s",
        target=f"<= {_SECONDS_PER_MILLION} s per million rows",
        met=clocks.stages <= _SECONDS_PER_MILLION * rows / ROWS if rows >= ROWS else None,
        peak_rss_mib=round(peak_mib(os.getpid()), 1),
        note=f"rows; one process, pages of {PAGE:,}, {clocks.cpu:.2f} CPU seconds; "
        f"turning the rows into columns took {clocks.columns:.2f} s more",
        **origin.model_dump(),
    )


def _page(numbers: range, clocks: Clocks) -> None:
    stored = _stored(_passed(from_rows(list(_rows(numbers, changed=False))), pl.DataFrame(schema=STORED)))
    rows = list(_rows(numbers, changed=True))
    began = time.perf_counter()
    table = from_rows(rows)
    between, used = time.perf_counter(), time.process_time()
    outcome = _passed(table, stored)
    clocks.stages += time.perf_counter() - between
    clocks.cpu += time.process_time() - used
    clocks.columns += between - began
    clocks.decisions.update(outcome.decisions.to_list())


def _passed(table: Table, stored: pl.DataFrame) -> Outcome:
    return run_page(table, _ENTITY, _SOURCE, lambda _: stored)


def _stored(outcome: Outcome) -> pl.DataFrame:
    rows = outcome.page.rows
    state = pl.DataFrame([rows.key.alias("key"), rows.data.alias("data"), rows.rowversion.alias("rowversion")])
    return state.with_columns(deleted=pl.lit(value=False), in_batch=pl.lit(value=False))


def _rows(numbers: range, *, changed: bool) -> Iterator[dict[str, object]]:
    for number in numbers:
        change = int(changed and number % _CHANGED_EVERY == 0)
        yield {
            "item_number": f"PART-{number:08d}",
            "site_code": f"SITE-{number % 7}",
            "description": f"Hexagon bolt M{number % 40}, steel, lot {number // 40}",
            "unit": "pcs" if number % 3 else "kg",
            "remark": None if number % 5 else f"see drawing {number}",
            "quantity": number % 5_000 + change,
            "price": Decimal(number % 100_000) / 100,
            "weight": f"{number % 1_000}.{number % 97 + 1:02d}",
            "active": number % 2 == 0,
            "created_on": f"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            "changed_at": f"2025-12-08 {number % 24:02d}:{number % 60:02d}:{number // 60 % 60:02d}",
            "rowversion": str(10_000_000 + number + change * ROWS),
        }
