"""What sellers cost: measured CPU times of one act each, times assumed habits. Pure but for reading recorded profiles.

A unit cost is CPU milliseconds per act and process, from `bench/results/profile-*.json`: measured where simulator,
servers and workers share two cores. What is assumed stands in `Habits`, and nowhere else.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

DAY: Final = 86_400
HOUR: Final = 3_600
PROCESSES: Final = ("api", "workers", "postgres", "temporal", "valkey")
# Act: its profile, its phase (all when empty), how many acts the phase holds.
_PROFILES: Final = {
    "webhook": ("webhook_ack-60", "webhooks", 12_000),
    "change": ("edits-10000", "changes", 10_000),
    "purchase": ("purchase-250", "purchases", 250),
    "product compared": ("bulk_delta-1000000", "", 1_000_000),
}


class Frozen(BaseModel):
    """A value."""

    model_config = ConfigDict(frozen=True)


class Habits(Frozen):
    """Assumed of an average seller. Stocks are log-normal: many small, few large."""

    median_products: int = 1_000
    spread: float = 1.5
    webhooks_per_day: float = 6
    changes_per_day: float = 20
    purchases_per_day: float = 0.5
    syncs_per_day: float = 4
    peak_hour_share: float = 0.1
    sync_seconds: float = 2.0
    requests_per_sync: float = 2
    requests_per_webhook: float = 1
    requests_per_change: float = 2
    requests_per_purchase: float = 3

    @property
    def mean_products(self) -> float:
        """Of a log-normal stock."""
        return self.median_products * math.exp(self.spread**2 / 2)

    @property
    def requests_per_day(self) -> float:
        """To CardTrader, with one seller's token."""
        return (
            self.syncs_per_day * self.requests_per_sync
            + self.webhooks_per_day * self.requests_per_webhook
            + self.changes_per_day * self.requests_per_change
            + self.purchases_per_day * self.requests_per_purchase
        )

    @property
    def peak_requests_per_second(self) -> float:
        """In the busiest hour; syncs are spread over the day."""
        swept = self.syncs_per_day * self.requests_per_sync
        return (self.requests_per_day - swept) * self.peak_hour_share / HOUR + swept / DAY

    def stock(self, rng: random.Random) -> int:
        """Products of one seller."""
        return round(rng.lognormvariate(math.log(self.median_products), self.spread))


UnitCosts = Mapping[str, Mapping[str, float]]
"""CPU milliseconds by act and process."""


class Load(Frozen):
    """What so many sellers need: cores in the peak hour by process, acts per second, rows."""

    sellers: int
    webhooks_per_second: float
    syncs_per_second: float
    history_events_per_second: float
    cores: dict[str, float]
    stock_rows: float
    stock_gib: float


def unit_costs(results: Path) -> UnitCosts:
    """Read from the recorded profiles."""
    return {act: _unit_cost(results, *source) for act, source in _PROFILES.items()}


def _unit_cost(results: Path, profile: str, phase: str, acts: int) -> dict[str, float]:
    phases = json.loads((results / f"profile-{profile}.json").read_text())["phases"]
    used = [each["cpu_seconds"] for each in phases if phase in ("", each["phase"])]
    return {name: round(sum(cpu[name] for cpu in used) * 1000 / acts, 6) for name in PROCESSES}


def load(
    sellers: int, habits: Habits, costs: UnitCosts, *, sync_events: int, event_ms: float, row_bytes: float
) -> Load:
    """The busiest hour: acts of people at their peak, syncs as they are spread over the day.

    `sync_events` is of one unchanged sync, `event_ms` Temporal's CPU time for one event of a history.
    """
    peak = sellers * habits.peak_hour_share / HOUR
    syncs = sellers * habits.syncs_per_day / DAY
    rates = {
        "webhook": peak * habits.webhooks_per_day,
        "change": peak * habits.changes_per_day,
        "purchase": peak * habits.purchases_per_day,
        "product compared": syncs * habits.mean_products,
    }
    cores = {name: sum(rate * costs[act][name] for act, rate in rates.items()) / 1000 for name in PROCESSES}
    cores["temporal"] += syncs * sync_events * event_ms / 1000
    rows = sellers * habits.mean_products
    return Load(
        sellers=sellers,
        webhooks_per_second=rates["webhook"],
        syncs_per_second=syncs,
        history_events_per_second=syncs * sync_events,
        cores={name: round(cores[name], 3) for name in PROCESSES},
        stock_rows=rows,
        stock_gib=rows * row_bytes / 2**30,
    )
