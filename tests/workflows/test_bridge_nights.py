"""BackgroundSyncWorkflow on a real server: page after page while there is time, noted before it is closed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError, WorkflowAlreadyStartedError

from tests.helpers import eventually
from tests.helpers.fake_bridge import FakeNight, serving
from tests.helpers.histories import events
from tests.helpers.scripted import error
from workflows.bridge.contracts import (
    Abort,
    BatchRef,
    NextPage,
    NightLost,
    NightRef,
    NightResult,
    PageCounts,
    PageRef,
)
from workflows.bridge.starting import cancel_night, start_night

CALL = timedelta(seconds=10)


@pytest.fixture
def uid() -> UUID:
    """A schedule's that no other test uses."""
    return uuid4()


async def begun(client: Client, uid: UUID, *, force: bool = False) -> WorkflowHandle[object, NightResult]:
    return await start_night(client, uid, "items", force=force, timeout=CALL)


def order(fake: FakeNight) -> list[str]:
    return [name for name, _ in fake.started]


async def test_a_night_works_until_its_time_or_share_is_used_up(temporal_client: Client, uid: UUID) -> None:
    fake = FakeNight(tonight=2, pages=9, rows=7)
    async with serving(temporal_client, fake, max_cached_workflows=0):
        handle = await begun(temporal_client, uid)
        result = await handle.result()
    assert (result.pages, result.totals, result.completed) == (2, PageCounts(rows=3, inserted=3), False)
    pages = ["next-1", "fetch-1", "page-1", "next-2", "fetch-2", "page-2", "next-3"]
    assert order(fake) == ["open", "begin", *pages, "finish"]
    [opened] = fake.requests["open"]
    batch = opened.batch_uid
    assert opened == NightRef(schedule_uid=uid, batch_uid=batch, now=opened.now)
    assert fake.requests["page-2"] == [PageRef(batch_uid=batch, page_no=2, rows=7)] == fake.requests["fetch-2"]
    assert fake.requests["begin"] == [BatchRef(batch_uid=batch)] == fake.requests["finish"]
    assert not await events(handle, "WORKFLOW_TASK_FAILED")


async def test_the_end_of_the_source_completes_it(temporal_client: Client, uid: UUID) -> None:
    fake = FakeNight(tonight=9, pages=3)
    fake.parents_arrived = 1
    async with serving(temporal_client, fake):
        result = await (await begun(temporal_client, uid)).result()
    assert (result.pages, result.completed) == (3, True)
    assert [request.last for request in (fake.requests[f"next-{number}"][0] for number in (3, 4))] == [False, True]
    assert order(fake)[-2:] == ["finish", "wake"]


async def test_when_it_is_not_its_time_it_does_nothing(temporal_client: Client, uid: UUID) -> None:
    fake = FakeNight(is_open=False)
    async with serving(temporal_client, fake):
        result = await (await begun(temporal_client, uid, force=True)).result()
    assert (result, order(fake)) == (NightResult(), ["open"])
    assert fake.requests["open"][0].force


async def test_continuing_as_new_repeats_and_skips_no_page(temporal_client: Client, uid: UUID) -> None:
    fake = FakeNight(tonight=9, pages=5, pages_per_run=2)
    async with serving(temporal_client, fake, max_cached_workflows=0):
        result = await (await begun(temporal_client, uid)).result()
    assert (result.pages, result.totals.rows, result.completed) == (5, 15, True)
    assert fake.processed == dict.fromkeys(range(1, 6), 1)
    assert (fake.attempts("begin"), fake.attempts("open")) == (3, 1)
    assert len({request.batch_uid for requests in fake.requests.values() for request in requests}) == 1


async def test_what_is_done_is_noted_before_a_failed_night_is_closed(temporal_client: Client, uid: UUID) -> None:
    fake = FakeNight(tonight=9, pages=9)
    fake.fail_always("fetch-2", error("SourceRejected"))
    async with serving(temporal_client, fake):
        with pytest.raises(WorkflowFailureError) as caught:
            await (await begun(temporal_client, uid)).result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "SOURCE_REJECTED"
    assert order(fake)[-3:] == ["fetch-2", "close", "abort"]
    [lost] = fake.requests["close"]
    assert isinstance(lost, NightLost)
    assert (lost.schedule_uid, lost.code) == (uid, "SOURCE_REJECTED")
    assert fake.requests["abort"] == [Abort(batch_uid=lost.batch_uid, code="SOURCE_REJECTED")]


@pytest.mark.parametrize("activity_id", ["open", "page-2", "finish"])
async def test_a_stopped_night_is_closed_wherever_it_stands(
    temporal_client: Client, uid: UUID, activity_id: str
) -> None:
    fake = FakeNight(tonight=2, pages=9)
    gate = fake.hold(activity_id)
    async with serving(temporal_client, fake):
        handle = await begun(temporal_client, uid)

        def reached() -> None:
            assert activity_id in fake.ids

        await eventually(reached)
        batch_uid = fake.requests["open"][0].batch_uid
        if activity_id == "open":
            await handle.cancel()
        else:
            assert not await cancel_night(temporal_client, uid, uuid4(), timeout=CALL)
            assert await cancel_night(temporal_client, uid, batch_uid, timeout=CALL)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        gate.set()
        assert not await cancel_night(temporal_client, uid, batch_uid, timeout=CALL)
    assert isinstance(caught.value.cause, CancelledError)
    assert fake.requests["abort"] == [Abort(batch_uid=batch_uid, code="BATCH_CANCELLED", cancelled=True)]
    assert fake.requests["close"][0].code == "BATCH_CANCELLED"
    assert "page-3" not in fake.ids
    assert not await events(handle, "WORKFLOW_TASK_FAILED")


async def test_one_night_by_hand_at_a_time(temporal_client: Client, uid: UUID) -> None:
    fake = FakeNight()
    gate = fake.hold("open")
    async with serving(temporal_client, fake):
        first = await begun(temporal_client, uid)
        with pytest.raises(WorkflowAlreadyStartedError):
            await begun(temporal_client, uid)
        gate.set()
        await first.result()


async def test_time_is_the_workflows(temporal_client: Client, uid: UUID) -> None:
    fake = FakeNight(tonight=1, pages=9)
    async with serving(temporal_client, fake, max_cached_workflows=0):
        handle = await begun(temporal_client, uid)
        await handle.result()
    started = (await handle.describe()).start_time
    asked = [request.now for name in ("open", "next-1", "next-2") for request in fake.requests[name]]
    assert asked == sorted(asked)
    assert started - timedelta(seconds=1) < asked[0]
    assert all(isinstance(request, NextPage) for request in fake.requests["next-2"])
