"""How answers about changes look on a terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.change_answers import Changes, Deleted, Listed, Plan, Task, Updated

_WAITS: Final = {
    "RESUME": "It is sent once the account is linked again; it is suspended now.",
    "LINK": "It is sent once the account is linked again; CardTrader does not accept its token.",
    "WRITES_ENABLED": "It is sent once the operator allows changes at CardTrader again.",
}
_STATES: Final = ("waiting", "held", "sending", "accepted", "verified", "failed", "cancelled")


def show_updated(console: Console, updated: Updated) -> None:
    """What a listing will be, and how to follow it."""
    console.print(
        f"Item {updated.item_id}, version {updated.row_version}: {updated.quantity:,} copies"
        f" ({updated.quantity_on_sale:,} on sale now) at {updated.price_cents / 100:.2f}"
    )
    _show_queued(console, updated.task_id, updated.waiting_for)


def show_deleted(console: Console, deleted: Deleted) -> None:
    """A listing is hidden."""
    console.print(f"Item {deleted.item_id} is off sale here")
    _show_queued(console, deleted.task_id, deleted.waiting_for)


def show_listed(console: Console, listed: Listed) -> None:
    """How many listings are on their way."""
    console.print(f"{listed.accepted:,} listings accepted")
    _show_queued(console, listed.task_id, listed.waiting_for)


def show_task(console: Console, task: Task) -> None:
    """Where a task is, and what was not made."""
    console.print(f"{task.status}: {task.message}")
    if task.changes:
        counts = ((state, getattr(task.changes, state)) for state in _STATES)
        console.print("  ".join(f"{state} {count:,}" for state, count in counts if count))
        _show_unmade(console, task.changes)
    elif task.error:
        console.print(Text(f"{task.error.code}: {task.error.message}", style="red"))


def show_plan(console: Console, plan: Plan) -> None:
    """What a plan would do, and how to decide."""
    console.print(f"Plan {plan.plan_id} ({plan.state})", soft_wrap=True)
    console.print(
        f"{plan.creates:,} new, {plan.deletes:,} deleted, {plan.updates:,} changed"
        f" (of these {plan.zeroed:,} to nothing, {plan.repriced:,} repriced by more than half)"
    )
    console.print(f"Value {plan.value_before_cents / 100:,.2f} before, {plan.value_after_cents / 100:,.2f} after")
    console.print(f"About {plan.requests:,} requests to CardTrader, {plan.seconds:,} seconds")


def _show_queued(console: Console, task_id: str | None, waiting_for: str | None) -> None:
    console.print(f"Follow it: changes task {task_id}" if task_id else "Nothing had to be sent", soft_wrap=True)
    if waiting_for:
        console.print(Text(_WAITS.get(waiting_for, waiting_for), style="yellow"))


def _show_unmade(console: Console, changes: Changes) -> None:
    if not changes.unmade:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("no", "item", "blueprint"):
        table.add_column(name, justify="right")
    for name in ("change", "code", "reason"):
        table.add_column(name)
    for one in changes.unmade:
        item = "" if one.item_id is None else str(one.item_id)
        cells = (str(one.position), item, str(one.blueprint_id), one.action, one.code or "", one.message or "")
        table.add_row(*map(Text, cells))
    console.print(table)
