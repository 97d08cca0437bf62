"""Three sizes of the service, from measured unit costs and simulated clocks: `make bench ONLY=scale`, a minute.

Writes `bench/results/scale.json` and the tables of docs/scale.md between their markers. Only the bytes of a row are
measured here; unit costs are those of the recorded profiles, and the rest is computed or simulated.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from bench.campaign import Say
from bench.errors import BenchError
from bench.rows import LATEST, Origin, Row, load
from bench.scale_limiter import Waits, simulate
from bench.scale_model import Frozen, Habits, Load, UnitCosts, unit_costs
from bench.scale_model import load as load_of
from bench.scale_storage import bytes_per_row
from bench.scale_sweep import Swept, sweep

PAGE: Final = Path(__file__).parent.parent / "docs" / "scale.md"
SIZES: Final = (1_000, 100_000, 1_000_000)
SWEEPS: Final = ((1_000, 20), (100_000, 20), (100_000, 100), (500_000, 100), (1_000_000, 20), (1_000_000, 1_000))
# Sellers behind one limit, if CardTrader should count by address and not by token.
SHARED: Final = (1, 1_000, 5_000, 10_000, 12_000)
SEED: Final = 1
_HALF_HOUR: Final = 1_800
_FLOOD: Final = 8


class Scale(Frozen):
    """All figures; `sync_events` and `event_ms` are of one unchanged sync and of one event of a history."""

    origin: Origin
    habits: Habits
    unit_costs: UnitCosts
    row_bytes: float
    sync_events: int
    event_ms: float
    product_seconds: float
    flood: Waits
    shared: dict[int, Waits]
    sweeps: list[Swept]
    loads: list[Load]


def run(directory: Path, results: Path, say: Say) -> list[Row]:
    """Compute, write, and answer no row: none of this was measured end to end."""
    scale = computed(results, bytes_per_row(directory))
    (results / "scale.json").write_text(scale.model_dump_json(indent=2) + "\n")
    if results == LATEST.parent:
        PAGE.write_text(written(PAGE.read_text(), scale))
    for swept in scale.sweeps:
        say(f"scale: {swept.accounts:,} accounts, {swept.most_running} at once: swept in {swept.minutes:,.0f} min")
    return []


def computed(results: Path, row_bytes: float) -> Scale:
    """Everything, from recorded results and a seed."""
    habits, costs = Habits(), unit_costs(results)
    rows = {(row.name, row.n): row for row in load(results / "latest.json")}
    cold, delta = rows["bulk_cold", 1_000_000], rows["bulk_delta", 1_000_000]
    event_ms = _temporal_seconds(cold) * 1000 / _events(cold)
    events = _events(rows["bulk_same", 1_000_000])
    product_seconds = delta.value / delta.n
    return Scale(
        origin=Origin.here(),
        habits=habits,
        unit_costs=costs,
        row_bytes=row_bytes,
        sync_events=events,
        event_ms=round(event_ms, 3),
        product_seconds=product_seconds,
        flood=simulate(_HALF_HOUR, 0, 0, seed=SEED, callers=_FLOOD),
        shared={sellers: shared_limit(sellers, habits) for sellers in SHARED},
        sweeps=[sweep(n, habits, product_seconds, most_running=most, seed=SEED) for n, most in SWEEPS],
        loads=[load_of(n, habits, costs, sync_events=events, event_ms=event_ms, row_bytes=row_bytes) for n in SIZES],
    )


def shared_limit(sellers: int, habits: Habits) -> Waits:
    """The busiest hour's calls of so many sellers, half of them somebody waits for, through one bucket."""
    rate = sellers * habits.peak_requests_per_second
    return simulate(_HALF_HOUR, rate / 2, rate / 2, seed=SEED)


def _events(row: Row) -> int:
    return int(_found(r"(\d+) events", row))


def _temporal_seconds(row: Row) -> float:
    return float(_found(r"temporal ([\d.]+)", row))


def _found(pattern: str, row: Row) -> str:
    found = re.search(pattern, row.note)
    if found is None:
        raise BenchError(f"the note of {row.name} tells no {pattern!r}; run its benchmark again")
    return found[1]


def written(page: str, scale: Scale) -> str:
    """The page with its tables made from these figures.

    Raises:
        BenchError: a marker is missing.
    """
    for name, table in tables(scale).items():
        begin, end = f"<!-- scale-{name}:begin -->", f"<!-- scale-{name}:end -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise BenchError(f"docs/scale.md has no markers for {name}")
        head, _, rest = page.partition(begin)
        page = f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return page


def tables(scale: Scale) -> dict[str, str]:
    """Markdown by the name of its markers."""
    return {"costs": _costs(scale), "loads": _loads(scale), "sweeps": _sweeps(scale), "limiter": _limiter(scale)}


def _table(header: str, rows: list[str]) -> str:
    return "\n".join([header, "|---|" + "---:|" * (header.count("|") - 2), *rows])


def _costs(scale: Scale) -> str:
    names = list(scale.unit_costs["webhook"])
    lines = [
        f"| {act} | " + " | ".join(f"{cost[name]:.5f}".rstrip("0").rstrip(".") for name in names) + " |"
        for act, cost in scale.unit_costs.items()
    ]
    return _table(f"| CPU ms of one | {' | '.join(names)} |", lines) + f"\n\n{_per_core(scale.unit_costs)}"


def _per_core(costs: UnitCosts) -> str:
    def most(act: str, process: str) -> str:
        """Two digits are as many as a noisy machine deserves."""
        return f"{float(f'{1000 / costs[act][process]:.1e}'):,.0f}"

    received, kept = most("webhook", "api"), most("webhook", "postgres")
    bought, compared = most("purchase", "workers"), most("product compared", "workers")
    return (
        f"A second of one core is {received} webhooks of an API, {bought} purchases or {compared} compared products\n"
        f"of a worker; {kept} webhooks of PostgreSQL. None of these is a promise for full cores: queues grow before."
    )


def _loads(scale: Scale) -> str:
    lines = [
        f"| {one.sellers:,} | {one.webhooks_per_second:,.1f} | {one.syncs_per_second:,.2f}"
        f" | {one.history_events_per_second:,.0f} | "
        + " | ".join(f"{one.cores[name]:.2f}" for name in ("api", "workers", "postgres", "temporal"))
        + f" | {one.stock_rows / 1e6:,.0f} M | {one.stock_gib:,.0f} GiB |"
        for one in scale.loads
    ]
    return _table(
        "| sellers | webhooks/s | syncs/s | history events/s | api cores | worker cores | postgres cores"
        " | temporal cores | stock rows | stock on disk |",
        lines,
    )


def _sweeps(scale: Scale) -> str:
    lines = [
        f"| {one.accounts:,} | {one.most_running:,} | {one.page} every {one.pause_seconds} s | {one.minutes:,.0f} min"
        f" | {one.at_once} | {one.held:,} of {one.pages:,} | {'yes' if one.is_in_time else '**no**'} |"
        for one in scale.sweeps
    ]
    return _table("| accounts | RECONCILE_MOST_RUNNING | page | sweep took | at once | pages held | in time |", lines)


def _limiter(scale: Scale) -> str:
    shown = {f"{sellers:,}": waits for sellers, waits in scale.shared.items()} | {"flooded": scale.flood}
    lines = [
        f"| {name} | {one.requests_per_second:,.3f} | {one.utilisation:.1%} | {one.p50_seconds:.2f} s"
        f" | {one.p99_seconds:.2f} s | {one.most_in_window} | {one.bulk_share:.0%} |"
        for name, one in shown.items()
    ]
    return _table(
        "| sellers behind one limit | requests/s | of the limit | median wait | p99 | most in 10 s | bulk's share |",
        lines,
    )
