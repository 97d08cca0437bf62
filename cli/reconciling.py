"""`sync from-cardtrader` and `drift`: reconciling by hand, and what a reconciliation found."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Final, Literal
from uuid import UUID

import typer
from pydantic import BaseModel

from cli.answers import Accepted, Problem
from cli.api_client import Api, Params
from cli.console import emit, out
from cli.drift_reports import DriftReport, show_drift
from cli.errors import CliError
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson, User

Kind = Literal["corrected", "missing", "extra"]
_POLL_SECONDS: Final = 0.5


class _Task(BaseModel):
    ready: bool = False
    error: Problem | None = None


def from_cardtrader(
    user: User,
    blueprint: Annotated[int | None, typer.Option(min=1, help="only this blueprint")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="report what differs, and change nothing")] = False,
    wait: Annotated[bool, typer.Option("--follow", help="stay and show the report")] = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Bring the stock to what CardTrader shows now, and report what differed."""
    wanted = {"blueprint_id": blueprint, "dry_run": dry_run}
    params: Params = {name: value for name, value in wanted.items() if value is not None}
    with Api.connect(api_url, token) as api:
        answer = api.post(f"/sync-from-cardtrader/{user}", params=params)
        task_id = Accepted.model_validate_json(answer).task_id
        if as_json:
            emit(answer)
        else:
            out().print(f"Started {task_id}", soft_wrap=True)
        if wait:
            ended(api, task_id)
            _show(api.get(f"/drift/{user}", {"operation_id": task_id}), as_json)


def drift(
    user: User,
    operation: Annotated[UUID | None, typer.Option(help="an earlier report, by its task id")] = None,
    kind: Annotated[Kind | None, typer.Option(help="only this kind")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    cursor: Annotated[str | None, typer.Option(help="where the last page ended")] = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Show what the last reconciliation found different, and why."""
    named = str(operation) if operation else None
    wanted = {"operation_id": named, "kind": kind, "limit": limit, "cursor": cursor}
    params: Params = {name: value for name, value in wanted.items() if value is not None}
    with Api.connect(api_url, token) as api:
        _show(api.get(f"/drift/{user}", params), as_json)


def ended(api: Api, task_id: str, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait for the end of a task.

    Raises:
        CliError: it ended without success.
    """
    while True:
        task = _Task.model_validate_json(api.get(f"/task/{task_id}"))
        if task.error:
            raise CliError(f"{task.error.code}: {task.error.message}")
        if task.ready:
            return
        sleep(_POLL_SECONDS)


def _show(answer: str, as_json: bool) -> None:
    if as_json:
        emit(answer)
    else:
        show_drift(out(), DriftReport.model_validate_json(answer))
