"""From the receiver's book and the measured grants to rows and verdicts."""

from __future__ import annotations

import pytest

from bench.bucket import latency_row, load_row
from bench.bucket_load import Sent
from bench.errors import WrongResult
from cli.demo.figures import LimitUse
from tests.unit.bench.test_rows import ORIGIN


def sent(bulk_share: float, rate: float = 19.7, refused: int = 0) -> list[Sent]:
    moments = [number / rate for number in range(1000)]
    cut = round(1000 * bulk_share)
    return [Sent("bulk", moments[:cut], 0), Sent("interactive", moments[cut:], refused)]


def use(over: int = 0, requests: int = 1000) -> LimitUse:
    return LimitUse(requests=requests, limit=200, window_seconds=10, max_in_any_window=199, windows_over_limit=over)


@pytest.mark.parametrize(
    ("parts", "book", "met"),
    [
        (sent(0.25), use(), True),
        (sent(0.25), use(over=1), False),
        (sent(0.25, rate=19.5), use(), False),
        (sent(0.19), use(), False),
        (sent(0.81), use(), False),
        (sent(0.25, refused=1), use(), False),
    ],
    ids=["kept", "window over the limit", "too slow", "bulk starved", "interactive starved", "429"],
)
def test_the_receiver_judges(parts: list[Sent], book: LimitUse, met: bool) -> None:
    assert load_row(parts, book, ORIGIN).met is met


def test_books_that_differ_are_refused() -> None:
    with pytest.raises(WrongResult, match="1000 requests were sent, the receiver saw 999"):
        load_row(sent(0.25), use(requests=999), ORIGIN)


@pytest.mark.parametrize(("ours", "met"), [(100.0, True), (101.0, False)])
def test_a_grant_is_compared_with_the_faster_peer(ours: float, met: bool) -> None:
    row = latency_row({"ours": ours, "limits": 100.0, "throttled-py": 150.0}, ORIGIN)
    assert (row.floor, row.ratio, row.met) == (100.0, ours / 100, met)
