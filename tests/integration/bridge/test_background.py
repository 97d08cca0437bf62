"""Nights of background schedules against a real database: exact shares, nothing twice, nothing left out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select

from db.bridge import background
from db.bridge.tables import entity_config, sync_batches
from db.session import Database
from domain.pipeline.batch_errors import sentence
from domain.pipeline.nights import full_hours
from domain.pipeline.windows import Window, opening
from tests.helpers.nights import Nights, Table
from workflows.bridge.contracts import (
    NextPage,
    NightOpened,
    NightRef,
    NightStep,
    background_schedule_id,
)

EVENING = datetime(2026, 3, 5, 19, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With nothing in it."""
    opened = Database.connect(database_url)
    yield opened
    await opened.close()


def looks(window: Window, first: date, nights: int) -> list[datetime]:
    """When the Temporal Schedule of such a window starts the workflow."""
    at = []
    for day in (first + timedelta(days=number) for number in range(nights)):
        night = opening(window, day)
        hours = (night.closes - night.opens) // timedelta(hours=1)
        at += [night.opens + timedelta(hours=number) for number in range(hours + 1)]
        assert len(full_hours(window)) >= hours - 1
    return at


@pytest.mark.parametrize(
    ("rows", "first", "lost_every"),
    [(700_000, date(2026, 3, 25), 0), (7_000_003, date(2026, 10, 22), 40)],
    ids=["a tenth, in spring", "in autumn, with losses"],
)
async def test_seven_million_rows_in_seven_nights_exactly(
    database: Database, rows: int, first: date, lost_every: int
) -> None:
    """The clocks change in the fourth night; a look comes at every hour, and now and then a night is lost."""
    window, chance = Window(zone="Europe/Rome"), Random(7)
    nights = Nights(database, Table(rows))
    await nights.define(total_rows_estimate=rows, zone="Europe/Rome")
    done, lost, busy_until, looked = dict[date, int](), 0, EVENING, looks(window, first, 9)
    for now in looked:
        if now < busy_until or (await nights.schedule()).state == "completed":
            continue
        before = await nights.schedule()
        night = await nights.look(now, lost=lambda _: bool(lost_every) and chance.randrange(lost_every) == 0)
        after = await nights.schedule()
        if night.opened.is_open:
            assert night.now is not None
            busy_until = night.now
            lost += after.last_error is not None
            done[after.night] = done.get(after.night, 0) + after.current_offset - before.current_offset
            assert after.rows_tonight == done[after.night] <= after.plan.share
    finished = await nights.schedule()
    assert (finished.state, finished.current_offset, finished.next_run_at) == ("completed", rows, None)
    assert list(done) == [first + timedelta(days=number) for number in range(7)]
    assert list(done.values())[:6] == [-(-rows // 7)] * 6
    assert sum(done.values()) == rows
    assert nights.table.in_order
    assert (lost > 5) == bool(lost_every)
    assert nights.handles.held == {background_schedule_id(nights.uid): "nothing left to do"}


async def small(database: Database, rows: int = 100, **columns: Any) -> Nights:
    """A schedule with pages of 10 rows, by 30 a night."""
    nights = Nights(database, Table(rows))
    await nights.define(**{"rows_per_day": 30, "page_size": 10, **columns})
    return nights


async def test_a_night_ends_with_its_window_and_the_next_goes_on_there(database: Database) -> None:
    nights = await small(database, rows_per_day=1_000)
    nights.pace = timedelta(minutes=7)
    night = await nights.look(datetime(2026, 3, 6, 6, 50, tzinfo=UTC))
    # Two pages are begun inside the window; the second ends outside of it, and no third begins.
    assert nights.table.taken == [(0, 10), (10, 10)]
    assert night.end == NightStep(until=datetime(2026, 3, 6, 19, tzinfo=UTC))
    assert (await nights.schedule()).next_run_at == datetime(2026, 3, 6, 19, tzinfo=UTC)
    await nights.look(datetime(2026, 3, 6, 19, tzinfo=UTC))
    assert nights.table.in_order
    assert (await nights.schedule()).state == "completed"


async def test_by_day_it_rests_unless_it_is_forced_on_account_of_the_night_to_come(database: Database) -> None:
    nights = await small(database)
    noon = datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert (await nights.look(noon)).opened == NightOpened(until=EVENING)
    assert (await nights.look(noon, force=True)).end == NightStep(until=EVENING)
    assert (await nights.schedule()).current_offset == 30
    assert (await nights.look(noon, force=True)).opened == NightOpened(until=EVENING)
    evening = await nights.look(EVENING)
    assert evening.opened == NightOpened(until=EVENING + timedelta(days=1))
    assert (await nights.schedule()).current_offset == 30


async def test_what_is_noted_twice_counts_once(database: Database) -> None:
    nights = await small(database)
    batch = uuid4()
    ref = {"schedule_uid": nights.uid, "batch_uid": batch, "now": EVENING}
    for _ in range(2):
        # The answer of the first attempt was lost.
        assert await nights.run("open_night", NightRef(**ref)) == NightOpened(is_open=True)
        assert await nights.run("next_page", NextPage(**ref)) == NightStep(rows=10)
    await nights.table.page(database, batch, 1, 10)
    for _ in range(2):
        assert await nights.run("next_page", NextPage(**ref, page_no=2)) == NightStep(rows=10)
        schedule = await nights.schedule()
        assert (schedule.current_offset, schedule.rows_tonight) == (10, 10)
    await nights.table.page(database, batch, 2, 10)
    for _ in range(2):
        ended = await nights.run("next_page", NextPage(**ref, page_no=3, last=True))
        assert ended == NightStep(completed=True)
    assert (await nights.schedule()).current_offset == 20


async def test_pages_of_a_night_that_was_ended_from_outside_are_not_done_again(database: Database) -> None:
    nights = await small(database)
    batch = uuid4()
    ref = {"schedule_uid": nights.uid, "batch_uid": batch, "now": EVENING}
    await nights.run("open_night", NightRef(**ref))
    await nights.run("next_page", NextPage(**ref))
    await nights.table.page(database, batch, 1, 10)
    async with database.begin() as connection:
        await connection.execute(sync_batches.update().values(status="failed"))
    await nights.look(EVENING + timedelta(hours=1))
    assert nights.table.taken == [(0, 10), (10, 10), (20, 10)]
    assert (await nights.schedule()).current_offset == 30


async def test_a_lost_night_says_why_and_goes_on_within_the_hour(database: Database) -> None:
    nights = await small(database)
    await nights.look(EVENING + timedelta(minutes=5), lost=lambda page: page == 1)
    schedule = await nights.schedule()
    assert (schedule.state, schedule.current_offset) == ("waiting", 10)
    assert schedule.last_error == sentence("SOURCE_UNAVAILABLE")
    assert schedule.next_run_at == EVENING + timedelta(hours=1)
    await nights.look(EVENING + timedelta(hours=1))
    schedule = await nights.schedule()
    assert (schedule.last_error, schedule.current_offset, nights.table.in_order) == (None, 30, True)


async def test_a_reset_night_ends_and_what_it_did_is_not_counted(database: Database) -> None:
    nights = await small(database)

    async def reset() -> None:
        async with database.begin() as connection:
            await background.reset(connection, nights.uid)

    night = await nights.look(EVENING, meanwhile=lambda page: reset() if page == 2 else None)
    assert night.end == NightStep()
    schedule = await nights.schedule()
    assert (schedule.state, schedule.current_offset, schedule.rows_tonight) == ("waiting", 0, 0)
    nights.table.taken.clear()
    await nights.look(EVENING + timedelta(hours=1))
    assert nights.table.taken == [(0, 10), (10, 10), (20, 10)]


async def test_a_schedule_that_is_switched_off_ends_its_night_after_the_page(database: Database) -> None:
    nights = await small(database)
    night = await nights.look(EVENING, meanwhile=lambda page: nights.change(is_enabled=False) if page == 1 else None)
    assert night.end == NightStep()
    assert (await nights.schedule()).current_offset == 10
    assert (await nights.look(EVENING + timedelta(hours=1))).opened == NightOpened()
    assert nights.handles.held == {background_schedule_id(nights.uid): "switched off"}


async def test_a_deleted_schedule_ends_its_night_and_its_looks(database: Database) -> None:
    nights = await small(database)

    async def removed() -> None:
        async with database.begin() as connection:
            assert await background.remove(connection, nights.uid)
            assert not await background.remove(connection, nights.uid)

    night = await nights.look(EVENING, meanwhile=lambda page: removed() if page == 1 else None)
    assert night.end == NightStep()
    assert (await nights.look(EVENING)).opened == NightOpened()
    assert nights.handles.held


async def test_a_night_waits_for_another_batch_of_the_entity(database: Database) -> None:
    nights = await small(database)
    other = {"entity_name": "items", "source_system": "erp", "sync_type": "full", "connector_api_slug": "slug"}
    async with database.begin() as connection:
        await connection.execute(insert(sync_batches).values(uid=uuid4(), page_size=10, status="running", **other))
    at = EVENING + timedelta(minutes=1)
    assert (await nights.look(at)).opened == NightOpened(until=EVENING + timedelta(hours=1))
    schedule = await nights.schedule()
    assert schedule.last_error is not None
    assert "under way" in schedule.last_error
    async with database.begin() as connection:
        await connection.execute(sync_batches.update().values(status="completed"))
    await nights.look(EVENING + timedelta(hours=1))
    schedule = await nights.schedule()
    assert (schedule.current_offset, schedule.last_error) == (30, None)


async def test_a_look_beside_a_night_that_was_begun_by_hand_changes_nothing(database: Database) -> None:
    nights = await small(database)
    ref = {"schedule_uid": nights.uid, "now": EVENING}
    await nights.run("open_night", NightRef(**ref, batch_uid=uuid4()))
    before = await nights.schedule()
    beside = await nights.run("open_night", NightRef(**ref, batch_uid=uuid4()))
    assert beside == NightOpened(until=EVENING + timedelta(hours=1))
    assert await nights.schedule() == before
    assert before.state == "running"


async def test_without_its_entity_a_night_does_nothing_and_says_so(database: Database) -> None:
    nights = await small(database)
    async with database.begin() as connection:
        await connection.execute(entity_config.delete())
    assert not (await nights.look(EVENING)).opened.is_open
    assert "no longer there" in str((await nights.schedule()).last_error)
    async with database.begin() as connection:
        assert await connection.scalar(select(func.count()).select_from(sync_batches)) == 0


async def test_a_batch_of_a_night_begins_at_the_cursor_with_the_schedules_page_size(database: Database) -> None:
    nights = await small(database)
    await nights.look(EVENING)
    night = await nights.look(EVENING + timedelta(days=1))
    async with database.begin() as connection:
        query = select(sync_batches).where(sync_batches.c.uid == night.batch_uid)
        batch = (await connection.execute(query)).one()
    assert (batch.begins_after, batch.page_size, batch.schedule_uid) == ([30], 10, nights.uid)
    assert (batch.sync_type, batch.connector_api_slug, batch.source_system) == ("background", "slug", "erp")
