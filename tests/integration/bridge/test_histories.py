"""Whatever happens to the ERP between syncs, of whatever kind: after a full sync the hub holds what the ERP does."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.helpers.bridge_runs import BridgeRuns

KINDS = ("full", "incremental", "full", "incremental", "incremental", "full")


def changed(rows: list[dict[str, Any]], chance: random.Random, version: int) -> list[dict[str, Any]]:
    """Rows come, go, change, change back, are spoilt and mended; some changes leave no new rowversion."""
    kept = [row for row in rows if chance.random() > 0.1]
    for row in kept:
        if chance.random() < 0.3:
            row.update(price=chance.choice(["1", "2", "none"]), rowversion=str(version))
        if chance.random() < 0.1:
            row.update(price=chance.choice(["3", "4"]))
    there = {(row["site"], row["number"]) for row in rows}
    new = {(chance.choice("ABC"), chance.randrange(40)) for _ in range(6)} - there
    added = [{"site": site, "number": number, "price": "1", "rowversion": str(version)} for site, number in sorted(new)]
    chance.shuffle(both := [*kept, *added])
    return both


@pytest.mark.parametrize("seed", range(2))
async def test_the_hub_follows_the_erp(bridge: BridgeRuns, seed: int) -> None:
    chance = random.Random(seed)
    price = {"name": "price", "type": "NUMBER"}
    await bridge.define("stock", ["site", "number"], fields=[price], options={"rowversion": {"kind": "integer"}})
    for version, kind in enumerate(KINDS, 1):
        bridge.erp.tables["stock"] = changed(bridge.erp.tables["stock"], chance, version)
        bridge.hub.lose_after = {len(bridge.hub.calls) + chance.randrange(3)}
        batch = await bridge.sync("stock", kind, page_size=chance.randrange(3, 12), force=True)
        assert batch.metrics.conserved
        if kind == "full":
            await assert_all_is_well(bridge)


async def assert_all_is_well(bridge: BridgeRuns) -> None:
    """Usable rows are at the hub as they are; every other row has its one open letter, and no other row has any."""
    rows = bridge.erp.tables["stock"]
    usable = {key(row): int(row["price"]) for row in rows if row["price"] != "none"}
    spoilt = {key(row) for row in rows if row["price"] == "none"}
    held = {key(row): row["price"] for row in bridge.at_the_hub("stock")}
    assert {name: price for name, price in held.items() if name in usable} == usable
    assert set(held) - set(usable) <= spoilt
    open_letters = [letter for letter in await bridge.letters() if letter["resolved_at"] is None]
    assert sorted(key(letter["normalized"]) for letter in open_letters) == sorted(spoilt)
    assert await bridge.live_rows("stock") == len(held)


def key(row: dict[str, Any]) -> tuple[str, int]:
    """Who it is."""
    return row["site"], row["number"]
