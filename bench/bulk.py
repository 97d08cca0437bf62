"""`bulk_cold`, `bulk_same`, `bulk_delta`, `bulk_memory`, `bulk_scale`: a seller's whole stock.

Sizes are N/10 and N, with `--full` 5 N too (about 6 GB of disk and some minutes). Each size has servers and
workers of its own, started for it, so that a peak of memory belongs to one size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.campaign import Campaign, Cold, Say, site
from bench.floor import middle
from bench.phases import Profile, summary
from bench.rows import Origin, Row
from bench.syncing import MeasuredSync

PRODUCTS: Final = 1_000_000
_MOST_RATIO: Final = {"bulk_cold": 1.3, "bulk_same": 0.5, "bulk_delta": 0.6}
_STEADY: Final = 1.25
_MOST_MIB: Final = 256.0
_MOST_GROWTH: Final = 1.10
_MOST_SPREAD: Final = 1.15
_MOST_EVENTS: Final = 1500
_MILLION: Final = 1_000_000


def run(directory: Path, profiles: Path, products: int, say: Say, *, full: bool) -> list[Row]:
    """All rows of the group; writes the profiles of the measured syncs into a folder.

    Raises:
        WrongResult: a sync did not do its work.
    """
    smaller = {products // 10: _cold(directory, products // 10, say)}
    with site(directory, products, say) as at:
        campaign = at.campaign()
    larger = {5 * products: _cold(directory, 5 * products, say)} if full else {}
    origin = Origin.here()
    colds = {**smaller, products: campaign.cold, **larger}
    for profile in _profiles(campaign, origin):
        profile.save(profiles)
    return [*_sync_rows(campaign, origin), *memory_rows(colds, products, origin), scale_row(colds, origin)]


def _cold(directory: Path, products: int, say: Say) -> Cold:
    with site(directory, products, say) as at:
        return at.cold(with_floor=False)


def _profiles(campaign: Campaign, origin: Origin) -> Iterator[Profile]:
    for name, (sync, _) in campaign.measured.items():
        floor = campaign.cold.floor if name == "bulk_cold" else []
        yield Profile(
            name=name, n=campaign.products, origin=origin, seconds=sync.seconds, phases=sync.phases, floor_seconds=floor
        )


def _sync_rows(campaign: Campaign, origin: Origin) -> Iterator[Row]:
    for name, (sync, peak) in campaign.measured.items():
        yield sync_row(name, campaign.products, sync, peak, campaign.cold.floor, origin)


def sync_row(
    name: str, products: int, sync: MeasuredSync, peak: float, repetitions: list[float], origin: Origin
) -> Row:
    """Seconds of a sync against the median repetition of the floor."""
    floor = middle(repetitions)
    listed = ", ".join(f"{seconds:.2f}" for seconds in repetitions)
    return Row(
        name=name,
        n=products,
        value=round(sync.seconds, 3),
        unit="s",
        floor=floor,
        ratio=round(sync.seconds / floor, 3),
        target=f"<= {_MOST_RATIO[name]:g} x",
        met=verdict(sync.seconds, repetitions, _MOST_RATIO[name]),
        peak_rss_mib=peak,
        note=f"{summary(sync.phases)}; {sync.events} events; drift 0; floor {listed} s",
        **origin.model_dump(),
    )


def verdict(seconds: float, repetitions: list[float], most: float) -> bool | None:
    """Whether the ratio to the median holds; None where the machine was too noisy for the floor to say."""
    is_steady = max(repetitions) <= _STEADY * min(repetitions)
    each = {seconds / floor <= most for floor in repetitions}
    return seconds / middle(repetitions) <= most if is_steady or len(each) == 1 else None


def memory_rows(colds: dict[int, Cold], products: int, origin: Origin) -> list[Row]:
    """Peak memory at N and, where measured, 5 N, whose floor is the peak at N."""
    base = colds[products].peak_rss_mib
    sizes, rows = sorted(size for size in colds if size >= products), []
    for size in sizes:
        peak = colds[size].peak_rss_mib
        ratio = round(peak / base, 3) if size > products else None
        rows.append(
            Row(
                name="bulk_memory",
                n=size,
                value=peak,
                unit="MiB",
                floor=base if ratio else None,
                ratio=ratio,
                target="<= 256 MiB" if ratio is None else "<= 256 MiB, <= 1.1 x",
                met=peak <= _MOST_MIB and (ratio is None or ratio <= _MOST_GROWTH),
                peak_rss_mib=peak,
                note="VmHWM of the busiest worker process during bulk_cold"
                + ("; 5 N only with --full" if len(sizes) == 1 else ""),
                **origin.model_dump(),
            )
        )
    return rows


def scale_row(colds: dict[int, Cold], origin: Origin) -> Row:
    """Seconds per million of every size; the ratio is the slowest size to the fastest."""
    sizes = sorted(colds)
    per_million = {size: colds[size].sync.seconds * _MILLION / size for size in sizes}
    events = {size: round(colds[size].sync.events * _MILLION / size) for size in sizes}
    spread = round(max(per_million.values()) / min(per_million.values()), 3)
    return Row(
        name="bulk_scale",
        n=sizes[-1],
        value=round(per_million[sizes[-1]], 3),
        unit="s per million",
        floor=round(min(per_million.values()), 3),
        ratio=spread,
        target="<= 1.15 x, <= 1,500 events per million",
        met=spread <= _MOST_SPREAD and max(events.values()) <= _MOST_EVENTS,
        peak_rss_mib=max(cold.peak_rss_mib for cold in colds.values()),
        note="; ".join(_scale_note(sizes, per_million, events)),
        **origin.model_dump(),
    )


def _scale_note(sizes: Sequence[int], seconds: dict[int, float], events: dict[int, int]) -> list[str]:
    return [f"n {size:,}: {seconds[size]:.2f} s and {events[size]:,} events per million" for size in sizes]
