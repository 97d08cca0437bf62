"""The commands of a shop: what it has, what it moves, and how that stands towards central."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.table import Table

from cli.api_client import Api
from cli.console import emit, out
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson
from cli.store.command import demo

app = typer.Typer(no_args_is_help=True, help="A shop's stock, and its way to the central inventory.")
app.command()(demo)

_PREFIX: Final = "/store/v1/local"
Sku = Annotated[str, typer.Argument(metavar="SKU", help="the item", show_default=False)]
Operation = Annotated[UUID, typer.Argument(metavar="OPERATION", help="the movement, a UUID", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, max=1000)]


class Strategy(StrEnum):
    """How conflicts with central are resolved."""

    REBASE = "rebase"
    MANUAL = "manual"


@app.command("list")
def list_items(
    limit: Limit = 20, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """The shop's items."""
    with _api(api_url, token) as api:
        answer = api.get("/inventory", {"limit": limit})
    _show(answer, "items", ("sku", "name", "quantity", "version", "central_quantity", "last_synced_at"), as_json)


@app.command()
def put(
    sku: Sku,
    name: Annotated[str, typer.Argument(help="for people", show_default=False)],
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
) -> None:
    """Create an item, or rename it."""
    with _api(api_url, token) as api:
        api.put(f"/inventory/{sku}", {"name": name})
    out().print(f"{sku} is {name}", markup=False)


@app.command(context_settings={"ignore_unknown_options": True})
def update(
    sku: Sku,
    delta: Annotated[int, typer.Argument(help="what comes in; negative: what goes out", show_default=False)],
    operation: Annotated[UUID | None, typer.Option(help="the same again is the same movement")] = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Move stock: `update LAMP-1 -2`."""
    body: dict[str, Any] = {"delta": delta} | ({"operation_id": str(operation)} if operation else {})
    with _api(api_url, token) as api:
        answer = api.post(f"/inventory/{sku}/update", body)
    _say(answer, lambda told: f"{told['quantity']} of {told['sku']} left; operation {told['operation_id']}", as_json)


@app.command()
def operations(
    sku: Sku, limit: Limit = 20, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """An item's movements, newest first."""
    with _api(api_url, token) as api:
        answer = api.get(f"/inventory/{sku}/operations", {"limit": limit})
    _show(answer, "operations", _MOVEMENT, as_json)


@app.command()
def status(
    operation: Operation, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """How a movement stands towards central."""
    with _api(api_url, token) as api:
        answer = api.get(f"/sync/status/{operation}")
    _say(answer, lambda told: f"{told['message']} ({told['attempts']} attempts)", as_json)


@app.command()
def trigger(token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False) -> None:
    """Push what waits, and read everything back, now."""
    with _api(api_url, token) as api:
        answer = api.post("/sync/trigger")
    _say(answer, lambda told: f"{told['message']}, {told['pending']} movements wait", as_json)


@app.command()
def failed(
    limit: Limit = 20, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Failures and conflicts; those that have not ended wait for `retry` or `discard`."""
    with _api(api_url, token) as api:
        answer = api.get("/sync/failed", {"limit": limit})
    _show(answer, "operations", (*_MOVEMENT, "error_message"), as_json)


@app.command()
def retry(
    operation: Operation, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Push a failed movement again, whatever moved at central meanwhile."""
    _decide("retry", operation, api_url, token, as_json)


@app.command()
def discard(
    operation: Operation, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Give a movement up, and take it back here."""
    _decide("discard", operation, api_url, token, as_json)


@app.command()
def strategy(
    chosen: Annotated[Strategy | None, typer.Argument(help="shown when not given", show_default=False)] = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """How conflicts are resolved: by rebasing, or by a person."""
    with _api(api_url, token) as api:
        answer = api.put("/settings", {"conflict_strategy": chosen.value}) if chosen else api.get("/settings")
    _say(answer, lambda told: f"{told['store_id']}: {told['conflict_strategy']}", as_json)


_MOVEMENT: Final = ("operation_id", "sku", "kind", "delta", "status", "attempts", "created_at", "completed_at")


def _decide(decision: str, operation: UUID, api_url: str, token: str, as_json: bool) -> None:
    with _api(api_url, token) as api:
        answer = api.post(f"/sync/{decision}/{operation}")
    _say(answer, lambda told: f"{told['delta']} of {told['sku']}: {told['status']}", as_json)


@contextmanager
def _api(url: str, token: str) -> Iterator[Api]:
    with Api.connect(url, token, _PREFIX) as api:
        yield api


def _say(answer: str, sentence: Any, as_json: bool) -> None:
    if as_json:
        emit(answer)
    else:
        out().print(sentence(json.loads(answer)), markup=False, soft_wrap=True)


def _show(answer: str, key: str, columns: Sequence[str], as_json: bool) -> None:
    if as_json:
        emit(answer)
        return
    rows: list[Mapping[str, Any]] = json.loads(answer)[key]
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    out().print(table)
