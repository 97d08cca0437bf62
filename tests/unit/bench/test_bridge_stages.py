"""The row of `bridge_stages`: what was changed is found, and small runs judge nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from bench import bridge_stages
from bench.bridge_stages import Clocks, run, stages_row
from bench.errors import WrongResult
from bench.rows import Origin
from domain.pipeline.delta import STORED

ORIGIN = Origin(cores=2, commit="abc", at=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_small_run_finds_its_changes_and_judges_nothing() -> None:
    said: list[str] = []
    [row] = run(350, said.append)
    assert (row.name, row.n, row.met) == ("bridge_stages", 350, None)
    assert row.value > 0
    assert said == ["bridge_stages, 350 rows x 12 fields"]


def test_a_run_that_finds_other_changes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_stages, "_stored", lambda _: pl.DataFrame(schema=STORED))
    with pytest.raises(WrongResult, match="found were"):
        run(100, lambda _: None)


@pytest.mark.parametrize(("seconds", "met"), [(8.0, True), (8.1, False)])
def test_a_million_rows_are_judged(seconds: float, met: bool) -> None:
    assert stages_row(1_000_000, Clocks(stages=seconds), ORIGIN).met is met
    assert stages_row(2_000_000, Clocks(stages=2 * seconds), ORIGIN).met is met
