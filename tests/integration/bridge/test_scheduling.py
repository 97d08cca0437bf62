"""Background schedules at a real Temporal server: held, released, begun by hand, made good when a worker starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import time
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.client import Schedule as TemporalSchedule
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from activities.bridge.background import BackgroundNights
from activities.bridge.scheduling import keep_background_schedules
from api.bridge.background_schedules import BackgroundSchedules, NightInProgress
from api.errors import TemporalUnavailable
from db.bridge import background
from db.bridge.background import Schedule
from db.bridge.tables import background_sync_schedule
from db.session import Database
from tests.helpers.nights import Nights, Table
from tests.helpers.waiting import eventually
from workflows.bridge.contracts import NightOpened, NightRef, background_schedule_id, background_sync_id
from workflows.bridge.schedules import BACKGROUND_PREFIX, CHILDREN, STOPPED, bridge_schedules

NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"


@pytest.fixture
async def nights(database_url: str, temporal_client: Client) -> AsyncIterator[Nights]:
    """A schedule with a row; nothing is at Temporal before or after."""
    await forget(temporal_client)
    database = Database.connect(database_url)
    made = Nights(database, Table(10))
    await made.define()
    yield made
    await database.close()
    await forget(temporal_client)


async def forget(client: Client) -> None:
    async for listed in await client.list_schedules():
        if listed.id.startswith(BACKGROUND_PREFIX) or listed.id == CHILDREN:
            try:
                await client.get_schedule_handle(listed.id).delete()
            except RPCError:
                continue


async def at_temporal(client: Client, schedule: Schedule) -> TemporalSchedule:
    return (await client.get_schedule_handle(background_schedule_id(schedule.uid)).describe()).schedule


async def test_a_schedule_is_what_its_row_says(nights: Nights, temporal_client: Client) -> None:
    schedules, row = BackgroundSchedules(temporal_client), await nights.schedule()
    await schedules.put(row)
    assert not (await at_temporal(temporal_client, row)).state.paused
    await schedules.put(replace(row, is_enabled=False))
    off = await at_temporal(temporal_client, row)
    assert (off.state.paused, off.state.note) == (True, "switched off")
    await schedules.put(replace(row, zone="Europe/Rome", sync_window_start=time(20)))
    changed = await at_temporal(temporal_client, row)
    assert (changed.state.paused, changed.spec.time_zone_name) == (False, "Europe/Rome")
    await schedules.remove(row.uid)
    await schedules.remove(row.uid)
    with pytest.raises(RPCError):
        await at_temporal(temporal_client, row)


async def test_stopping_holds_all_and_starting_releases_what_is_due(nights: Nights, temporal_client: Client) -> None:
    schedules, row = BackgroundSchedules(temporal_client), await nights.schedule()
    done = replace(row, uid=uuid4(), state="completed")
    assert await schedules.is_running()
    await schedules.stop_all([row, done])
    assert not await schedules.is_running()
    assert (await at_temporal(temporal_client, row)).state.note == STOPPED
    # Made while all are stopped, it is too.
    new = replace(row, uid=uuid4())
    await schedules.put(new)
    assert (await at_temporal(temporal_client, new)).state.paused
    await schedules.start_all([row, done, new])
    assert await schedules.is_running()
    paused = [(await at_temporal(temporal_client, one)).state.paused for one in (row, done, new)]
    assert paused == [False, True, False]


async def test_one_night_is_begun_by_hand_at_a_time(nights: Nights, temporal_client: Client) -> None:
    schedules, row = BackgroundSchedules(temporal_client), await nights.schedule()
    assert await schedules.begin_night(row, force=True) == background_sync_id(row.uid)
    with pytest.raises(NightInProgress):
        await schedules.begin_night(row, force=False)
    await temporal_client.get_workflow_handle(background_sync_id(row.uid)).terminate()


async def test_without_temporal_it_says_so(nights: Nights) -> None:
    nowhere = await Client.connect("127.0.0.1:1", data_converter=pydantic_data_converter, lazy=True)
    schedules, row = BackgroundSchedules(nowhere), await nights.schedule()
    for call in (schedules.is_running(), schedules.put(row), schedules.remove(row.uid), schedules.start_all([row])):
        with pytest.raises(TemporalUnavailable):
            await call
    with pytest.raises(TemporalUnavailable):
        await schedules.begin_night(row, force=False)


async def test_a_worker_makes_good_what_is_missing_and_leaves_the_young(
    nights: Nights, temporal_client: Client, database_url: str
) -> None:
    await BackgroundSchedules(temporal_client).stop_all([])
    stranger = replace(await nights.schedule(), uid=uuid4())
    await BackgroundSchedules(temporal_client).put(stranger)

    async def listed() -> None:
        known = {listed.id async for listed in await temporal_client.list_schedules()}
        assert background_schedule_id(stranger.uid) in known

    await eventually(listed)
    for _ in range(2):
        await keep_background_schedules(temporal_client, database_url)
    made = await at_temporal(temporal_client, await nights.schedule())
    assert (made.state.paused, made.state.note) == (True, STOPPED)
    # Its row may not be committed yet.
    await at_temporal(temporal_client, stranger)


async def test_a_worker_without_a_database_leaves_the_schedules_alone(temporal_client: Client, nights: Nights) -> None:
    await temporal_client.create_schedule(CHILDREN, bridge_schedules()[CHILDREN])
    await keep_background_schedules(temporal_client, NOWHERE)
    with pytest.raises(RPCError):
        await at_temporal(temporal_client, await nights.schedule())


async def test_a_night_with_nothing_to_do_holds_its_schedule(nights: Nights, temporal_client: Client) -> None:
    row = await nights.schedule()
    await BackgroundSchedules(temporal_client).put(row)
    await nights.change(is_enabled=False)
    night = NightRef(schedule_uid=row.uid, batch_uid=uuid4(), now=row.created_at)
    assert await BackgroundNights(nights.database, temporal_client).open_night(night) == NightOpened()
    assert (await at_temporal(temporal_client, row)).state.note == "switched off"
    async with nights.database.begin() as connection:
        await connection.execute(background_sync_schedule.delete())
        assert await background.every(connection) == []
    await BackgroundSchedules(temporal_client).remove(row.uid)
    assert await BackgroundNights(nights.database, temporal_client).open_night(night) == NightOpened()
