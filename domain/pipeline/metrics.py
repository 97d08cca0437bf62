"""The 17 metrics of a batch, and law L6 over them: every row that was fetched is accounted for, once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

_PRECISION = 2


@dataclass(frozen=True, slots=True)
class Metrics:
    """Of a page or of a batch: rows by stage and by fate, and what it took.

    rows_skipped: unchanged, outdated or superseded by another row of the batch. rows_pending: children that wait.
    rows_deleted were not fetched and stand outside the law.
    """

    rows_fetched: int = 0
    rows_normalized: int = 0
    rows_validated: int = 0
    rows_mapped: int = 0
    rows_identified: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0
    rows_skipped: int = 0
    rows_pending: int = 0
    rows_failed: int = 0
    pages_fetched: int = 0
    bytes_fetched: int = 0
    retries: int = 0
    duration_ms: int = 0

    @property
    def rows_per_second(self) -> float:
        """0 where no time was measured."""
        return round(self.rows_fetched * 1000 / self.duration_ms, _PRECISION) if self.duration_ms else 0.0

    @property
    def success_rate(self) -> float:
        """Percent of the fetched rows that did not fail, rounded down: 100 means all. Nothing fetched is 100."""
        well = self.rows_fetched - self.rows_failed
        return well * 10**4 // self.rows_fetched / 100 if self.rows_fetched else 100.0

    @property
    def accounted_for(self) -> int:
        """Rows whose fate is known."""
        return self.rows_inserted + self.rows_updated + self.rows_skipped + self.rows_pending + self.rows_failed

    @property
    def conserved(self) -> bool:
        """Law L6, and that no stage passed more rows than the one before."""
        passed = (
            self.rows_fetched,
            self.rows_normalized,
            self.rows_validated,
            self.rows_mapped,
            self.rows_identified,
            self.accounted_for - self.rows_failed,
        )
        return self.accounted_for == self.rows_fetched and list(passed) == sorted(passed, reverse=True)

    def as_dict(self) -> dict[str, int | float]:
        """All 17 by name, in the order of the documents."""
        return {**asdict(self), "rows_per_second": self.rows_per_second, "success_rate": self.success_rate}


def total(metrics: Iterable[Metrics]) -> Metrics:
    """The sum; durations add up too, so give a batch its own."""
    every = tuple(metrics)
    return Metrics(**{field.name: sum(getattr(one, field.name) for one in every) for field in fields(Metrics)})
