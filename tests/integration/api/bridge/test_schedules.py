"""The eleven routes of background schedules over a real database; what Temporal is told is remembered by a fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from api.bridge.background_schedules import NightInProgress
from api.bridge.services import BridgeServices
from api.errors import TemporalUnavailable
from db.bridge import background
from db.bridge.tables import background_sync_schedule, sync_batches
from tests.helpers.api import error_of
from tests.helpers.bridge_api import Bridge, FakeSchedules, serving_bridge
from workflows.bridge.contracts import background_schedule_id, background_sync_id

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.fixture
def schedules() -> FakeSchedules:
    """What Temporal knows."""
    return FakeSchedules(None)


@pytest.fixture
async def bridge(services: BridgeServices, schedules: FakeSchedules) -> AsyncIterator[Bridge]:
    """An operator at noon, a time that a test may change."""
    ours = replace(services, schedules=schedules, clock=lambda: NOON)
    async with serving_bridge(ours) as http:
        yield Bridge(http, ours)


def at(bridge: Bridge, hour: int) -> None:
    """It is another hour."""
    object.__setattr__(bridge.services, "clock", lambda: NOON.replace(hour=hour))


async def made(bridge: Bridge, **body: Any) -> dict[str, Any]:
    entity = await bridge.entity()
    shown: dict[str, Any] = await bridge.ok("POST", "/schedules", {"entity_name": entity["entity_name"], **body})
    return shown


async def progress(bridge: Bridge, uid: str, **values: Any) -> None:
    async with bridge.services.transaction() as connection:
        await background.change(connection, UUID(uid), values)


async def test_a_schedule_is_made_with_the_seeds_defaults_and_put_to_temporal(
    bridge: Bridge, schedules: FakeSchedules
) -> None:
    shown = await made(bridge, total_rows_estimate=7_000_003, source_system="erp")
    expected = {
        "source_system": "erp",
        "is_enabled": True,
        "state": "waiting",
        "sync_window_start": "19:00:00",
        "sync_window_end": "07:00:00",
        "zone": "UTC",
        "days_to_complete": 7,
        "rows_per_day": 1_000_001,
        "total_rows_estimate": 7_000_003,
        "page_size": 10_000,
        "current_offset": 0,
        "progress_percent": 0.0,
        "last_run_at": None,
        "next_run_at": "2026-03-05T19:00:00Z",
        "last_error": None,
    }
    assert {name: shown[name] for name in expected} == expected
    assert schedules.known[UUID(shown["uid"])].entity_name == shown["entity_name"]
    assert await bridge.reader().ok("GET", f"/schedules/{shown['uid']}") == shown


async def test_the_clock_is_read_to_the_minute(bridge: Bridge) -> None:
    shown = await made(bridge, sync_window_start="22:30", sync_window_end="01:15:59", zone="Europe/Rome")
    assert (shown["sync_window_start"], shown["sync_window_end"]) == ("22:30:00", "01:15:00")
    assert shown["next_run_at"] == "2026-03-05T21:30:00Z"


@pytest.mark.parametrize(
    "body",
    [
        {"sync_window_start": "24:00"},
        {"sync_window_end": "7 pm"},
        {"days_to_complete": 0},
        {"days_to_complete": 31},
        {"rows_per_day": 999},
        {"total_rows_estimate": -1},
        {"zone": "Europe/Atlantis"},
        {"zone": "../UTC"},
        {"page_size": 99},
        {"unknown": 1},
    ],
    ids=lambda body: "-".join(body),
)
async def test_what_cannot_be_a_schedule_is_refused(bridge: Bridge, body: dict[str, Any]) -> None:
    entity = await bridge.entity()
    assert (await bridge("POST", "/schedules", {"entity_name": entity["entity_name"], **body})).status_code == 422


async def test_one_schedule_of_an_entity_that_there_is(bridge: Bridge) -> None:
    shown = await made(bridge)
    again = await bridge("POST", "/schedules", {"entity_name": shown["entity_name"]})
    assert error_of(again, 409)["code"] == "SCHEDULE_EXISTS"
    unknown = await bridge("POST", "/schedules", {"entity_name": "nothing"})
    assert error_of(unknown, 404)["code"] == "ENTITY_NOT_FOUND"
    entity = await bridge.entity()
    elsewhere = await bridge("POST", "/schedules", {"entity_name": entity["entity_name"], "source_system": "another"})
    assert elsewhere.status_code == 400
    assert (await bridge.ok("POST", "/schedules", {"entity_name": entity["uid"]}))["state"] == "waiting"


async def test_a_schedule_that_temporal_does_not_take_is_not_made(bridge: Bridge, schedules: FakeSchedules) -> None:
    entity = await bridge.entity()
    schedules.error = TemporalUnavailable()
    assert (await bridge("POST", "/schedules", {"entity_name": entity["entity_name"]})).status_code == 503
    schedules.error = None
    await bridge.ok("POST", "/schedules", {"entity_name": entity["entity_name"]})


async def test_a_change_changes_what_it_names(bridge: Bridge, schedules: FakeSchedules) -> None:
    uid = (await made(bridge, rows_per_day=2_000, total_rows_estimate=70_000))["uid"]
    changed = await bridge.ok("PATCH", f"/schedules/{uid}", {"sync_window_start": "20:00", "zone": "Europe/Rome"})
    assert (changed["sync_window_start"], changed["sync_window_end"]) == ("20:00:00", "07:00:00")
    assert (changed["rows_per_day"], changed["next_run_at"]) == (2_000, "2026-03-05T19:00:00Z")
    assert schedules.known[UUID(uid)].zone == "Europe/Rome"
    cleared = await bridge.ok("PATCH", f"/schedules/{uid}", {"rows_per_day": None})
    assert cleared["rows_per_day"] == 10_000
    off = await bridge.ok("PATCH", f"/schedules/{uid}", {"is_enabled": False})
    assert (off["is_enabled"], off["next_run_at"]) == (False, None)
    assert schedules.known[UUID(uid)].held == "switched off"
    nothing = await bridge("PATCH", f"/schedules/{uid}", {})
    assert error_of(nothing, 400)["message"] == "No fields to update"
    assert (await bridge("PATCH", f"/schedules/{uid}", {"zone": None})).status_code == 422


async def test_a_deleted_schedule_is_gone_here_and_there(bridge: Bridge, schedules: FakeSchedules) -> None:
    uid = (await made(bridge))["uid"]
    schedules.error = TemporalUnavailable()
    assert (await bridge("DELETE", f"/schedules/{uid}")).status_code == 503
    schedules.error = None
    assert (await bridge("DELETE", f"/schedules/{uid}")).status_code == 204
    assert UUID(uid) not in schedules.known
    for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/reset"), ("POST", "/trigger")]:
        answer = await bridge(method, f"/schedules/{uid}{path}")
        assert error_of(answer, 404)["message"] == "Schedule not found"
    assert (await bridge("PATCH", f"/schedules/{uid}", {"zone": "UTC"})).status_code == 404


async def test_a_reset_begins_at_the_first_row_and_releases_what_was_completed(
    bridge: Bridge, schedules: FakeSchedules
) -> None:
    uid = (await made(bridge, total_rows_estimate=300))["uid"]
    await progress(
        bridge, uid, state="completed", current_offset=300, cursor=[300], completed_at=NOON, night=NOON.date()
    )
    done = await bridge.ok("GET", f"/schedules/{uid}")
    assert (done["progress_percent"], done["next_run_at"]) == (100.0, None)
    reset = await bridge.ok("POST", f"/schedules/{uid}/reset")
    assert (reset["state"], reset["current_offset"], reset["completed_at"]) == ("waiting", 0, None)
    assert reset["next_run_at"] == "2026-03-05T19:00:00Z"
    assert schedules.known[UUID(uid)].held is None


async def test_a_night_is_begun_by_hand_inside_its_window_or_by_force(bridge: Bridge, schedules: FakeSchedules) -> None:
    uid = (await made(bridge))["uid"]
    outside = await bridge("POST", f"/schedules/{uid}/trigger")
    assert error_of(outside, 400)["code"] == "SCHEDULE_RESTS"
    assert "Outside sync window" in error_of(outside, 400)["message"]
    forced = await bridge.ok("POST", f"/schedules/{uid}/trigger", {"force": True})
    assert (forced["success"], forced["job_id"]) == (True, background_sync_id(UUID(uid)))
    at(bridge, 20)
    await bridge.ok("POST", f"/schedules/{uid}/trigger")
    assert schedules.begun == [(UUID(uid), True), (UUID(uid), False)]


async def test_a_night_that_would_do_nothing_is_not_begun(bridge: Bridge, schedules: FakeSchedules) -> None:
    shown = await made(bridge, rows_per_day=1_000)
    at(bridge, 20)
    path = f"/schedules/{shown['uid']}/trigger"
    await progress(bridge, shown["uid"], night=NOON.date(), rows_tonight=1_000)
    spent = await bridge("POST", path, {"force": True})
    assert error_of(spent, 400)["message"] == "The rows of this night are done"
    await progress(bridge, shown["uid"], rows_tonight=0, is_enabled=False)
    assert error_of(await bridge("POST", path), 400)["message"] == "Schedule is disabled"
    await progress(bridge, shown["uid"], is_enabled=True, state="completed")
    assert "Reset it" in error_of(await bridge("POST", path), 400)["message"]
    assert schedules.begun == []


async def test_a_night_is_not_begun_beside_another_batch_of_the_entity(
    bridge: Bridge, schedules: FakeSchedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = await made(bridge)
    running = {"entity_name": shown["entity_name"], "source_system": "erp", "status": "running"}
    uid = uuid4()
    row = {"uid": uid, "sync_type": "full", "connector_api_slug": "slug", "page_size": 100, **running}
    await bridge.write(sync_batches, row)
    beside = await bridge("POST", f"/schedules/{shown['uid']}/trigger", {"force": True})
    assert error_of(beside, 409)["context"]["batch_uid"] == str(uid)
    async with bridge.services.transaction() as connection:
        await connection.execute(sync_batches.delete())

    async def busy(*_: Any, **__: Any) -> str:
        raise NightInProgress

    monkeypatch.setattr(schedules, "begin_night", busy)
    ending = await bridge("POST", f"/schedules/{shown['uid']}/trigger", {"force": True})
    assert error_of(ending, 409)["code"] == "BATCH_IN_PROGRESS"


async def test_the_scheduler_as_a_whole(bridge: Bridge, schedules: FakeSchedules) -> None:
    async with bridge.services.transaction() as connection:
        await connection.execute(background_sync_schedule.delete())
    empty = await bridge.ok("GET", "/schedules/stats")
    assert (empty["total_schedules"], empty["average_progress_percent"]) == (0, 0.0)
    assert (await bridge.ok("GET", "/schedules"))["pages"] == 1
    one = await made(bridge, total_rows_estimate=1_000)
    await progress(bridge, one["uid"], current_offset=333, state="running")
    two = await made(bridge, total_rows_estimate=1_000, is_enabled=False)
    status = await bridge.reader().ok("GET", "/schedules/status")
    assert status == {
        "is_running": True,
        "enabled_schedules": 1,
        "active_jobs": 1,
        "jobs": [
            {
                "job_id": background_schedule_id(UUID(one["uid"])),
                "name": f"Background sync of {one['entity_name']}",
                "next_run": one["next_run_at"],
                "pending": False,
                "entity_name": one["entity_name"],
            }
        ],
    }
    stats = await bridge.reader().ok("GET", "/schedules/stats")
    assert stats == {
        "total_schedules": 2,
        "enabled_schedules": 1,
        "disabled_schedules": 1,
        "completed_schedules": 0,
        "average_progress_percent": 16.65,
    }
    enabled = await bridge.ok("GET", "/schedules", is_enabled=True)
    assert [item["uid"] for item in enabled["items"]] == [one["uid"]]
    both = await bridge.ok("GET", "/schedules", page_size=1, page=2)
    assert (both["total"], both["pages"], both["page"], both["page_size"]) == (2, 2, 2, 1)
    assert {item["uid"] for item in both["items"]} < {one["uid"], two["uid"]}
    messages = [(await bridge.ok("POST", f"/schedules/{what}"))["message"] for what in ("stop", "stop")]
    assert messages == ["Scheduler stopped successfully", "Scheduler not running"]
    stopped = await bridge.ok("GET", "/schedules/status")
    assert (stopped["is_running"], stopped["active_jobs"], stopped["jobs"]) == (False, 0, [])
    messages = [(await bridge.ok("POST", f"/schedules/{what}"))["message"] for what in ("start", "start")]
    assert messages == ["Scheduler started successfully", "Scheduler already running"]


async def test_readers_look_and_do_not_touch(bridge: Bridge, http: httpx.AsyncClient) -> None:
    uid = (await made(bridge))["uid"]
    reader = bridge.reader()
    for method, path in [
        ("POST", ""),
        ("PATCH", f"/{uid}"),
        ("DELETE", f"/{uid}"),
        ("POST", f"/{uid}/reset"),
        ("POST", f"/{uid}/trigger"),
        ("POST", "/start"),
        ("POST", "/stop"),
    ]:
        assert (await reader(method, f"/schedules{path}", {"zone": "UTC"})).status_code == 403
