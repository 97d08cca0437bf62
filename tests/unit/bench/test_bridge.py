"""Verdicts of the bridge's benchmarks, what counts as wrong, and the floor's rows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.bridge import require
from bench.bridge_contents import as_told
from bench.bridge_floor import PAGE, pages, parsed
from bench.bridge_rows import Measured, cold_row, delta_row, used
from bench.errors import WrongResult
from bench.peer import LOCK
from bench.phases import PhaseUse, Profile
from bench.rows import Origin
from cli.bridge_demo.contents import canonical, digest, expected
from cli.bridge_demo.entities import ITEMS
from cli.bridge_demo.figures import BatchFigures
from devstack.simulators.apismith.erp import Erp, Sizes
from devstack.simulators.apismith.table import Scn, Table
from tests.unit.cli.test_bridge_demo import FIGURES

ORIGIN = Origin(cores=2, commit="abc", at=datetime(2026, 11, 21, tzinfo=UTC))
WELL = Measured([4.0, 5.0, 6.0], 12.0, 8.0, 1.0, {"dicts": 60.0, "arrow": 11.5}, {"dicts": 70.0, "arrow": 14.0}, 300.0)
MILLION = 1_000_000


def test_a_first_sync_is_judged_by_its_floor_and_its_peer() -> None:
    row = cold_row(MILLION, WELL, "", ORIGIN)
    assert (row.value, row.floor, row.ratio, row.met) == (12.0, 5.0, 2.4, True)
    assert "dlt on dicts 60.00 s, dlt on arrow 11.50 s" in row.note


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({"cold": 15.1}, False),
        ({"dlt_cold": {"dicts": 12.0, "arrow": 12.0}}, False),
        ({"dlt_cold": {"dicts": 60.0, "arrow": 10.0}}, False),
        ({"dlt_cold": {}}, None),
        ({"dlt_cold": {}, "cold": 15.1}, False),
    ],
    ids=["above the floor", "behind dicts", "behind arrow", "no peer", "no peer and above"],
)
def test_what_a_first_sync_misses(changes: dict[str, Any], met: bool | None) -> None:
    assert cold_row(MILLION, replace(WELL, **changes), "not there", ORIGIN).met is met


@pytest.mark.parametrize(
    ("rows", "changes", "met"),
    [
        (MILLION, {}, True),
        (MILLION, {"delta": 10.1}, False),
        (MILLION, {"dlt_delta": {"dicts": 70.0, "arrow": 7.9}}, False),
        (MILLION, {"dlt_delta": {}}, None),
        (MILLION // 2, {}, False),
        (MILLION // 2, {"delta": 4.0}, None),
    ],
    ids=["well", "slow", "behind", "no peer", "slow for its size", "too few to judge"],
)
def test_a_second_sync_is_judged_by_the_promise_and_its_peer(
    rows: int, changes: dict[str, Any], met: bool | None
) -> None:
    assert delta_row(rows, replace(WELL, **changes), "not there", ORIGIN).met is met


def test_what_other_programs_took_is_told() -> None:
    assert used({"workers": 2.0, "bench": 1.0, "machine busy": 10.0, "machine steal": 5.0}).endswith("not ours 7.0")
    assert used({}).endswith("not ours 0.0")


@pytest.mark.parametrize(
    "changes",
    [{"rows_updated": 1}, {"status": "completed_with_errors"}, {"rows_fetched": 4}],
    ids=["another count", "errors", "a row lost"],
)
def test_a_sync_that_did_not_do_its_work_is_worth_nothing(changes: dict[str, Any]) -> None:
    well = FIGURES | {"rows_fetched": 3, "rows_updated": 2, "rows_skipped": 1}
    require("x", BatchFigures(**well), {"updated": 2, "skipped": 1})
    with pytest.raises(WrongResult):
        require("x", BatchFigures(**well | changes), {"updated": 2})


def test_the_floor_copies_the_very_rows() -> None:
    table = Table(Erp(Sizes(4, 30, 0, 0), 1), "items", 30, Scn(0))
    [page] = pages(table.rows)
    records = list(parsed(page))
    assert [(record[0], record[-1]) for record in records] == [
        (json.loads(row)["item_number"], json.loads(row)["rowversion"]) for row in table.rows
    ]
    assert {len(record) for record in records} == {12}
    assert len(pages(table.rows * (PAGE // 30 + 1))) == 2


def test_a_profile_tells_who_used_what_beside_whom(tmp_path: Path) -> None:
    dlt = PhaseUse(phase="dlt on dicts", seconds=60.0, cpu_seconds={"postgres": 9.0, "machine busy": 80.0})
    measured = replace(WELL, cpu={"bridge_cold": {"workers": 7.0}}, peers={"bridge_cold": [dlt]})
    measured.profile("bridge_cold", MILLION, 12.0, ORIGIN).save(tmp_path)
    told = Profile.model_validate_json((tmp_path / f"profile-bridge_cold-{MILLION}.json").read_bytes())
    assert (told.seconds, told.floor_seconds) == (12.0, WELL.floor)
    assert [(use.phase, use.seconds) for use in told.phases] == [("batch", 12.0), ("dlt on dicts", 60.0)]
    assert told.phases[0].cpu_seconds == {"workers": 7.0}
    assert [use.phase for use in measured.profile("bridge_delta", MILLION, 8.0, ORIGIN).phases] == ["batch"]


def test_dlts_rows_are_read_as_the_hubs() -> None:
    table = Table(Erp(Sizes(4, 30, 0, 0), 1), "items", 30, Scn(0))
    theirs = [as_told(json.loads(row)) for row in table.rows]
    assert digest(canonical(ITEMS.expect(row)) for row in theirs) == digest(expected(table.rows, ITEMS))


def test_the_peers_lock_is_pinned_hashed_and_free_of_addresses() -> None:
    text = LOCK.read_text()
    entries = re.split(r"\n(?=[\w.-]+==)", text)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert re.search(r"^dlt==1\.31\.", text, re.MULTILINE)
    assert re.findall(r"\S*://\S*|^--(?:index|extra-index|find-links)\S*", text, re.MULTILINE) == []


def test_nothing_but_its_own_program_imports_the_peer() -> None:
    root = Path(__file__).resolve().parents[3]
    importers = [path.name for path in root.glob("bench/*.py") if re.search(r"^import dlt", path.read_text(), re.M)]
    assert importers == ["dlt_load.py"]
