"""Whole bulk syncs while processes, servers and CardTrader fail at random moments: the laws hold."""

from __future__ import annotations

import pytest

from tests.chaos.play import PRODUCTS, Play
from tests.chaos.report import Report
from tests.chaos.scenarios import scenario
from tests.chaos.site import Site


@pytest.mark.timeout(600)
async def test_laws_hold(site: Site, report: Report, seed: int) -> None:
    story = scenario(seed)
    shop = await site.shop(PRODUCTS, seed)
    violations = ["not played to its end"]
    try:
        violations = await Play(site, shop, report).run(story)
    finally:
        await shop.clear_faults()
        await shop.close()
        report.note(story, violations)
    assert not violations, f"{story}: repeat with `make chaos SEED={seed}`"
