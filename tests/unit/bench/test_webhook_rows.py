"""Webhooks of the benchmark, and the verdicts over their deliveries."""

from __future__ import annotations

import base64
import hmac
import json

import numpy as np
import pytest

from bench.errors import WrongResult
from bench.phases import PhaseUse
from bench.webhook_load import Delivery, letters
from bench.webhooks import Measured, ack_row, effect_row, require_complete
from domain.cards.orders import OrderLine, judge, read_event
from tests.unit.bench.test_rows import ORIGIN

ORDER = json.dumps({"id": 1, "state": "paid", "order_items": [{"id": 1, "quantity": 3}, {"id": 2}]}).encode()
STOCK = np.array([(7, 70), (8, 80)], dtype=[("id", "i8"), ("blueprint_id", "i8")])


def deliveries(milliseconds: float, count: int = 100, status: int = 200) -> list[Delivery]:
    return [Delivery(milliseconds / 1000, status)] * count


def test_each_letter_is_a_signed_sale_of_one_copy() -> None:
    made = letters(ORDER, STOCK, "secret", 500, 3)
    assert len({letter.body for letter in made}) == 3
    lines = [judge(read_event(letter.body)).lines for letter in made]
    assert {line.product_id for (line,) in lines} == {7, 8}
    ((first,), *_) = lines
    assert first == OrderLine(500, 10 * (first.product_id or 0), first.product_id, 1, sold=True)
    wanted = base64.b64encode(hmac.digest(b"secret", made[0].body, "sha256")).decode()
    assert made[0].signature == wanted


@pytest.mark.parametrize(("ours", "floor", "met"), [(25, 10, True), (26, 10, False), (16, 5, False)])
def test_the_acknowledgement_is_judged_by_itself_and_by_its_floor(ours: float, floor: float, met: bool) -> None:
    row = ack_row(Measured(deliveries(floor), deliveries(ours), []), 60, ORIGIN)
    assert (row.value, row.floor, row.ratio, row.met) == (ours, floor, round(ours / floor, 2), met)


def test_the_note_says_what_each_webhook_cost_and_what_others_took() -> None:
    used = {"api": 2.0, "postgres": 1.0, "valkey": 0.001, "machine busy": 5.0}
    load = PhaseUse(phase="webhooks", seconds=10.0, cpu_seconds=used)
    row = ack_row(Measured(deliveries(1), deliveries(1), [], [load]), 10, ORIGIN)
    assert row.note.endswith("; CPU ms each, webhooks: api 1.00, postgres 0.50, not ours 1.00")


@pytest.mark.parametrize(("seconds", "met"), [(0.3, True), (0.301, False)])
def test_the_effect_is_judged_by_its_slowest_percent(seconds: float, met: bool) -> None:
    assert effect_row(Measured([], [], [0.001] * 10 + [seconds] * 90), 60, ORIGIN).met is met


def test_whatever_was_lost_refused_or_counted_twice_is_named() -> None:
    require_complete(200, deliveries(1), deliveries(1), 200, 200)
    with pytest.raises(WrongResult, match=r"2 were not acknowledged .first: 503.; 199 of 200 were stored; 201 copies"):
        require_complete(200, deliveries(1), deliveries(1, 98) + deliveries(1, 2, 503), 199, 201)
