"""What the demo prints at the end: the figures, the addresses, and the lines to try next."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

import httpx
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from rich.console import Console
from rich.table import Table

from cli.demo.figures import DemoFigures, TrafficFigures
from devstack.service import RunningService
from workflows.cards.contracts import bulk_sync_id


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Execution(_Answer):
    run_id: str


class _ExecutionInfo(_Answer):
    execution: _Execution


class _Described(_Answer):
    workflow_execution_info: _ExecutionInfo


def show_figures(console: Console, figures: DemoFigures) -> None:
    """The verdict, as the simulator's books have it."""
    use = figures.requests
    drift = sum(part.drift.total for part in (figures.first_sync, figures.second_sync, figures.traffic))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("products compared one by one", f"drift {drift}")
    table.add_row(
        f"requests in any {use.window_seconds:g} s window",
        f"{use.max_in_any_window} at most of {use.limit} allowed ({use.requests} in all)",
    )
    table.add_row("every product in one counter (L6)", "yes" if _conserved(figures) else "NO")
    table.add_row("laws held", "[green]yes[/green]" if figures.laws_held else "[bold red]NO[/bold red]")
    console.print()
    console.print(table)


def show_traffic(console: Console, figures: TrafficFigures) -> None:
    """The third act in three lines."""
    console.print(
        f"On CardTrader {figures.sold} orders, {figures.edited} edits, {figures.cancelled} cancellations, "
        f"{figures.destroyed} removals; here {figures.own_edits} edits, {figures.purchases} purchases, "
        f"{figures.syncs} syncs",
        soft_wrap=True,
    )
    console.print(
        f"{figures.webhooks_received} webhooks received, {figures.webhooks_lost} lost, {figures.faults} faults; "
        f"{figures.most_uncertain} rows uncertain at most",
        soft_wrap=True,
    )
    console.print(
        f"At rest {figures.converged_after:.1f} s later, {figures.repaired} rows repaired by the reconciliation, "
        f"{figures.unsettled} unsettled, drift {figures.drift.total}",
        soft_wrap=True,
    )


def show_addresses(console: Console, service: RunningService, user_id: UUID) -> None:
    """Where to look and what to type."""
    temporal = service.environment["TEMPORAL_UI_URL"]
    console.print()
    for name, address in (
        ("API", f"{service.api_url}/docs"),
        # Behind the #: that part of an address stays in the browser.
        ("Dashboard", f"{service.api_url}/dashboard#token={service.access_token(user_id, ['operator'])}"),
        ("Temporal Web UI", temporal),
        ("this sync in it", latest_run_url(temporal, bulk_sync_id(user_id))),
        ("CardTrader simulator", f"{service.simulator_url}/control/limits"),
        ("Receiver of call-backs", f"{service.callbacks_url}/control/main/received"),
    ):
        console.print(f"{name:<24}{address}", soft_wrap=True)
    console.print("\nTry in another terminal:\n")
    for line in _commands(service, user_id):
        console.print(f"  {line}", soft_wrap=True, markup=False)


def latest_run_url(temporal_ui: str, workflow_id: str) -> str:
    """Page of the latest run of a workflow in the Temporal Web UI, whose own API knows the run."""
    workflow = f"/namespaces/default/workflows/{quote(workflow_id, safe='')}"
    described = httpx.get(f"{temporal_ui}/api/v1{workflow}").raise_for_status().content
    run_id = _Described.model_validate_json(described).workflow_execution_info.execution.run_id
    return f"{temporal_ui}{workflow}/{run_id}/history"


def _commands(service: RunningService, user_id: UUID) -> tuple[str, ...]:
    python = ".venv/bin/python -m cli"
    change = """-H 'content-type: application/json' -d '{"fraction_changed": 0.05}'"""
    return (
        f"export BRX_API_URL={service.api_url} BRX_TOKEN={service.access_token(user_id)}",
        f"curl -X POST {service.simulator_url}/control/change {change}",
        f"{python} sync start {user_id} --follow",
        f"{python} sync progress {user_id}",
        f"{python} inventory list {user_id} --limit 5",
        "make flow",
        f'curl -H "Authorization: Bearer $BRX_TOKEN" $BRX_API_URL/api/v1/sync/status/{user_id}',
    )


def _conserved(figures: DemoFigures) -> bool:
    return figures.first_sync.conserved and figures.second_sync.conserved
