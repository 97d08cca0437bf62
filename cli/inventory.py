"""`inventory`: a seller's stock as the API shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import typer

from cli import editing
from cli.answers import Inventory
from cli.api_client import Api, Params
from cli.console import emit, out
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson, User
from cli.reports import show_inventory

SyncState = Literal["synced", "pending", "uncertain", "failed"]

app = typer.Typer(no_args_is_help=True, help="Look at a seller's stock, and change it.")
app.command()(editing.edit)
app.command()(editing.delete)
app.command()(editing.add)


@app.callback()
def inventory() -> None:
    """Look at a seller's stock, and change it."""


@app.command("list")
def list_items(
    user: User,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    cursor: Annotated[str | None, typer.Option(help="where the last page ended")] = None,
    blueprint: Annotated[int | None, typer.Option(help="only this blueprint")] = None,
    updated_since: Annotated[datetime | None, typer.Option(help="UTC")] = None,
    state: Annotated[SyncState | None, typer.Option(help="only items in this state")] = None,
    search: Annotated[str | None, typer.Option("--search", "-q", help="text in description or own data")] = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """One page of the stock."""
    since = f"{updated_since.isoformat()}Z" if updated_since else None
    wanted = {
        "limit": limit,
        "cursor": cursor,
        "blueprint_id": blueprint,
        "updated_since": since,
        "sync_state": state,
        "q": search,
    }
    params: Params = {name: value for name, value in wanted.items() if value is not None}
    with Api.connect(api_url, token) as api:
        answer = api.get(f"/inventory/{user}", params)
    if as_json:
        emit(answer)
    else:
        show_inventory(out(), Inventory.model_validate_json(answer))
