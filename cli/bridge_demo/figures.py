"""What the demo measured, and whether it was exact: the last line of `bridge demo --exit` is this as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, computed_field


class BatchFigures(BaseModel):
    """One batch, as the API tells it: its end and its 17 metrics."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    batch_uid: str
    entity_name: str
    status: str
    error_code: str | None = None
    deletion_refused: str | None = None
    completed_at: datetime | None = None
    rows_fetched: int
    rows_normalized: int
    rows_validated: int
    rows_mapped: int
    rows_identified: int
    rows_inserted: int
    rows_updated: int
    rows_deleted: int
    rows_skipped: int
    rows_pending: int
    rows_failed: int
    pages_fetched: int
    bytes_fetched: int
    retries: int
    duration_ms: int
    rows_per_second: float
    success_rate: float

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.status not in ("pending", "running")

    @property
    def conserved(self) -> bool:
        """Law L6: every row that was fetched is accounted for, once."""
        return self.accounted_for == self.rows_fetched

    @property
    def accounted_for(self) -> int:
        """Rows whose fate is known."""
        return self.rows_inserted + self.rows_updated + self.rows_skipped + self.rows_pending + self.rows_failed


class Moves(BaseModel):
    """What was done to one table, and what of it arrived: rows by name."""

    table: str
    changed: int
    added: int
    removed: int
    arrived: bool = Field(description="exactly these rows were updated, inserted and deleted at the hub, no other")


class BridgeFigures(BaseModel):
    """Everything the demo shows."""

    rows: int = Field(description="of the ERP, all tables")
    seconds_first: float
    seconds_second: float
    first: list[BatchFigures]
    second: list[BatchFigures]
    waited: int = Field(description="children that waited for their parents in the first sync")
    waiting: int = Field(description="children that wait at the end")
    moves: list[Moves]
    differences: int = Field(description="rows that differ between the ERP and the hub, both times")

    @computed_field  # type: ignore[prop-decorator]  # mypy does not model decorators above a property
    @property
    def laws_held(self) -> bool:
        """Every batch completed and conserved its rows, exactly the changes arrived, and both sides are equal."""
        batches = [*self.first, *self.second]
        well = all(batch.status == "completed" and batch.conserved for batch in batches)
        arrived = all(moves.arrived for moves in self.moves)
        return well and arrived and self.waiting == self.differences == 0
