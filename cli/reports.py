"""How answers look on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.answers import FailedRecords, Inventory, Item, Progress, Status

_STATE_STYLES = {"completed": "green", "active": "green", "completed_with_errors": "yellow", "running": "cyan"}
_COUNTS = ("created", "updated", "unchanged", "contested", "failed", "stale", "removed", "held")


def show_status(console: Console, status: Status) -> None:
    """The state of one account."""
    console.print(Text.assemble("Account ", (status.sync_status, _style(status.sync_status))))
    if status.disconnected:
        console.print(Text("Disconnected: link the account to go on", style="yellow"))
    if status.last_sync_at:
        console.print(f"Last sync {status.last_sync_at:%Y-%m-%d %H:%M:%S %Z}")
    if status.last_error:
        console.print(Text(status.last_error, style="red"))


def show_progress(console: Console, progress: Progress) -> None:
    """One sync in two or three lines."""
    console.print(
        Text.assemble(
            "Sync ",
            (progress.state, _style(progress.state)),
            f"  {progress.progress_percent} %  {progress.processed:,} of {progress.total_products:,} products",
        )
    )
    counts = ((name, getattr(progress, name)) for name in _COUNTS)
    console.print("  ".join(f"{name} {count:,}" for name, count in counts if count) or "nothing applied yet")
    if progress.skipped:
        console.print(f"{progress.skipped:,} without a catalogue entry (kept, mapped once the catalogue has them)")
    if progress.error:
        console.print(Text(f"{progress.error.code}: {progress.error.message}", style="red"))


def show_inventory(console: Console, page: Inventory) -> None:
    """One page of stock, and how to get the next."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("item", "blueprint", "product"):
        table.add_column(name, justify="right")
    for name in ("qty", "price"):
        table.add_column(name, justify="right", style="cyan")
    for name in ("condition", "language", "state", "description"):
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    for item in page.items:
        # As text: a seller's own words may look like markup.
        table.add_row(*map(Text, _cells(item)))
    console.print(table)
    console.print(f"{len(page.items):,} of {page.total:,}")
    if page.next_cursor:
        console.print(f"next page: --cursor {page.next_cursor}", soft_wrap=True)


def show_failed(console: Console, page: FailedRecords) -> None:
    """One page of dead letters, and how to get the next."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("record", justify="right")
    for name in ("stage", "subject", "met", "state", "reason"):
        table.add_column(name)
    for record in page.records:
        state = "resolved" if record.resolved_at else "open"
        cells = (str(record.id), record.stage, record.subject, str(1 + record.retries), state, record.reason)
        table.add_row(*map(Text, cells))
    console.print(table)
    if page.next_cursor:
        console.print(f"next page: --cursor {page.next_cursor}", soft_wrap=True)


def _cells(item: Item) -> tuple[str, ...]:
    properties = item.properties or {}
    language = next((str(value) for name, value in properties.items() if name.endswith("language")), "")
    return (
        str(item.id),
        str(item.blueprint_id),
        item.external_stock_id or "",
        str(item.quantity),
        f"{item.price_cents / 100:.2f}",
        str(properties.get("condition") or ""),
        language,
        "stale" if item.stale_since else item.sync_state,
        item.description or "",
    )


def _style(state: str) -> str:
    return _STATE_STYLES.get(state, "red" if state in ("failed", "error") else "yellow")
