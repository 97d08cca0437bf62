"""The demo's verdict: which figures it lets through, and how two stocks are compared."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from cli.demo.books import Stock, compare, decode_copy
from cli.demo.figures import DemoFigures, Drift
from cli.demo.scenario import demo_user

NO_DRIFT = {"missing": 0, "extra": 0, "different": 0}
SYNC = {
    "seconds": 1.0, "rate": 100, "state": "completed", "products": 100, "created": 100, "updated": 0,
    "unchanged": 0, "contested": 0, "failed": 0, "stale": 0, "conserved": True, "drift": NO_DRIFT,
}  # fmt: skip
TRAFFIC = {
    "seconds": 5.0, "sold": 20, "edited": 3, "cancelled": 2, "destroyed": 1, "own_edits": 3, "purchases": 2, "syncs": 1,
    "webhooks_sent": 22, "webhooks_received": 20, "webhooks_lost": 2, "faults": 4, "most_uncertain": 9,
    "converged_after": 3.0, "repaired": 4, "unsettled": 0, "drift": NO_DRIFT,
}  # fmt: skip
FIGURES: dict[str, Any] = {
    "products": 100,
    "seed": 1,
    "first_sync": SYNC,
    "changes": {"changed": 5, "gone": 2},
    "second_sync": SYNC | {"created": 0, "updated": 5, "unchanged": 93, "stale": 2},
    "traffic": TRAFFIC,
    "requests": {"windows_over_limit": 0},
}


def stock(*rows: tuple[int, int, int, int]) -> Stock:
    kinds = [("id", "<i8"), ("blueprint_id", "<i8"), ("quantity", "<i4"), ("price_cents", "<i4")]
    return np.array(list(rows), np.dtype(kinds))


def changed(path: str, value: object) -> dict[str, Any]:
    part, _, name = path.partition(".")
    return FIGURES | {part: FIGURES[part] | {name: value}}


def test_good_figures_pass() -> None:
    assert DemoFigures.model_validate(FIGURES).laws_held


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("first_sync.drift", NO_DRIFT | {"different": 1}),
        ("second_sync.drift", NO_DRIFT | {"missing": 1}),
        ("second_sync.conserved", False),
        ("first_sync.state", "completed_with_errors"),
        ("second_sync.updated", 6),
        ("second_sync.stale", 1),
        ("second_sync.created", 1),
        ("traffic.drift", NO_DRIFT | {"extra": 1}),
        ("traffic.unsettled", 1),
        ("requests.windows_over_limit", 1),
    ],
)
def test_one_wrong_figure_fails(path: str, value: object) -> None:
    assert not DemoFigures.model_validate(changed(path, value)).laws_held


def test_stocks_are_compared_by_product_whatever_their_order() -> None:
    theirs = stock((1, 10, 4, 100), (2, 10, 1, 50), (3, 11, 2, 70), (5, 12, 1, 1))
    ours = stock((9, 12, 1, 1), (3, 11, 2, 71), (1, 10, 4, 100), (2, 10, 0, 50))
    assert compare(ours, theirs) == Drift(missing=1, extra=1, different=2)
    assert compare(theirs[::-1], theirs).total == 0


def test_a_binary_copy_is_decoded() -> None:
    rows = [(7, 42, 3, 999), (8, 43, 0, 1)]
    copied = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
    copied += b"".join(struct.pack(">hiqiqiiii", 4, 8, a, 8, b, 4, c, 4, d) for a, b, c, d in rows)
    assert decode_copy(copied + struct.pack(">h", -1)).tolist() == rows


def test_another_stock_is_another_seller() -> None:
    assert len({demo_user(100, 1), demo_user(100, 2), demo_user(200, 1)}) == 3
