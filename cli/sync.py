"""`link`, `disconnect` and `sync`: what a seller does with the API."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.answers import Accepted, Disconnected, Linked, Progress, Status
from cli.api_client import Api
from cli.console import emit, out
from cli.following import follow, read_progress, relay
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson, User
from cli.reports import show_progress, show_status

app = typer.Typer(no_args_is_help=True, help="Start, watch and stop the sync of a seller's stock.")


def link(
    user: User,
    cardtrader_token: Annotated[
        str,
        typer.Option(
            prompt="CardTrader token", hide_input=True, envvar="CARDTRADER_TOKEN", help="asked for when not given"
        ),
    ],
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Link a CardTrader account: the token is verified, then stored encrypted."""
    with Api.connect(api_url, token) as api:
        answer = api.post(f"/link/{user}", {"cardtrader_token": cardtrader_token})
    if as_json:
        return emit(answer)
    linked = Linked.model_validate_json(answer)
    out().print(f"Linked {linked.user_id}. Next: sync start {linked.user_id} --follow", soft_wrap=True)
    return None


def disconnect(
    user: User,
    remove: Annotated[bool, typer.Option("--remove", help="forget the token and the stock, too")] = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Stop all work for a CardTrader account; linking it again goes on."""
    with Api.connect(api_url, token) as api:
        answer = api.post(f"/disconnect/{user}", {"action": "remove" if remove else "suspend"})
    if as_json:
        emit(answer)
    else:
        out().print(Disconnected.model_validate_json(answer).message)


@app.command()
def start(
    user: User,
    force: Annotated[bool, typer.Option("--force", help="cancel a running sync first")] = False,
    wait: Annotated[bool, typer.Option("--follow", help="stay and show its progress")] = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Start a bulk sync. With --follow the exit code tells whether it succeeded."""
    with Api.connect(api_url, token) as api:
        answer = api.post(f"/start/{user}", params={"force": force})
        if as_json:
            emit(answer)
        else:
            out().print(f"Started {Accepted.model_validate_json(answer).task_id}", soft_wrap=True)
        if wait:
            _conclude(_watch(api, user, as_json), as_json)


@app.command()
def status(user: User, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False) -> None:
    """Show the state of the account."""
    with Api.connect(api_url, token) as api:
        answer = api.get(f"/status/{user}")
    if as_json:
        emit(answer)
    else:
        show_status(out(), Status.model_validate_json(answer))


@app.command()
def progress(
    user: User,
    once: Annotated[bool, typer.Option("--once", help="show where it stands and leave")] = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Follow the sync with a live bar; with --json, one line per event."""
    with Api.connect(api_url, token) as api:
        if once:
            _show(read_progress(api.get(f"/progress/{user}")), as_json)
        else:
            _conclude(_watch(api, user, as_json), as_json)


@app.command()
def cancel(user: User, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False) -> None:
    """Cancel the running sync; what it has applied stays."""
    with Api.connect(api_url, token) as api:
        answer = api.post(f"/cancel/{user}")
    if as_json:
        emit(answer)
    else:
        out().print(Accepted.model_validate_json(answer).message)


def _watch(api: Api, user: User, as_json: bool) -> Progress:
    return relay(api, user) if as_json else follow(api, user, out())


def _show(final: Progress, as_json: bool) -> None:
    if as_json:
        emit(final.model_dump_json())
    else:
        show_progress(out(), final)


def _conclude(final: Progress, as_json: bool) -> None:
    if not as_json:
        show_progress(out(), final)
    if not final.is_success:
        raise typer.Exit(1)
