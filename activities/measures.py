"""What activities tell of their work, as counts by kind: no seller, shop, organisation or endpoint becomes a label.

The worker's interceptor measures every activity by what it answered (each context says how, in
`activities/<context>/measures.py`), and makes the measures available inside as `measures()`. An activity that is
repeated is counted again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, get_args

from opentelemetry.metrics import Meter, NoOpMeter
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.cards.drift import Kind
from domain.marketplace.delivery import DELIVERY_STATES
from domain.marketplace.receipts import RECEIPT_STATES

_SYNC_ENDS: Final = ("completed", "completed_with_errors", "failed", "cancelled")
ENDS: Final = {"bulk_sync": _SYNC_ENDS, "bridge_batch": _SYNC_ENDS, "purchase": ("completed", "refused")}
DELIVERIES: Final = (*DELIVERY_STATES, "postponed")
DRIFT_KINDS: Final = get_args(Kind)
_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)


class ActivityMeasures:
    """Instruments of all activities of a process."""

    def __init__(self, meter: Meter) -> None:
        self._items = meter.create_counter(
            "brx_sync_items_processed", description="Rows, events and changes, by what became of them"
        )
        self._operations = meter.create_counter("brx_sync_operations", description="What ended, by how it did")
        self._seconds = meter.create_histogram(
            "brx_sync_operation_duration",
            unit="s",
            description="How long what was done took",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._drift = meter.create_counter(
            "brx_sync_drift_rows", description="Rows that a reconciliation found different from CardTrader"
        )
        self._deliveries = meter.create_counter(
            "brx_sync_callback_deliveries", description="Attempts at call-backs, by what became of them"
        )
        self._imports = meter.create_counter(
            "brx_sync_order_imports", description="Receipts asked for, by what became of them"
        )

        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """What is alerted on is there before the first of it: a rate over a series that is born is no rate."""
        for operation_type, statuses in ENDS.items():
            for status in statuses:
                self._operations.add(0, {"operation_type": operation_type, "status": status})
        for outcome in DELIVERIES:
            self._deliveries.add(0, {"outcome": outcome})
        for outcome in RECEIPT_STATES:
            self._imports.add(0, {"outcome": outcome})
        for kind in DRIFT_KINDS:
            self._drift.add(0, {"kind": kind, "cause": "unknown"})

    def items(self, operation_type: str, **counts: int) -> None:
        """So many rows, events or changes of each action."""
        for action, count in counts.items():
            if count:
                self._items.add(count, {"operation_type": operation_type, "action": action})

    def ended(self, operation_type: str, status: str) -> None:
        """A sync, batch or purchase ended."""
        self._operations.add(1, {"operation_type": operation_type, "status": status})

    def took(self, operation_type: str, seconds: float) -> None:
        """Something was done in so many seconds."""
        self._seconds.record(max(seconds, 0.0), {"operation_type": operation_type})

    def drifted(self, kind: str, cause: str, rows: int) -> None:
        """Rows a reconciliation found different."""
        self._drift.add(rows, {"kind": kind, "cause": cause})

    def delivered(self, outcome: str) -> None:
        """An attempt at a call-back: delivered, waiting, dead, held, or postponed without a try."""
        self._deliveries.add(1, {"outcome": outcome})

    def imported(self, outcome: str) -> None:
        """A receipt was asked for: the state it is in now."""
        self._imports.add(1, {"outcome": outcome})


Telling = Callable[[ActivityMeasures, Any, float], None]
"""What an activity's answer, and the seconds it took, say."""

_UNMEASURED: Final = ActivityMeasures(NoOpMeter("unmeasured"))
_current: Final[ContextVar[ActivityMeasures]] = ContextVar("measures", default=_UNMEASURED)


def measures() -> ActivityMeasures:
    """Those of the activity that runs; outside of a measured worker nobody is told."""
    return _current.get()


class MeasuringInterceptor(Interceptor):
    """Measures every activity of a worker, by the names of `tellings`."""

    def __init__(self, meter: Meter, tellings: Mapping[str, Telling]) -> None:
        self._measures, self._tellings = ActivityMeasures(meter), tellings

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """As the SDK asks for it."""
        return _Measured(next, self._measures, self._tellings)


class _Measured(ActivityInboundInterceptor):
    def __init__(
        self, next: ActivityInboundInterceptor, measures: ActivityMeasures, tellings: Mapping[str, Telling]
    ) -> None:
        super().__init__(next)
        self._measures, self._tellings = measures, tellings

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        token, began = _current.set(self._measures), time.perf_counter()
        try:
            answer = await super().execute_activity(input)
        finally:
            _current.reset(token)
        if telling := self._tellings.get(activity.info().activity_type):
            telling(self._measures, answer, time.perf_counter() - began)
        return answer
