"""The lives of an account's workflow whose histories are committed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from temporalio.client import Client, WorkflowHandle

from tests.helpers.fake_account import FakeAccount, alive, serving
from tests.helpers.fake_cards import USER
from tests.helpers.scripted import error
from workflows.cards.contracts import CHANGES_PENDING, LOOK_NOW

Handle = WorkflowHandle[Any, Any]


async def account_events(client: Client) -> list[Handle]:
    """Two batches of events, and nothing else."""
    account = FakeAccount(batch=2)
    account.pending = [1, 2, 3]
    return await _lived(client, account)


async def account_changes(client: Client) -> list[Handle]:
    """A batch with a job, a lost answer that is waited for, and events between its steps."""
    account = FakeAccount()
    account.owe("send", "follow", 1, "settle", "send", "verify", "reread")
    account.during = lambda work: account.pending.append(1) if work == "send" else None
    return await _lived(client, account, changes_pending=True)


async def account_continued(client: Client) -> list[Handle]:
    """A run that continues as new between two steps of a batch, and the one that ends it."""
    account = FakeAccount()
    account.owe("send", "verify")
    return await _lived(client, account, changes_pending=True, rounds_per_run=2)


async def account_asked(client: Client) -> list[Handle]:
    """An operator has it look by an update, with events and a change to be found."""
    account = FakeAccount()
    async with serving(client, account):
        handle = await alive(client, user_id=USER, events_pending=False)
        account.pending = [1]
        account.owe("verify")
        await handle.execute_update(LOOK_NOW, result_type=int, id="look-1")
        await handle.result()
        return [client.get_workflow_handle(handle.id, run_id=run) async for run in _chain(client, handle)]


async def account_failing(client: Client) -> list[Handle]:
    """A step that cannot be done for a while."""
    account = FakeAccount()
    account.owe("send", "verify")
    account.change_failures = [error("OperationClosed")]
    return await _lived(client, account, signal=CHANGES_PENDING, events_pending=False)


async def account_suspended(client: Client) -> list[Handle]:
    """The token is no longer accepted."""
    account = FakeAccount()
    account.owe("send")
    account.change_failures = [error("TokenRejected")]
    return await _lived(client, account, signal=CHANGES_PENDING, events_pending=False)


async def _lived(client: Client, account: FakeAccount, **options: Any) -> list[Handle]:
    """Let it live to its end; its runs."""
    async with serving(client, account):
        handle = await alive(client, user_id=USER, **options)
        await handle.result()
        return [client.get_workflow_handle(handle.id, run_id=run) async for run in _chain(client, handle)]


async def _chain(client: Client, handle: Handle) -> AsyncIterator[str]:
    run: str | None = handle.first_execution_run_id
    while run:
        yield run
        *_, last = (await client.get_workflow_handle(handle.id, run_id=run).fetch_history()).events
        run = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id or None
