"""From measured syncs to rows and verdicts."""

from __future__ import annotations

import msgspec
import pytest

from bench import checks
from bench.bulk import memory_rows, scale_row, sync_row, verdict
from bench.campaign import Cold
from bench.errors import WrongResult
from bench.floor import middle
from bench.phases import PhaseUse, summary
from bench.syncing import MeasuredSync
from bench.usage import difference, parse_peak_mib
from cli.demo.figures import Changes, Drift
from domain.cards.progress import Projection
from tests.unit.bench.test_rows import ORIGIN

PHASE = PhaseUse(phase="staging", seconds=2.0, cpu_seconds={"workers": 1.5, "bench": 0.1, "machine busy": 3.0})
SAME = Drift(missing=0, extra=0, different=0)


def sync(seconds: float, events: int = 100, **story: int) -> MeasuredSync:
    return MeasuredSync(seconds, [PHASE], "completed", "active", msgspec.convert(story, Projection), events)


def cold(seconds: float, mib: float, events: int = 100) -> Cold:
    return Cold(sync(seconds, events), mib, [1.0])


@pytest.mark.parametrize(("seconds", "met"), [(13.0, True), (13.1, False)])
def test_a_sync_is_judged_by_its_ratio_to_the_floor(seconds: float, met: bool) -> None:
    row = sync_row("bulk_cold", 1000, sync(seconds), 100.0, [10.0, 9.9, 10.1], ORIGIN)
    assert (row.value, row.floor, row.ratio, row.met) == (seconds, 10.0, seconds / 10, met)


@pytest.mark.parametrize(
    ("floor", "met"), [([4.7, 6.8, 1.8], None), ([9.0, 20.0, 5.0], True), ([1.0, 3.0, 2.0], False)]
)
def test_an_unsteady_floor_decides_only_what_all_its_repetitions_say(floor: list[float], met: bool | None) -> None:
    assert verdict(5.2, floor, 1.3) is met


def test_memory_is_judged_by_size_and_by_growth() -> None:
    small, large = memory_rows({100: cold(1, 50), 1000: cold(1, 200), 5000: cold(1, 221)}, 1000, ORIGIN)
    assert (small.n, small.met, small.ratio) == (1000, True, None)
    assert (large.n, large.met, large.ratio) == (5000, False, 1.105)


def test_too_much_memory_is_no() -> None:
    [row] = memory_rows({1000: cold(1, 256.1)}, 1000, ORIGIN)
    assert not row.met


@pytest.mark.parametrize(
    ("small_seconds", "events", "ratio", "met"),
    [(1.0, 1_500, 1.0, True), (1.15, 100, 1.15, True), (1.16, 100, 1.16, False), (1.0, 1_501, 1.0, False)],
)
def test_scale_is_judged_by_spread_and_by_events(small_seconds: float, events: int, ratio: float, met: bool) -> None:
    row = scale_row({100_000: cold(small_seconds, 1), 1_000_000: cold(10.0, 1, events)}, ORIGIN)
    assert (row.n, row.value, row.ratio, row.met) == (1_000_000, 10.0, ratio, met)


def test_what_a_first_sync_must_do() -> None:
    checks.require("cold", sync(1, processed=10, created=10), checks.first_sync(10), SAME)


@pytest.mark.parametrize(
    ("story", "drift", "says"),
    [
        ({"processed": 10, "created": 9, "failed": 1}, SAME, "created 9, not 10; failed 1, not 0"),
        ({"processed": 10, "created": 10}, Drift(missing=1, extra=0, different=0), "drift"),
    ],
)
def test_a_wrong_result_is_refused(story: dict[str, int], drift: Drift, says: str) -> None:
    with pytest.raises(WrongResult, match=says):
        checks.require("cold", sync(1, **story), checks.first_sync(10), drift)


def test_an_account_that_is_not_active_is_refused() -> None:
    wrong = MeasuredSync(1, [], "failed", "error", Projection(processed=10, unchanged=10), 1)
    with pytest.raises(WrongResult, match=r"operation failed.*account error"):
        checks.require("same", wrong, checks.same_again(10), SAME)


def test_what_a_sync_after_changes_must_do() -> None:
    expected = checks.after(1000, Changes(changed=10, gone=1))
    assert expected == {"processed": 999, "updated": 10, "unchanged": 989, "stale": 1}


def test_peak_memory_is_read_in_mib() -> None:
    assert parse_peak_mib("VmPeak:\t 9 kB\nVmHWM:\t  262144 kB\nVmRSS:\t 1 kB\n") == 256.0
    assert parse_peak_mib("State:\tZ (zombie)\n") == 0.0


def test_cpu_seconds_are_differences() -> None:
    assert difference({"a": 3.0, "b": 1.0}, {"a": 1.0}) == {"a": 2.0, "b": 1.0}


def test_the_summary_tells_our_time_from_that_of_other_programs() -> None:
    assert summary([PHASE]) == (
        "staging 2.0 s; CPU s: workers 1.5, postgres 0.0, temporal 0.0, simulator 0.0, not ours 1.4"
    )


def test_the_middle_of_the_repetitions_counts() -> None:
    assert middle([9.0, 1.0, 2.0]) == 2.0
