"""The story: children come before their parents and wait; all arrives; a little changes; exactly that arrives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console

from cli.bridge_demo.contents import compare
from cli.bridge_demo.entities import IN_ORDER, ITEMS, ORDER_LINES, ORDERS, SITES, DemoEntity
from cli.bridge_demo.figures import BatchFigures, BridgeFigures, Moves
from cli.bridge_demo.neighbours import Neighbours
from cli.bridge_demo.syncing import Bridge, eventually
from cli.bridge_demo.tables import metrics_of, table_of

PARENTS_FIRST: Final = (SITES, ITEMS, ORDERS, ORDER_LINES)
_CHANGED_PERCENT: Final = 1


@dataclass
class Scenario:
    """One ERP's demo on a running service. `sizes`: rows by table."""

    bridge: Bridge
    neighbours: Neighbours
    console: Console
    sizes: dict[str, int]
    page_size: int
    _differences: int = field(default=0, init=False)

    def play(self) -> BridgeFigures:
        """Run the story and return its figures.

        Raises:
            CliError: a step was refused.
        """
        for entity in PARENTS_FIRST:
            self.bridge.define(entity)
        rows = sum(self.sizes.values())
        first, seconds_first = self._all(IN_ORDER, f"{rows:,} rows of the ERP, items before their sites")
        waited = sum(batch.rows_pending for batch in first)
        self.console.print(f"{waited:,} children waited for their parents")
        self._settle()
        self._compare()
        self.neighbours.begin_journal()
        touched = {entity.name: self._move(entity) for entity in PARENTS_FIRST}
        second, seconds_second = self._all(PARENTS_FIRST, "Again, after the ERP has changed a little")
        self._settle()
        self._compare()
        for title, batches in (("first", first), ("second", second)):
            self.console.print(f"\n[bold]The 17 metrics of the {title} sync[/bold]", metrics_of(batches), sep="\n")
        return BridgeFigures(
            rows=rows,
            seconds_first=seconds_first,
            seconds_second=seconds_second,
            first=first,
            second=second,
            waited=waited,
            waiting=self.bridge.waiting(),
            moves=[self._arrived(name, *names) for name, names in touched.items()],
            differences=self._differences,
        )

    def _all(self, entities: Sequence[DemoEntity], title: str) -> tuple[list[BatchFigures], float]:
        self.console.print(f"\n[bold]{title}[/bold]")
        began = time.monotonic()
        batches = [self._sync(entity) for entity in entities]
        seconds = round(time.monotonic() - began, 2)
        self.console.print(table_of(batches))
        return batches, seconds

    def _sync(self, entity: DemoEntity) -> BatchFigures:
        with self.console.status(entity.name) as status:
            batch_uid = self.bridge.start(entity, page_size=self.page_size)
            return self.bridge.wait(batch_uid, lambda seen: status.update(f"{entity.name} {seen.rows_fetched:,} rows"))

    def _settle(self) -> None:
        """Until no child waits: those whose parents came are fetched by a batch of their own."""
        with self.console.status("Children whose parents have come"):
            eventually(_when(lambda: self.bridge.waiting() == 0))

    def _move(self, entity: DemoEntity) -> tuple[set[str], set[str], set[str]]:
        """Names of the rows that were changed, added and removed. Only lines are removed: nobody is their child."""
        rows = max(1, self.sizes[entity.name] * _CHANGED_PERCENT // 100)
        changed = set(self.neighbours.move("change", entity.name, rows))
        added = set(self.neighbours.move("add", entity.name, rows, seed=2))
        removed = (
            set(self.neighbours.move("remove", entity.name, rows, seed=3)) if entity is ORDER_LINES else set[str]()
        )
        return changed - added - removed, added - removed, removed - added

    def _arrived(self, table: str, changed: set[str], added: set[str], removed: set[str]) -> Moves:
        journal = self.neighbours.journal(table)
        told = [sorted(journal.updated), sorted(journal.inserted), sorted(journal.deleted)]
        arrived = told == [sorted(changed), sorted(added), sorted(removed)]
        return Moves(table=table, changed=len(changed), added=len(added), removed=len(removed), arrived=arrived)

    def _compare(self) -> None:
        """The two sides, row by row."""
        for entity in PARENTS_FIRST:
            erp, hub = self.neighbours.rows(entity.name), self.neighbours.records(entity.name)
            self._differences += compare(erp, hub, entity).total
        verdict = "equal" if not self._differences else f"[bold red]different in {self._differences} rows[/bold red]"
        self.console.print(f"ERP and hub, compared row by row: {verdict}")


def _when(condition: Callable[[], bool]) -> Callable[[], bool | None]:
    return lambda: condition() or None
