"""What waits is read seldom, within bounds, and never keeps a page from being made."""

from __future__ import annotations

import asyncio

from api import backlog
from api.backlog import Backlogs, Figure, Source
from observability import Metrics


class Clock:
    """Told what time it is."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def waiting(asked: list[str], depth: float = 3) -> Source:
    async def read() -> list[Figure]:
        asked.append("cards")
        return [Figure("brx_sync_backlog_depth", {"context": "cards", "queue": "changes"}, depth)]

    return read


async def broken() -> list[Figure]:
    raise OSError("10.1.2.3 refused bob")


async def silent() -> list[Figure]:
    await asyncio.Event().wait()
    raise AssertionError


async def page(metrics: Metrics, backlogs: Backlogs) -> list[str]:
    await backlogs.refresh()
    return metrics.render().decode().splitlines()


async def test_however_often_it_is_asked_a_source_is_read_every_ten_seconds() -> None:
    asked: list[str] = []
    metrics, clock = Metrics.create("test"), Clock()
    backlogs = Backlogs(metrics.meter, {"cards": waiting(asked)}, clock)
    await asyncio.gather(*(backlogs.refresh() for _ in range(20)))
    clock.now = backlog.FRESH_SECONDS - 0.1
    assert 'brx_sync_backlog_depth{context="cards",queue="changes"} 3.0' in await page(metrics, backlogs)
    assert asked == ["cards"]
    clock.now = backlog.FRESH_SECONDS
    await backlogs.refresh()
    assert asked == ["cards", "cards"]
    metrics.shutdown()


async def test_a_source_that_fails_or_hangs_is_said_to_and_the_others_are_told() -> None:
    metrics = Metrics.create("test")
    sources = {"cards": waiting([]), "bridge": broken, "temporal": silent}
    lines = await page(metrics, Backlogs(metrics.meter, sources, read_seconds=0.05))
    assert 'brx_sync_backlog_depth{context="cards",queue="changes"} 3.0' in lines
    readable = {line for line in lines if line.startswith("brx_sync_backlog_readable")}
    assert readable == {f'brx_sync_backlog_readable{{source="{name}"}} {int(name == "cards")}.0' for name in sources}
    metrics.shutdown()


async def test_what_is_no_longer_known_is_not_told() -> None:
    metrics, clock = Metrics.create("test"), Clock()
    answers = iter([waiting([]), broken])

    async def once() -> list[Figure]:
        return await next(answers)()

    backlogs = Backlogs(metrics.meter, {"cards": once}, clock)
    assert any("brx_sync_backlog_depth{" in line for line in await page(metrics, backlogs))
    clock.now = 60.0
    assert not any("brx_sync_backlog_depth{" in line for line in await page(metrics, backlogs))
    metrics.shutdown()
