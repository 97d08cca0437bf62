"""Pokes go out in the background, one for many movements, and a lost one hurts nobody."""

from __future__ import annotations

import asyncio

from api.store.signalling import StoreSignals
from tests.helpers import eventually


async def test_many_movements_of_a_shop_are_one_poke() -> None:
    poked: list[str] = []

    async def poke(store_id: str) -> None:
        poked.append(store_id)

    async with StoreSignals(poke, pause=0.01).running() as signals:
        for _ in range(50):
            signals.notify("milan-1")
            signals.notify("rome-1")

        def both() -> None:
            assert sorted(poked) == ["milan-1", "rome-1"]

        await eventually(both)
        signals.notify("milan-1")

        def again() -> None:
            assert sorted(poked) == ["milan-1", "milan-1", "rome-1"]

        await eventually(again)


async def test_more_shops_than_go_at_once_all_get_theirs_though_some_are_lost() -> None:
    poked: list[str] = []
    busy, most = [0], [0]

    async def poke(store_id: str) -> None:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        await asyncio.sleep(0)
        busy[0] -= 1
        if store_id.endswith("3"):
            raise RuntimeError("no Temporal")
        if store_id == "shop-7":
            raise KeyError("unforeseen")
        poked.append(store_id)

    shops = [f"shop-{number}" for number in range(40)]
    reached = sorted(shop for shop in shops if not shop.endswith("3") and shop != "shop-7")
    async with StoreSignals(poke, pause=0).running() as signals:
        for shop in shops:
            signals.notify(shop)

        def all_but_the_lost() -> None:
            assert sorted(poked) == reached

        await eventually(all_but_the_lost)
    assert most[0] <= 16
