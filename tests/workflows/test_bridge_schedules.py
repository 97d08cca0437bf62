"""The bridge's Temporal Schedules: when, by the server's own word, they fire, and what a start of a worker keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleOverlapPolicy
from temporalio.service import RPCError

from domain.pipeline.windows import Window, opening
from tests.helpers.waiting import eventually
from workflows.bridge.contracts import NightRun, background_schedule_id
from workflows.bridge.schedules import (
    BACKGROUND_PREFIX,
    CHILDREN,
    background_schedule,
    bridge_schedules,
)
from workflows.schedules import reconcile_schedules


@pytest.fixture
async def uid(temporal_client: Client) -> AsyncIterator[UUID]:
    """A schedule's, which is gone afterwards."""
    uid = uuid4()
    yield uid
    await removed(temporal_client, background_schedule_id(uid), CHILDREN)


async def removed(client: Client, *schedule_ids: str) -> None:
    for schedule_id in schedule_ids:
        try:
            await client.get_schedule_handle(schedule_id).delete()
        except RPCError:
            continue


async def fires(client: Client, uid: UUID, window: Window, since: datetime) -> list[datetime]:
    """The next ten times after `since`, by the server's word."""
    wanted = background_schedule(uid, "items", window, held="a test")
    wanted = replace(wanted, spec=replace(wanted.spec, start_at=since))
    handle = await client.create_schedule(background_schedule_id(uid), wanted)
    return list((await handle.describe()).info.next_action_times)


@pytest.mark.parametrize(
    ("window", "day"),
    [
        (Window(), date(2099, 3, 5)),
        (Window(time(19, 30), time(7), "America/New_York"), date(2099, 3, 5)),
        (Window(time(22), time(1), "Europe/Rome"), date(2027, 3, 27)),
        (Window(time(22), time(1), "Europe/Rome"), date(2027, 10, 30)),
        (Window(time(2, 30), time(3, 15), "Europe/Rome"), date(2027, 3, 27)),
        (Window(time(9, 15), time(9, 15), "Asia/Kathmandu"), date(2099, 3, 5)),
    ],
    ids=["utc", "half past", "before summer", "before winter", "a short one", "always"],
)
async def test_the_first_look_of_a_night_is_its_opening(
    temporal_client: Client, uid: UUID, window: Window, day: date
) -> None:
    night = opening(window, day)
    times = await fires(temporal_client, uid, window, night.opens - timedelta(minutes=1))
    assert times[0] == night.opens
    looks = [at for at in times if at < night.closes]
    assert all(after - before <= timedelta(hours=1) for before, after in pairwise(looks))
    assert night.closes - looks[-1] <= timedelta(hours=1) or len(looks) == len(times)


async def test_of_a_start_that_comes_twice_the_server_takes_the_later(temporal_client: Client, uid: UUID) -> None:
    window = Window(time(2, 15), time(7), "Europe/Rome")
    night = opening(window, date(2027, 10, 31))
    times = await fires(temporal_client, uid, window, night.opens - timedelta(minutes=1))
    assert times[0] == night.opens + timedelta(hours=1)


async def test_where_the_clocks_skip_the_start_the_moment_of_the_change_is_looked_at(
    temporal_client: Client, uid: UUID
) -> None:
    window = Window(time(2, 30), time(6), "Europe/Rome")
    skipped = opening(window, date(2027, 3, 28))
    assert skipped.opens == datetime(2027, 3, 28, 1, tzinfo=UTC)
    times = await fires(temporal_client, uid, window, skipped.opens - timedelta(hours=1))
    assert times[0] == skipped.opens


async def test_a_night_is_started_for_its_schedule_and_not_twice(temporal_client: Client, uid: UUID) -> None:
    made = background_schedule(uid, "items", Window(zone="Europe/Rome"), held=None)
    await temporal_client.create_schedule(background_schedule_id(uid), made)
    schedule = (await temporal_client.get_schedule_handle(background_schedule_id(uid)).describe()).schedule
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    assert (schedule.action.workflow, schedule.action.id) == ("BackgroundSyncWorkflow", f"bridge-background:{uid}")
    assert await temporal_client.data_converter.decode(schedule.action.args, [NightRun]) == [NightRun(schedule_uid=uid)]
    assert schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert schedule.policy.catchup_window == timedelta(hours=1)
    assert (schedule.spec.time_zone_name, schedule.state.paused) == ("Europe/Rome", False)


async def test_children_are_looked_after_every_five_minutes(temporal_client: Client, uid: UUID) -> None:
    await reconcile_schedules(temporal_client, bridge_schedules(), prefix=CHILDREN)
    description = await temporal_client.get_schedule_handle(CHILDREN).describe()
    first, second, *_ = description.info.next_action_times
    assert second - first == timedelta(minutes=5)
    assert description.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP


async def present(client: Client) -> set[str]:
    return {listed.id async for listed in await client.list_schedules()}


async def test_nights_are_another_calls_matter_and_young_ones_stay(temporal_client: Client, uid: UUID) -> None:
    schedule_id = background_schedule_id(uid)
    wanted: dict[str, Schedule] = {schedule_id: background_schedule(uid, "items", Window(), held="a test")}
    await reconcile_schedules(temporal_client, wanted, prefix=BACKGROUND_PREFIX)

    async def listed() -> None:
        assert schedule_id in await present(temporal_client)

    async def gone() -> None:
        assert schedule_id not in await present(temporal_client)

    await eventually(listed)
    await reconcile_schedules(temporal_client, bridge_schedules(), spared=BACKGROUND_PREFIX)
    await reconcile_schedules(temporal_client, {}, prefix=BACKGROUND_PREFIX, grace=timedelta(minutes=1))
    await temporal_client.get_schedule_handle(schedule_id).describe()
    await reconcile_schedules(temporal_client, {}, prefix=BACKGROUND_PREFIX)
    await eventually(gone)


async def test_an_operators_hold_is_kept_at_the_next_start(temporal_client: Client, uid: UUID) -> None:
    schedule_id = background_schedule_id(uid)
    for window in (Window(), Window(zone="Europe/Rome")):
        await reconcile_schedules(
            temporal_client, {schedule_id: background_schedule(uid, "items", window)}, prefix=BACKGROUND_PREFIX
        )
        handle = temporal_client.get_schedule_handle(schedule_id)
        await handle.pause(note="the hub is rebuilt")
    schedule = (await handle.describe()).schedule
    assert (schedule.spec.time_zone_name, schedule.state.note) == ("Europe/Rome", "the hub is rebuilt")
