"""What activities tell: by their answers, and inside an activity by the measures of its worker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.measures import ActivityMeasures, MeasuringInterceptor, measures
from observability import Metrics
from worker import TELLINGS
from workflows.bridge.contracts import Ended, PageCounts
from workflows.cards.contracts import Counters, PurchaseOutcome, SyncResult
from workflows.store.contracts import PushReport

ROOT = Path(__file__).resolve().parents[3]


def told(metrics: Metrics) -> set[str]:
    lines = metrics.render().decode().splitlines()
    return {line for line in lines if not line.startswith("#") and not line.endswith(" 0.0")}


def test_every_telling_is_of_an_activity_there_is() -> None:
    defined = re.compile(r"@activity\.defn\n    async def (\w+)\(")
    names = {name for path in ROOT.glob("activities/**/*.py") for name in defined.findall(path.read_text())}
    assert set(TELLINGS) <= names


def test_rows_are_counted_by_what_became_of_them() -> None:
    metrics = Metrics.create("test")
    measured = ActivityMeasures(metrics.meter)
    TELLINGS["apply_chunk"](measured, Counters(rows=5, created=3, failed=2), 0.2)
    TELLINGS["process_page"](measured, PageCounts(rows=4, pending=4), 0.2)
    TELLINGS["push_changes"](measured, PushReport(store_id="s", pushed=6), 0.2)
    TELLINGS["finish_sync"](measured, SyncResult(status="completed_with_errors", removed=1), 9)
    TELLINGS["finish_batch"](measured, Ended(deleted=2), 9)
    TELLINGS["take_copies"](measured, PurchaseOutcome(purchased=False, reason="sold_out"), 0.1)
    lines = told(metrics)
    metrics.shutdown()
    for labels, count in (
        ('action="created",operation_type="bulk_sync"', 3),
        ('action="failed",operation_type="bulk_sync"', 2),
        ('action="removed",operation_type="bulk_sync"', 1),
        ('action="pending",operation_type="bridge_batch"', 4),
        ('action="deleted",operation_type="bridge_batch"', 2),
        ('action="pushed",operation_type="store_push"', 6),
    ):
        assert f"brx_sync_items_processed_total{{{labels}}} {count}.0" in lines
    assert not {line for line in lines if 'action="rows"' in line}
    for labels in (
        'operation_type="bulk_sync",status="completed_with_errors"',
        'operation_type="bridge_batch",status="completed"',
        'operation_type="purchase",status="refused"',
    ):
        assert f"brx_sync_operations_total{{{labels}}} 1.0" in lines
    assert 'brx_sync_operation_duration_seconds_count{operation_type="chunk"} 1.0' in lines


class _Run(ActivityInboundInterceptor):
    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        measures().delivered("dead")
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def test_the_measures_of_an_activity_are_its_workers_and_failures_tell_nothing() -> None:
    metrics = Metrics.create("test")
    counted = MeasuringInterceptor(metrics.meter, {"unknown": lambda told, answer, _: told.items("x", seen=answer)})

    async def run(answer: object) -> object:
        given = ExecuteActivityInput(fn=run, args=[], executor=None, headers={})
        environment = ActivityEnvironment()
        inbound = counted.intercept_activity(_Run(answer))
        return await environment.run(inbound.execute_activity, given)

    assert await run(7) == 7
    with pytest.raises(ValueError, match="no"):
        await run(ValueError("no"))
    measures().delivered("dead")
    lines = told(metrics)
    metrics.shutdown()
    assert 'brx_sync_callback_deliveries_total{outcome="dead"} 2.0' in lines
    assert 'brx_sync_items_processed_total{action="seen",operation_type="x"} 7.0' in lines
