"""The moving half of the simulated CardTrader: random traffic of its site, webhooks to us, and faults."""

from __future__ import annotations

from typing import Any, Final

import httpx
from pydantic import BaseModel, Field

_AT_ONCE: Final = 8
FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "webhook_duplicate", "probability": 0.15},
    {"kind": "webhook_duplicate", "probability": 0.05, "new_id": True},
    {"kind": "webhook_delay", "probability": 0.15, "seconds": 3},
    {"kind": "webhook_reorder", "probability": 0.15},
    {"kind": "webhook_drop", "probability": 0.1},
    {"kind": "webhook_forge", "probability": 0.02},
    {"kind": "status", "probability": 0.03, "status": 502},
    {"kind": "cloudflare", "probability": 0.01},
    {"kind": "latency", "probability": 0.05, "seconds": 0.5},
    {"kind": "lost_answer", "probability": 0.1},
)


class Moves(BaseModel):
    """What traffic has done, by kind of event; `background` counts what still runs."""

    actions: dict[str, int]
    background: int

    @property
    def sold(self) -> int:
        """Orders, those of CardTrader Zero included."""
        return self.actions.get("sell", 0) + self.actions.get("sell_zero", 0)


class Post(BaseModel):
    """How webhooks fared."""

    queued: int = 0
    dropped: int = 0
    given_up: int = 0
    pending: int = 0

    @property
    def lost(self) -> int:
        """Never sent, or refused until CardTrader gave up."""
        return self.dropped + self.given_up


class _Fault(BaseModel):
    fired: int = Field(ge=0)


class Market:
    """Controls of the one seller's market."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def listen(self, url: str) -> None:
        """Have webhooks sent there."""
        self._http.put("/control/webhook", json={"url": url}).raise_for_status()

    def begin(self, events: int, per_second: float, seed: int) -> None:
        """Let buyers and seller move."""
        wanted = {"events": events, "per_second": per_second, "seed": seed}
        self._http.post("/control/traffic", json=wanted).raise_for_status()

    def moves(self) -> Moves:
        """What was done so far."""
        return Moves.model_validate_json(self._http.get("/control/traffic").raise_for_status().content)

    def post(self) -> Post:
        """How webhooks fared so far."""
        return Post.model_validate_json(self._http.get("/control/webhooks").raise_for_status().content)

    def break_things(self) -> None:
        """Switch the faults on. Several at once deliver, or a refused webhook would hold up all others."""
        self._http.patch("/control/knobs", json={"webhook_concurrency": _AT_ONCE}).raise_for_status()
        for fault in FAULTS:
            self._http.post("/control/faults", json=fault).raise_for_status()

    def mend(self) -> int:
        """Switch the faults off and let go of what they hold back; how often they struck."""
        faults = self._http.get("/control/faults").raise_for_status().json()
        self._http.delete("/control/faults").raise_for_status()
        self._http.post("/control/webhooks/flush").raise_for_status()
        return sum(_Fault.model_validate(fault).fired for fault in faults)
