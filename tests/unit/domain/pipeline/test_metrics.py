"""The 17 metrics: law L6, rates that do not round failures away, sums."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.pipeline.metrics import Metrics, total

PAGE = Metrics(
    rows_fetched=10,
    rows_normalized=9,
    rows_validated=9,
    rows_mapped=9,
    rows_identified=8,
    rows_inserted=3,
    rows_updated=2,
    rows_deleted=7,
    rows_skipped=2,
    rows_pending=1,
    rows_failed=2,
    pages_fetched=1,
    bytes_fetched=512,
    retries=1,
    duration_ms=400,
)


def test_there_are_seventeen() -> None:
    assert list(PAGE.as_dict()) == [
        "rows_fetched",
        "rows_normalized",
        "rows_validated",
        "rows_mapped",
        "rows_identified",
        "rows_inserted",
        "rows_updated",
        "rows_deleted",
        "rows_skipped",
        "rows_pending",
        "rows_failed",
        "pages_fetched",
        "bytes_fetched",
        "retries",
        "duration_ms",
        "rows_per_second",
        "success_rate",
    ]
    assert PAGE.as_dict()["rows_per_second"] == 25.0
    assert PAGE.as_dict()["success_rate"] == 80.0


def test_law_l6() -> None:
    assert PAGE.conserved
    assert Metrics().conserved
    assert total([PAGE, PAGE, Metrics()]).conserved


@pytest.mark.parametrize(
    "metrics",
    [
        replace(PAGE, rows_inserted=4),
        replace(PAGE, rows_failed=1),
        replace(PAGE, rows_normalized=8),
        replace(PAGE, rows_identified=7),
    ],
)
def test_a_row_too_many_or_too_few_breaks_it(metrics: Metrics) -> None:
    assert not metrics.conserved


def test_a_row_that_failed_is_never_rounded_away() -> None:
    assert Metrics(rows_fetched=1_000_000, rows_failed=1).success_rate == 99.99
    assert Metrics(rows_fetched=1_000_000).success_rate == 100.0


def test_nothing_fetched() -> None:
    assert (Metrics().success_rate, Metrics().rows_per_second) == (100.0, 0.0)


def test_sums() -> None:
    twice = total([PAGE, PAGE])
    assert twice.rows_fetched == 20
    assert twice.rows_per_second == PAGE.rows_per_second
    assert total([]) == Metrics()
