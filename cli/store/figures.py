"""What the rehearsal measured, and whether the laws held: the last line of `store demo --exit` is this as JSON."""

from __future__ import annotations

from pydantic import BaseModel, Field, computed_field


class StoreFigures(BaseModel):
    """A shop that went on selling while central was killed and revived."""

    updates: int = Field(description="movements asked for at the shop")
    accepted: int
    refused: int = Field(description="there was not enough")
    while_away: int = Field(description="accepted while central was down")
    outages: int = Field(description="how often central was killed")
    elsewhere: int = Field(description="movements made at central by somebody else")
    slowest_ms: float = Field(description="99 of 100 updates were answered within")
    most_waiting: int = Field(description="movements central did not have, at most")
    converged_after: float = Field(description="seconds from the last movement until both were the same")
    pushed: int = Field(description="movements central took")
    conflicts: int = Field(description="movements taken back here, because central had too little")
    lost: int = Field(description="accepted here, and neither taken by central nor taken back")
    doubled: int = Field(description="taken by central more than once")
    out_of_order: int = Field(description="items whose movements central took in another order")
    drift: int = Field(description="items whose quantity differs at the end")

    @computed_field  # type: ignore[prop-decorator]  # mypy does not model decorators above a property
    @property
    def laws_held(self) -> bool:
        """Nothing lost, doubled, out of order or different."""
        return not (self.lost or self.doubled or self.out_of_order or self.drift)
