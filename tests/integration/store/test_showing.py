"""What people and Prometheus are shown of the store."""

from __future__ import annotations

import re

from api.probes import PingProbe
from api.store.errors import CentralUnavailable
from api.store.services import central_probe
from tests.helpers.store_api import fake_store, serving_store
from tests.helpers.store_floor import Floor

NAMES = {
    "store_sync_attempts_total", "store_sync_success_total", "store_sync_conflicts_total", "store_sync_failures_total",
    "store_local_updates_total", "store_inventory_count", "store_pending_changes", "store_sync_duration_seconds_count",
    "store_push_response_seconds_count",
}  # fmt: skip


async def measured(floor: Floor) -> dict[str, float]:
    text = (await floor.http.get("/store/metrics")).text
    return {name: float(value) for name, value in re.findall(r"^(store_\w+) ([0-9.e+-]+)$", text, re.MULTILINE)}


async def test_the_nine_metrics_count_each_thing_once(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    before = await measured(floor)
    assert set(before) >= NAMES
    for delta in (-1, -9, 3):
        await floor.update("A-1", delta)
    assert (await measured(floor))["store_pending_changes"] == before["store_pending_changes"] + 3
    floor.central.books.move("A-1", -2)
    await floor.push()
    after = await measured(floor)
    grown = {name: after[name] - before[name] for name in NAMES}
    assert grown == {
        # -1 on another version and again; -9 is more than there is; 3.
        "store_sync_attempts_total": 4,
        "store_sync_success_total": 2,
        "store_sync_conflicts_total": 1,
        "store_sync_failures_total": 0,
        "store_local_updates_total": 3,
        "store_inventory_count": 0,
        "store_pending_changes": 0,
        "store_sync_duration_seconds_count": 1,
        "store_push_response_seconds_count": 4,
    }
    assert 0 < after["store_push_response_seconds_sum"] - before["store_push_response_seconds_sum"] < 5


async def test_health_tells_the_depth_of_the_queue_and_who_is_missing(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    await floor.update("A-1", -1)
    answer = await floor.http.get("/store/health")
    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (200, "healthy")
    assert set(shown["components"]) == {"postgresql", "temporal", "worker", "central"}
    assert shown["queue"]["waiting"] >= 1
    assert shown["queue"]["oldest_seconds"] >= 0


async def test_without_central_the_shop_is_degraded_and_without_its_database_nothing_is_sold(floor: Floor) -> None:
    floor.wire.is_cut = True
    for probe, code in (
        (central_probe(floor.client), "CENTRAL_UNAVAILABLE"),
        (central_probe(None), "CENTRAL_NOT_CONFIGURED"),
    ):
        async with serving_store(fake_store(floor.database, central=probe)) as http:
            answer = await http.get("/store/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert answer.json()["components"]["central"]["code"] == code

    async def nothing() -> None:
        raise OSError

    away = PingProbe("PostgreSQL", CentralUnavailable, nothing)
    services = fake_store()
    async with serving_store(fake_store(probes={**services.probes, "postgresql": away})) as http:
        answer = await http.get("/store/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert answer.json()["queue"] == {"waiting": None, "for_people": None, "oldest_seconds": None}
