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


class TrafficFigures(BaseModel):
    """Everybody moves at once: buyers and the seller on CardTrader, the seller and buyers here, and syncs.

    `converged_after` counts seconds from the last move until nothing was open, reconciliation included.
    """

    seconds: float
    sold: int = Field(description="orders made on CardTrader")
    edited: int = Field(description="listings edited there, which no webhook tells")
    cancelled: int
    destroyed: int = Field(description="listings removed there, which no webhook tells")
    own_edits: int = Field(description="edits accepted here")
    purchases: int = Field(description="copies bought here")
    syncs: int = Field(description="syncs that ran meanwhile")
    webhooks_sent: int
    webhooks_received: int
    webhooks_lost: int
    faults: int = Field(description="faults that struck")
    most_uncertain: int = Field(description="rows that waited to be read again, at most")
    converged_after: float
    repaired: int = Field(description="rows the reconciliation at the end had to correct")
    unsettled: int = Field(description="rows, events, changes and purchases still open at the end")
    drift: Drift

    @property
    def is_right(self) -> bool:
        """True when everything was settled and left no drift."""
        return self.unsettled == 0 and self.drift.total == 0


class DemoFigures(BaseModel):
    """Everything the demo shows."""

    products: int
    seed: int
    first_sync: SyncFigures
    changes: Changes
    second_sync: SyncFigures
    traffic: TrafficFigures
    requests: LimitUse

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def laws_held(self) -> bool:
        """Drift 0 three times, conservation, exactly the changed rows written, and no window over the limit."""
        second, kept = self.second_sync, self.requests.windows_over_limit == 0
        exact = (second.updated, second.stale, second.created) == (self.changes.changed, self.changes.gone, 0)
        return self.first_sync.is_right and second.is_right and exact and self.traffic.is_right and kept
