"""AccountWorkflow against a real server with scripted activities: nothing signalled is lost, and it ends when idle."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from tests.helpers import eventually
from tests.helpers.fake_account import FakeAccount, alive, serving
from tests.helpers.scripted import error
from workflows.cards.contracts import CHANGES_PENDING, EVENTS_PENDING, LOOK_NOW
from workflows.cards.poking import poke_account


async def test_no_event_is_lost_over_many_continuations(temporal_client: Client) -> None:
    inbox = FakeAccount(batch=3)
    async with serving(temporal_client, inbox):
        handle = await alive(temporal_client, rounds_per_run=2)
        for event in range(1, 25):
            inbox.pending.append(event)
            await handle.signal(EVENTS_PENDING)
        await asyncio.wait_for(handle.result(), 30)
    assert sorted(inbox.settled) == list(range(1, 25))
    assert inbox.rereads >= 8
    assert await continuations(temporal_client, handle) >= 3


async def test_an_idle_account_ends_and_a_poke_revives_it(temporal_client: Client) -> None:
    inbox = FakeAccount()
    inbox.pending = [1]
    async with serving(temporal_client, inbox):
        handle = await alive(temporal_client, idle_seconds=1)
        await asyncio.wait_for(handle.result(), 20)
        assert inbox.settled == [1]
        inbox.pending = [2]
        await poke_account(temporal_client, UUID(handle.id.removeprefix("account:")), timeout=timedelta(seconds=5))

        def settled() -> None:
            assert inbox.settled == [1, 2]

        await eventually(settled, 20)
        await temporal_client.get_workflow_handle(handle.id).terminate()


async def test_signals_during_a_reread_make_one_more_look(temporal_client: Client) -> None:
    inbox = FakeAccount()
    inbox.pending = [1]
    inbox.gate.clear()
    async with serving(temporal_client, inbox):
        handle = await alive(temporal_client)

        def reading() -> None:
            assert inbox.rereads == 1

        await eventually(reading, 20)
        inbox.pending += [2, 3, 4]
        for _ in range(20):
            await handle.signal(EVENTS_PENDING)
        inbox.gate.set()
        await asyncio.wait_for(handle.result(), 20)
    assert inbox.settled == [1, 2, 3, 4]
    assert inbox.rereads == 2


async def test_an_operator_has_it_look_at_both_and_is_answered(temporal_client: Client) -> None:
    account = FakeAccount()
    async with serving(temporal_client, account):
        handle = await alive(temporal_client, signal=CHANGES_PENDING, events_pending=False, idle_seconds=60)

        def has_looked() -> None:
            assert account.looks["changes"] == 1

        await eventually(has_looked, 20)
        account.pending = [1]
        account.owe("verify")
        before = await handle.execute_update(LOOK_NOW, result_type=int)

        def worked_off() -> None:
            assert sorted(account.done) == ["event 1", "verify"]

        await eventually(worked_off, 20)
        assert await handle.query("rounds", result_type=int) == before + 2
        await handle.terminate()


async def test_a_revoked_token_suspends_the_account_and_keeps_the_events(temporal_client: Client) -> None:
    inbox = FakeAccount()
    inbox.pending, inbox.failures = [1], [error("TokenRejected")]
    async with serving(temporal_client, inbox):
        await asyncio.wait_for((await alive(temporal_client)).result(), 20)
    assert (inbox.suspended, inbox.pending, inbox.rereads) == (["TOKEN_REJECTED"], [1], 1)


async def test_a_round_that_cannot_be_done_is_done_later(temporal_client: Client) -> None:
    inbox = FakeAccount()
    # A fence ends a step at once, as a spent budget does after its time.
    inbox.pending, inbox.failures = [1], [error("OperationClosed")] * 2
    async with serving(temporal_client, inbox):
        await asyncio.wait_for((await alive(temporal_client, pause_seconds=0)).result(), 20)
    assert (inbox.settled, inbox.suspended, inbox.rereads) == ([1], [], 3)


async def test_a_cancelled_account_ends_cancelled(temporal_client: Client) -> None:
    inbox = FakeAccount()
    inbox.pending = [1]
    inbox.gate.clear()
    async with serving(temporal_client, inbox):
        handle = await alive(temporal_client)

        def reading() -> None:
            assert inbox.rereads == 1

        await eventually(reading, 20)
        await handle.cancel()

        async def ended() -> None:
            assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED

        await eventually(ended, 20)
        inbox.gate.set()


# --- changes


async def test_a_batch_of_changes_is_worked_off_step_by_step(temporal_client: Client) -> None:
    account = FakeAccount()
    account.owe("send", "follow", "send", "follow", "verify")
    async with serving(temporal_client, account):
        await asyncio.wait_for((await alive(temporal_client, signal=CHANGES_PENDING)).result(), 20)
    assert account.done == ["send", "follow", "send", "follow", "verify"]
    assert account.looks["changes"] == 6


async def test_no_change_is_lost_over_many_continuations(temporal_client: Client) -> None:
    account = FakeAccount(batch=2)
    async with serving(temporal_client, account):
        handle = await alive(temporal_client, rounds_per_run=1, changes_pending=True)
        for number in range(1, 9):
            account.owe("send", "verify")
            await handle.signal(CHANGES_PENDING)
            account.pending.append(number)
            await handle.signal(EVENTS_PENDING)
        await asyncio.wait_for(handle.result(), 40)
    assert (account.script, sorted(account.settled)) == ([], list(range(1, 9)))
    assert await continuations(temporal_client, handle) >= 8


async def test_a_signal_during_the_last_step_makes_one_more_look(temporal_client: Client) -> None:
    account = FakeAccount()
    account.owe("verify")
    account.gate.clear()
    async with serving(temporal_client, account):
        handle = await alive(temporal_client, signal=CHANGES_PENDING, events_pending=False)

        def verifying() -> None:
            assert account.looks["changes"] == 1

        await eventually(verifying, 20)
        account.owe("send", "verify")
        await handle.signal(CHANGES_PENDING)
        account.gate.set()
        await asyncio.wait_for(handle.result(), 20)
    assert account.done == ["verify", "send", "verify"]
    assert account.looks == {"changes": 4}


async def test_events_come_between_the_steps_of_a_long_batch(temporal_client: Client) -> None:
    account = FakeAccount()
    account.owe("send", "follow", "verify")
    handles: list[WorkflowHandle[Any, Any]] = []

    def sold_meanwhile(work: str) -> None:
        if work == "send":
            account.pending = [1]
            signalled.append(asyncio.ensure_future(handles[0].signal(EVENTS_PENDING)))

    signalled: list[asyncio.Future[None]] = []
    account.during = sold_meanwhile
    account.gate.clear()
    async with serving(temporal_client, account):
        handles.append(await alive(temporal_client, signal=CHANGES_PENDING))
        account.gate.set()
        await asyncio.wait_for(handles[0].result(), 20)
    assert account.done.index("event 1") < account.done.index("verify")


async def test_a_wait_is_cut_short_by_events_and_ends_by_itself(temporal_client: Client) -> None:
    account = FakeAccount()
    account.owe(3600, 1, "settle", "verify")
    async with serving(temporal_client, account):
        handle = await alive(temporal_client, signal=CHANGES_PENDING)

        def waiting() -> None:
            assert account.looks["changes"] == 1

        await eventually(waiting, 20)
        account.pending = [1]
        await handle.signal(EVENTS_PENDING)
        await asyncio.wait_for(handle.result(), 20)
    assert account.done == ["event 1", "settle", "verify"]


async def test_uncertain_rows_are_read_again_once(temporal_client: Client) -> None:
    account = FakeAccount()
    account.owe("reread")
    async with serving(temporal_client, account):
        await asyncio.wait_for((await alive(temporal_client, signal=CHANGES_PENDING)).result(), 20)
    assert (account.done, account.looks["changes"]) == (["reread"], 1)


@pytest.mark.parametrize("name", ["TokenRejected", "AccountNotLinked"])
async def test_changes_of_an_account_without_a_token_wait(temporal_client: Client, name: str) -> None:
    account = FakeAccount()
    account.owe("send")
    account.change_failures = [error(name)]
    async with serving(temporal_client, account):
        await asyncio.wait_for((await alive(temporal_client, signal=CHANGES_PENDING)).result(), 20)
    assert (len(account.suspended), account.script, account.done) == (1, ["send"], [])


async def test_a_step_that_cannot_be_done_is_done_later(temporal_client: Client) -> None:
    account = FakeAccount()
    account.owe("send", "verify")
    account.change_failures = [error("OperationClosed")] * 2
    async with serving(temporal_client, account):
        handle = await alive(temporal_client, signal=CHANGES_PENDING, pause_seconds=0)
        await asyncio.wait_for(handle.result(), 20)
    assert (account.done, account.suspended) == (["send", "verify"], [])


async def test_a_poke_about_changes_starts_with_them(temporal_client: Client) -> None:
    account = FakeAccount()
    account.owe("send", "verify")
    user_id = UUID(int=77)
    async with serving(temporal_client, account):
        await poke_account(temporal_client, user_id, "changes", timeout=timedelta(seconds=5))

        def verified() -> None:
            assert account.done == ["send", "verify"]

        await eventually(verified, 20)
        await temporal_client.get_workflow_handle(f"account:{user_id}").terminate()
    assert account.looks["events"] == 0


async def continuations(client: Client, handle: WorkflowHandle[Any, Any]) -> int:
    """How often the chain continued as new."""
    count, run_id = 0, handle.first_execution_run_id
    while run_id:
        last = (await client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()).events[-1]
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        count += bool(run_id)
    return count
