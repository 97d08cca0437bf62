"""The nine metrics of the first store service.

What passes came to is kept in the database, so that it outlives processes and any of them can tell it.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from db.store.reports import Depth, Totals

CONTENT_TYPE = CONTENT_TYPE_LATEST


class StoreMeasures:
    """Counts what this process does, and renders it beside what the database knows."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._updates = Counter("store_local_updates", "Movements accepted by this process", registry=self._registry)

    def count_update(self) -> None:
        """A movement was accepted."""
        self._updates.inc()

    def render(self, totals: Totals, depth: Depth) -> bytes:
        """The exposition text."""
        known = CollectorRegistry()
        known.register(_Known(totals, depth))
        return generate_latest(self._registry) + generate_latest(known)


class _Known(Collector):
    def __init__(self, totals: Totals, depth: Depth) -> None:
        self._totals, self._depth = totals, depth

    def collect(self) -> Iterator[Metric]:
        """All of them; no label, so that no shop is named."""
        totals = self._totals
        for name, text, value in (
            ("attempts", "Requests to central that were to move stock", totals.attempts),
            ("success", "Movements central took", totals.pushed),
            ("conflicts", "Movements resolved by rule, or left to a person", totals.conflicts),
            ("failures", "Pushes that came to nothing, most of them for a while", totals.failures),
        ):
            yield CounterMetricFamily(f"store_sync_{name}", text, value=value)
        yield GaugeMetricFamily("store_inventory_count", "Items of all shops", value=totals.items)
        waiting = self._depth.waiting + self._depth.for_people
        yield GaugeMetricFamily("store_pending_changes", "Movements central does not have yet", value=waiting)
        for name, text, count, seconds in (
            ("store_sync_duration_seconds", "Passes over a shop's queue", totals.passes, totals.pass_seconds),
            ("store_push_response_seconds", "Answers of central", totals.responses, totals.response_seconds),
        ):
            yield SummaryMetricFamily(name, text, count_value=count, sum_value=seconds)
