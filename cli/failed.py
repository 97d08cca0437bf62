"""`failed`: records that could not be used, tried again or settled."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.answers import FailedRecords, Retried
from cli.api_client import Api, Params
from cli.console import emit, out
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson, User
from cli.reports import show_failed

app = typer.Typer(no_args_is_help=True, help="Look at records that could not be used, and settle them.")

Record = Annotated[int, typer.Argument(metavar="RECORD", min=1, help="id of the record", show_default=False)]


@app.command("list")
def list_records(
    user: User,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    cursor: Annotated[str | None, typer.Option(help="where the last page ended")] = None,
    stage: Annotated[str | None, typer.Option(help="only this stage")] = None,
    everything: Annotated[bool, typer.Option("--all", help="also those that are resolved")] = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """One page of the records that are open."""
    resolution = None if everything else "open"
    wanted = {"limit": limit, "cursor": cursor, "stage": stage, "resolution": resolution}
    params: Params = {name: value for name, value in wanted.items() if value is not None}
    with Api.connect(api_url, token) as api:
        answer = api.get(f"/failed-records/{user}", params)
    if as_json:
        emit(answer)
    else:
        show_failed(out(), FailedRecords.model_validate_json(answer))


@app.command()
def retry(
    user: User, record: Record, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Try a record again."""
    with Api.connect(api_url, token) as api:
        answer = api.post(f"/failed-records/{user}/{record}/retry")
    if as_json:
        return emit(answer)
    retried = Retried.model_validate_json(answer)
    out().print(f"{retried.message}: {retried.task_id}" if retried.task_id else retried.message, soft_wrap=True)
    return None


@app.command()
def resolve(
    user: User, record: Record, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Settle a record by hand."""
    with Api.connect(api_url, token) as api:
        answer = api.post(f"/failed-records/{user}/{record}/resolve")
    if as_json:
        emit(answer)
    else:
        out().print(f"Record {record} is settled")
