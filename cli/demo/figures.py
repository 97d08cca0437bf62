"""What the demo measured, and whether the laws held: the last line of `demo --exit` is this as JSON."""

from __future__ import annotations

from pydantic import BaseModel, Field, computed_field

from cli.answers import Progress


class Drift(BaseModel):
    """Local stock against the simulator's: products that are missing here, extra here, or differ."""

    missing: int = Field(ge=0)
    extra: int = Field(ge=0)
    different: int = Field(ge=0)

    @computed_field  # type: ignore[prop-decorator]  # mypy does not model decorators above a property
    @property
    def total(self) -> int:
        """0 when both stocks are the same."""
        return self.missing + self.extra + self.different


class SyncFigures(BaseModel):
    """One sync: `seconds` from the request to the last event, `rate` in products per second."""

    seconds: float
    rate: int
    state: str
    products: int
    created: int
    updated: int
    unchanged: int
    contested: int
    failed: int
    stale: int
    conserved: bool = Field(description="law L6: every product ended in one counter")
    drift: Drift

    @classmethod
    def of(cls, final: Progress, seconds: float, drift: Drift) -> SyncFigures:
        """Figures of a finished sync."""
        return cls(
            seconds=round(seconds, 2),
            rate=round(final.processed / seconds),
            state=final.state,
            products=final.total_products,
            conserved=final.is_conserved,
            drift=drift,
            **final.model_dump(include={"created", "updated", "unchanged", "contested", "failed", "stale"}),
        )

    @property
    def is_right(self) -> bool:
        """True when the sync succeeded, kept L6 and left no drift."""
        return self.state == "completed" and self.conserved and self.drift.total == 0


class LimitUse(BaseModel):
    """Requests as the simulator counted them, over every window of `window_seconds`, wherever it begins."""

    requests: int = 0
    limit: int = 0
    window_seconds: float = 0
    max_in_any_window: int = 0
    windows_over_limit: int = 0


class Changes(BaseModel):
    """What was done to the stock behind our back."""

    changed: int
    gone: int


class DemoFigures(BaseModel):
    """Everything the demo shows."""

    products: int
    seed: int
    first_sync: SyncFigures
    changes: Changes
    second_sync: SyncFigures
    requests: LimitUse

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def laws_held(self) -> bool:
        """Drift 0 twice, conservation, exactly the changed rows written, and no window over the limit."""
        second = self.second_sync
        exact = (second.updated, second.stale, second.created) == (self.changes.changed, self.changes.gone, 0)
        return self.first_sync.is_right and second.is_right and exact and self.requests.windows_over_limit == 0
