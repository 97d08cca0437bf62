"""Fifty buyers with thinking time, as a schedule drawn from a seed; and what became of each of their purchases."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

BUYERS: Final = 50
ITEMS: Final = 10
COPIES: Final = 20
_EACH: Final = 5
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """One copy of the item of that number, `at` seconds after the start."""

    at: float
    item: int


@dataclass(frozen=True, slots=True)
class Deal:
    """How long a buyer waited, and the status of the answer."""

    seconds: float
    status: int


Buy = Callable[[int], Awaitable[int]]
"""Buys a copy of the item of that number; the status of the answer."""


def wishes(per_second: float, *, each: int = _EACH) -> list[Wish]:
    """The wishes of all buyers by time: every buyer thinks between two wishes, and all items are liked equally."""
    draw = random.Random(_SEED)
    count = BUYERS * each
    items = [number % ITEMS for number in range(count)]
    draw.shuffle(items)
    moments = sorted(draw.uniform(0, count / per_second) for _ in range(count))
    return [Wish(at, item) for at, item in zip(moments, items, strict=True)]


async def come_true(schedule: Sequence[Wish], buy: Buy) -> list[Deal]:
    """Every wish at its time, however long the others take."""
    began = time.perf_counter()
    return list(await asyncio.gather(*(_one(wish, began, buy) for wish in schedule)))


async def _one(wish: Wish, began: float, buy: Buy) -> Deal:
    await asyncio.sleep(max(began + wish.at - time.perf_counter(), 0))
    called = time.perf_counter()
    status = await buy(wish.item)
    return Deal(time.perf_counter() - called, status)
