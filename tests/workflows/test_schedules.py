"""Schedules at start-up: ours are brought to the desired state, pauses and strangers are left alone."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleOverlapPolicy
from temporalio.service import RPCError

from settings import Settings
from tests.helpers.waiting import eventually
from worker import wanted_schedules
from workflows.cards.contracts import SweepState
from workflows.cards.schedules import RECONCILE, cards_schedules
from workflows.schedules import reconcile_schedules

SIX_HOURS = cards_schedules(timedelta(hours=6), most_running=20)
STRANGER = "somebody-else"
ABANDONED = "brx-abandoned"


async def listed(client: Client) -> set[str]:
    return {one.id async for one in await client.list_schedules()}


async def described(client: Client) -> Schedule:
    return (await client.get_schedule_handle(RECONCILE).describe()).schedule


@pytest.fixture
async def client(temporal_client: Client) -> AsyncIterator[Client]:
    """No schedule before or after."""
    yield temporal_client
    for schedule_id in (RECONCILE, STRANGER, ABANDONED):
        try:
            await temporal_client.get_schedule_handle(schedule_id).delete()
        except RPCError:
            continue


async def test_the_sweep_is_scheduled_and_may_not_overlap(client: Client) -> None:
    await reconcile_schedules(client, SIX_HOURS)
    schedule = await described(client)
    (interval,) = schedule.spec.intervals
    assert (interval.every, interval.offset) == (timedelta(hours=6), timedelta(minutes=15))
    assert schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert schedule.policy.catchup_window == timedelta(hours=1)
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    assert (schedule.action.workflow, schedule.action.id) == ("ReconcileSweepWorkflow", "reconcile-sweep")
    [state] = await client.data_converter.decode(schedule.action.args, [SweepState])
    assert state == SweepState(period_minutes=360, most_running=20)


async def test_a_start_renews_the_schedule_and_keeps_an_operators_pause(client: Client) -> None:
    await reconcile_schedules(client, SIX_HOURS)
    await client.get_schedule_handle(RECONCILE).pause(note="CardTrader is down")
    await reconcile_schedules(client, cards_schedules(timedelta(hours=3), most_running=20))
    schedule = await described(client)
    assert schedule.spec.intervals[0].every == timedelta(hours=3)
    assert (schedule.state.paused, schedule.state.note) == (True, "CardTrader is down")
    await client.get_schedule_handle(RECONCILE).unpause()
    await reconcile_schedules(client, SIX_HOURS)
    assert not (await described(client)).state.paused


async def test_only_our_own_are_deleted_when_they_are_no_longer_wanted(client: Client) -> None:
    for schedule_id in (STRANGER, ABANDONED):
        held = dataclasses.replace(SIX_HOURS[RECONCILE])
        held.state.paused = True
        await client.create_schedule(schedule_id, held)

    async def visible() -> None:
        assert {STRANGER, ABANDONED} <= await listed(client)

    await eventually(visible)
    await reconcile_schedules(client, {})

    async def gone() -> None:
        assert ABANDONED not in await listed(client)

    await eventually(gone)
    assert STRANGER in await listed(client)


async def test_a_schedule_outside_our_prefix_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="begin with brx-"):
        await reconcile_schedules(client, {STRANGER: SIX_HOURS[RECONCILE]})


def test_the_settings_decide() -> None:
    settings = Settings(environment="test", _env_file=None)
    schedule = wanted_schedules(settings)[RECONCILE]
    assert schedule.spec.intervals[0].every == timedelta(hours=settings.reconcile_interval_hours)
    assert RECONCILE not in wanted_schedules(settings.model_copy(update={"reconcile_interval_hours": 0}))


def test_a_very_short_interval_is_still_a_plan() -> None:
    (schedule,) = cards_schedules(timedelta(seconds=20), most_running=1).values()
    assert schedule.spec.intervals[0].offset == timedelta(seconds=10)
