"""`changes`: what became of edits, and plans that wait for approval."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from cli.api_client import Api
from cli.change_answers import Plan, Task
from cli.change_reports import show_plan, show_task
from cli.console import emit, out
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson, User

app = typer.Typer(no_args_is_help=True, help="Follow changes of your own; approve those that do too much at once.")

PlanId = Annotated[UUID, typer.Argument(metavar="PLAN", help="the plan, as it was shown", show_default=False)]


@app.command()
def task(
    task_id: Annotated[UUID, typer.Argument(metavar="TASK", help="task id of an edit", show_default=False)],
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Show what became of an edit, a deletion or new listings."""
    with Api.connect(api_url, token) as api:
        answer = api.get(f"/task/{task_id}")
    if as_json:
        emit(answer)
    else:
        show_task(out(), Task.model_validate_json(answer))


@app.command()
def plan(user: User, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False) -> None:
    """Show the changes that wait for approval."""
    with Api.connect(api_url, token) as api:
        _show(api.get(f"/changes/{user}/plan"), as_json)


@app.command()
def approve(
    user: User, plan: PlanId, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Run exactly the changes of a plan."""
    with Api.connect(api_url, token) as api:
        _show(api.post(f"/changes/{user}/plan/{plan}/approve"), as_json)


@app.command()
def cancel(
    user: User, plan: PlanId, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Give up the changes of a plan."""
    with Api.connect(api_url, token) as api:
        _show(api.post(f"/changes/{user}/plan/{plan}/cancel"), as_json)


def _show(answer: str, as_json: bool) -> None:
    if as_json:
        emit(answer)
    else:
        show_plan(out(), Plan.model_validate_json(answer))
