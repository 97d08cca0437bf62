"""The cron expression of an entity, kept at Temporal too."""

from __future__ import annotations

from uuid import UUID

import pytest

from api.errors import TemporalUnavailable
from tests.helpers.api import error_of
from tests.helpers.bridge_api import Bridge, FakeEntitySchedules
from workflows.bridge.schedules import STOPPED


def crons(bridge: Bridge) -> FakeEntitySchedules:
    fakes = bridge.services.entity_schedules
    assert isinstance(fakes, FakeEntitySchedules)
    return fakes


async def test_a_cron_expression_is_kept_at_temporal_too(bridge: Bridge) -> None:
    entity = await bridge.entity(sync_schedule="*/5 * * * *")
    uid, known = UUID(entity["uid"]), crons(bridge).known
    path = f"/entities/{uid}"
    assert known[uid] == ("*/5 * * * *", None)
    await bridge.ok("PUT", path, {"sync_enabled": False})
    assert known[uid] == ("*/5 * * * *", "switched off")
    await bridge.ok("PUT", path, {"sync_enabled": True, "sync_schedule": "0 1 * * *"})
    assert known[uid] == ("0 1 * * *", None)
    await bridge.ok("POST", "/schedules/stop")
    assert known[uid] == ("0 1 * * *", STOPPED)
    await bridge.ok("PUT", path, {"sync_schedule": "0 2 * * *"})
    assert known[uid] == ("0 2 * * *", STOPPED)
    await bridge.ok("POST", "/schedules/start")
    assert known[uid] == ("0 2 * * *", None)
    await bridge.ok("PUT", path, {"sync_schedule": None})
    assert uid not in known
    await bridge.ok("PUT", path, {"sync_schedule": "0 2 * * *"})
    await bridge.ok("DELETE", path)
    assert uid not in known


async def test_what_temporal_does_not_take_is_not_saved(bridge: Bridge) -> None:
    entity = await bridge.entity(sync_schedule="0 1 * * *")
    path = f"/entities/{entity['uid']}"
    crons(bridge).error = TemporalUnavailable()
    try:
        body = {"entity_name": "never", "connector_api_slug": "s", "business_key_fields": ["id"]}
        error_of(await bridge("POST", "/entities", {**body, "sync_schedule": "0 1 * * *"}), 503)
        error_of(await bridge("PUT", path, {"sync_schedule": "0 2 * * *"}), 503)
        error_of(await bridge("DELETE", path), 503)
        assert (await bridge("PUT", path, {"options": {"infer": False}})).status_code == 200
    finally:
        crons(bridge).error = None
    assert (await bridge.ok("GET", path))["sync_schedule"] == "0 1 * * *"
    assert (await bridge("GET", "/entities/never")).status_code == 404


@pytest.mark.parametrize("cron", ["", "* * * *", "@every 5m", "CRON_TZ=UTC * * * * *", "*  * * * *", "* * * * \x00"])
async def test_a_cron_expression_has_five_fields(bridge: Bridge, cron: str) -> None:
    body = {"entity_name": "e", "connector_api_slug": "s", "business_key_fields": ["id"], "sync_schedule": cron}
    assert (await bridge("POST", "/entities", body)).status_code == 422
