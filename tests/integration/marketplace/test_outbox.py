"""The outbox: told once, in the transaction that causes it, numbered without a gap, delivery by delivery."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from db.marketplace import deliveries, endpoints, outbox, replays
from db.marketplace.deliveries import Parcel
from domain.marketplace.delivery import Answer, Verdict
from domain.marketplace.events import Event
from tests.helpers.marketplace import Organization

URL = "https://consumer.example/hook"


async def parcels(organization: Organization, event_id: UUID) -> list[Parcel]:
    async with organization.database.begin() as connection:
        return await deliveries.due(connection, event_id)


async def settle(organization: Organization, parcel: Parcel, answer: Answer, verdict: Verdict) -> None:
    async with organization.database.begin() as connection:
        await deliveries.settle(connection, parcel, answer, verdict)


async def status(organization: Organization, event_id: UUID) -> tuple[str, bool]:
    async with organization.database.begin() as connection:
        await deliveries.standing(connection, event_id)
    (row,) = await organization.rows("SELECT status, dispatched_at FROM callback_outbox WHERE id = :id", id=event_id)
    return row.status, row.dispatched_at is not None


async def test_an_event_is_committed_with_its_cause_or_not_at_all(organization: Organization) -> None:
    endpoint = await organization.listen(URL)
    store_id = await organization.store()

    async def crashing() -> None:
        async with organization.database.begin() as connection:
            await outbox.record(connection, Event("sync.completed", organization.id, "c-1", {}, store_id))
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await crashing()
    assert await organization.deliveries(endpoint.id) == []
    assert (await organization.rows("SELECT last_sequence FROM webhook_endpoints WHERE id = :i", i=endpoint.id))[0][
        0
    ] == 0


async def test_a_cause_is_told_once(organization: Organization) -> None:
    endpoint = await organization.listen(URL)
    event = Event("sync.completed", organization.id, f"cause-{uuid4()}", {})
    told = []
    for _ in range(3):
        async with organization.database.begin() as connection:
            told.append(await outbox.record(connection, event))
    assert [each is None for each in told] == [False, True, True]
    assert await organization.deliveries(endpoint.id) == [(1, "waiting", 0)]


async def test_numbers_follow_the_commits_without_a_gap(organization: Organization) -> None:
    first, second = await organization.listen(URL), await organization.listen(URL + "2")

    async def tell(number: int) -> None:
        async with organization.database.begin() as connection:
            event = Event("sync.completed", organization.id, str(uuid4()), {"n": number})
            await outbox.record(connection, event)
            if number % 3 == 0:
                await connection.rollback()

    await asyncio.gather(*(tell(number) for number in range(30)))
    for endpoint in (first, second):
        assert [row[0] for row in await organization.deliveries(endpoint.id)] == list(range(1, 21))
    async with organization.database.begin() as connection:
        page = await deliveries.events_after(connection, first.id, after=5, limit=10)
    assert [number for number, _ in page] == list(range(6, 16))
    assert all(payload["organizationId"] == organization.id for _, payload in page)


async def test_endpoints_are_locked_in_the_order_of_their_ids(organization: Organization) -> None:
    # By name they come the other way round, and so they lie in the table after this.
    first, second = await organization.listen(URL + "/z"), await organization.listen(URL + "/a")
    await organization.rows("UPDATE webhook_endpoints SET updated_at = now() WHERE id = :id", id=first.id)
    async with organization.database.begin() as connection:
        await connection.execute(text("SELECT 1 FROM webhook_endpoints WHERE id = :id FOR UPDATE"), {"id": first.id})
        telling = asyncio.create_task(organization.tell())
        await organization.somebody_waits_for_a_lock()
        await organization.rows("SELECT 1 FROM webhook_endpoints WHERE id = :id FOR UPDATE NOWAIT", id=second.id)
    await telling
    assert [await organization.deliveries(each.id) for each in (first, second)] == [[(1, "waiting", 0)]] * 2


async def test_only_who_listens_is_told(organization: Organization) -> None:
    stranger = Organization(organization.database)
    others = [await organization.listen(URL, "sync.failed"), await stranger.listen(URL)]
    nobody = await organization.tell()
    assert await status(organization, nobody) == ("success", True)
    assert [await organization.deliveries(each.id) for each in others] == [[], []]


async def test_each_endpoint_has_a_delivery_of_its_own(organization: Organization) -> None:
    well, ill = await organization.listen(URL), await organization.listen(URL + "2")
    event_id = await organization.tell()
    by_endpoint = {parcel.endpoint_id: parcel for parcel in await parcels(organization, event_id)}
    await settle(organization, by_endpoint[well.id], Answer(204), Verdict("delivered"))
    await settle(organization, by_endpoint[ill.id], Answer(500), Verdict("waiting", timedelta(seconds=60)))
    assert await parcels(organization, event_id) == []
    assert await status(organization, event_id) == ("pending", False)
    await organization.rows("UPDATE callback_deliveries SET next_retry_at = now() WHERE endpoint_id = :id", id=ill.id)
    (again,) = await parcels(organization, event_id)
    assert (again.endpoint_id, again.attempts, again.payload["eventId"]) == (ill.id, 1, str(event_id))
    await settle(organization, again, Answer(500), Verdict("dead"))
    assert (await status(organization, event_id))[0] == "failed"
    assert await organization.deliveries(well.id) == [(1, "delivered", 1)]
    # A late second answer changes nothing.
    await settle(organization, by_endpoint[well.id], Answer(500), Verdict("waiting", timedelta(seconds=60)))
    assert await organization.deliveries(well.id) == [(1, "delivered", 1)]


async def test_a_paused_endpoint_keeps_its_events_and_gets_them_when_resumed(organization: Organization) -> None:
    endpoint = await organization.listen(URL)
    before = await organization.tell()
    async with organization.database.begin() as connection:
        paused = await endpoints.pause(connection, endpoint.id)
    assert paused is not None
    assert not paused.is_active
    meanwhile = await organization.tell()
    assert [row[1] for row in await organization.deliveries(endpoint.id)] == ["held", "held"]
    assert await parcels(organization, before) == await parcels(organization, meanwhile) == []
    async with organization.database.begin() as connection:
        resumed = await endpoints.resume(connection, endpoint.id)
        waiting = {each.event_id for each in await outbox.untold(connection, most=1000)}
    assert resumed is not None
    assert resumed.is_active
    assert {before, meanwhile} <= waiting


async def test_410_and_three_days_of_failing_switch_off_and_lose_nothing(organization: Organization) -> None:
    gone, worn_out = await organization.listen(URL), await organization.listen(URL + "2")
    event_id = await organization.tell()
    by_endpoint = {parcel.endpoint_id: parcel for parcel in await parcels(organization, event_id)}
    await settle(organization, by_endpoint[gone.id], Answer(410), Verdict("held"))
    since = "UPDATE webhook_endpoints SET failing_since = now() - interval '3 days' WHERE id = :id"
    await organization.rows(since, id=worn_out.id)
    await settle(organization, by_endpoint[worn_out.id], Answer(500), Verdict("waiting", timedelta(seconds=60)))
    async with organization.database.begin() as connection:
        listed = {each.id: each for each in await endpoints.list_for(connection, organization.id)}
    assert (listed[gone.id].disabled_reason, listed[worn_out.id].disabled_reason) == ("gone", "failing for 3 days")
    assert not any(endpoint.is_active for endpoint in listed.values())
    assert [await organization.deliveries(each.id) for each in (gone, worn_out)] == [[(1, "held", 1)]] * 2
    registered = await organization.listen(URL)
    assert registered.is_active
    assert await organization.deliveries(gone.id) == [(1, "waiting", 0)]


async def test_a_success_ends_a_failure(organization: Organization) -> None:
    endpoint = await organization.listen(URL)
    for answer, verdict, failing in (
        (Answer(500), Verdict("waiting", timedelta(seconds=60)), True),
        (Answer(200), Verdict("delivered"), False),
    ):
        event_id = await organization.tell()
        (parcel,) = await parcels(organization, event_id)
        await settle(organization, parcel, answer, verdict)
        async with organization.database.begin() as connection:
            found = await endpoints.find(connection, endpoint.id)
        assert found is not None
        assert (found.failing_since is not None) is failing


async def test_what_was_forgotten_is_found_and_what_is_over_is_pruned(organization: Organization) -> None:
    await organization.listen(URL)
    event_id = await organization.tell()
    async with organization.database.begin() as connection:
        await outbox.note_dispatched(connection, [event_id])
        assert event_id not in {each.event_id for each in await outbox.untold(connection, most=1000)}
        assert await outbox.forgotten(connection, age=timedelta(minutes=2), most=10) == []
    await organization.rows(
        "UPDATE callback_outbox SET dispatched_at = now() - interval '1 hour' WHERE id = :id", id=event_id
    )
    await organization.rows(
        "UPDATE callback_deliveries SET next_retry_at = now() - interval '1 hour' WHERE event_id = :id", id=event_id
    )
    async with organization.database.begin() as connection:
        (found,) = await outbox.forgotten(connection, age=timedelta(minutes=2), most=10)
        assert (found.event_id, found.organization_id) == (event_id, organization.id)
        assert await outbox.prune(connection, age=timedelta(days=30), most=10) == 0
    (parcel,) = await parcels(organization, event_id)
    await settle(organization, parcel, Answer(200), Verdict("delivered"))
    await status(organization, event_id)
    old = "UPDATE callback_outbox SET created_at = now() - interval '31 days' WHERE id = :id"
    await organization.rows(old, id=event_id)
    async with organization.database.begin() as connection:
        assert await outbox.prune(connection, age=timedelta(days=30), most=10) == 1


async def test_a_replay_goes_on_where_it_stopped(organization: Organization) -> None:
    endpoint = await organization.listen(URL)
    for _ in range(5):
        await organization.tell()
    await organization.rows("UPDATE callback_deliveries SET state = 'dead' WHERE endpoint_id = :id", id=endpoint.id)
    async with organization.database.begin() as connection:
        replay = await replays.begin(connection, uuid4(), endpoint.id, 2, 4)
        for parcel in await replays.next_parcels(connection, replay, most=2):
            await replays.note_sent(connection, replay, parcel, 200)
            await replays.note_sent(connection, replay, parcel, 200)
        on = await replays.find(connection, replay.id)
        assert on is not None
        assert (on.after_sequence, on.sent, on.state) == (3, 2, "running")
        assert [parcel.sequence for parcel in await replays.next_parcels(connection, on, most=9)] == [4]
    assert [row[1] for row in await organization.deliveries(endpoint.id)] == [
        *("dead", "delivered", "delivered", "dead", "dead")
    ]
