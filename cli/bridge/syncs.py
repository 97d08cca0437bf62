"""`bridge start|status|stop|history`: batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Annotated, Final, Literal

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

from cli.api_client import Api
from cli.bridge.answers import Batch, Batches, Message, Started
from cli.bridge.calling import bridge_api, given, show_pages
from cli.bridge.entities import Entity, Page
from cli.console import emit, out
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson

BatchUid = Annotated[str, typer.Argument(metavar="BATCH", help="id of the batch", show_default=False)]
Follow = Annotated[bool, typer.Option("--follow", help="stay and show how it goes on")]

_POLL_SECONDS: Final = 0.5
_COUNTS: Final = ("inserted", "updated", "deleted", "skipped", "pending", "failed")
_STYLES: Final = {"completed": "green", "completed_with_errors": "yellow", "running": "cyan", "pending": "cyan"}


def start(
    entity: Entity,
    sync_type: Annotated[
        Literal["full", "incremental", "background"], typer.Option("--type", help="which rows; only full deletes")
    ] = "incremental",
    page_size: Annotated[int | None, typer.Option(min=100, max=10_000, help="rows per page")] = None,
    max_pages: Annotated[int | None, typer.Option(min=1, help="end after so many pages")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="tell the hub nothing")] = False,
    force: Annotated[bool, typer.Option("--force", help="delete even more than 10 % of the rows")] = False,
    wait: Follow = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Synchronise an entity. With --follow the exit code tells whether it went through."""
    wanted = given(entity_name=entity, sync_type=sync_type, page_size=page_size, max_pages=max_pages)
    with bridge_api(api_url, token) as api:
        answer = api.post("/sync/start", {**wanted, "dry_run": dry_run, "force": force})
        uid = Started.model_validate_json(answer).batch_uid
        if as_json:
            emit(answer)
        else:
            out().print(f"Started {uid}", soft_wrap=True)
        if wait:
            _conclude(api, uid, as_json)


def status(
    batch: BatchUid,
    wait: Follow = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Show where a batch stands."""
    with bridge_api(api_url, token) as api:
        if wait:
            return _conclude(api, batch, as_json)
        answer = api.get(f"/sync/status/{batch}")
    return emit(answer) if as_json else show_batch(Batch.model_validate_json(answer))


def stop(batch: BatchUid, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False) -> None:
    """Stop a batch: pages in progress finish, the rest never begins."""
    with bridge_api(api_url, token) as api:
        answer = api.post(f"/sync/stop/{batch}")
    if as_json:
        emit(answer)
    else:
        out().print(Message.model_validate_json(answer).message)


def history(
    entity: Annotated[str | None, typer.Option(help="only this entity")] = None,
    status: Annotated[str | None, typer.Option(help="only batches of this status")] = None,
    page: Page = 1,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Show batches, newest first."""
    with bridge_api(api_url, token) as api:
        answer = api.get("/sync/history", given(entity_name=entity, status=status, page=page))
    if as_json:
        return emit(answer)
    found = Batches.model_validate_json(answer)
    for batch in found.items:
        _show_line(batch)
    return show_pages(found.total, found.page, found.total_pages)


def show_batch(batch: Batch) -> None:
    """One batch in a few lines."""
    style = _STYLES.get(batch.status, "red")
    what = f"  {batch.sync_type} sync of {batch.entity_name}" + (" (dry run)" if batch.dry_run else "")
    out().print(Text.assemble("Batch ", (batch.status, style), what), soft_wrap=True)
    counts = "  ".join(f"{name} {getattr(batch, f'rows_{name}'):,}" for name in _COUNTS)
    out().print(f"fetched {batch.rows_fetched:,} of {batch.total_records:,}  {counts}", soft_wrap=True)
    out().print(f"{batch.rows_per_second:,.0f} rows/s  {batch.success_rate:.2f} % without failure", soft_wrap=True)
    if batch.error_code or batch.error_message:
        out().print(Text(f"{batch.error_code}: {batch.error_message}", style="red"), soft_wrap=True)
    if batch.deletion_refused_message:
        out().print(Text(batch.deletion_refused_message, style="yellow"), soft_wrap=True)


def states(api: Api, batch: str, sleep: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """Where a batch stands, again and again until it has ended."""
    while True:
        answer = api.get(f"/sync/status/{batch}")
        yield answer
        if Batch.model_validate_json(answer).is_over:
            return
        sleep(_POLL_SECONDS)


def _conclude(api: Api, batch: str, as_json: bool) -> None:
    last = _relay(api, batch) if as_json else _bar(api, batch)
    if not as_json:
        show_batch(last)
    if not last.is_success:
        raise typer.Exit(1)


def _relay(api: Api, batch: str) -> Batch:
    last = ""
    for last in states(api, batch):
        emit(last)
    return Batch.model_validate_json(last)


def _bar(api: Api, batch: str) -> Batch:
    watched = states(api, batch)
    # Before the bar is drawn: a refusal then stands alone.
    last = Batch.model_validate_json(next(watched))
    rows = TextColumn("{task.completed:,.0f}/{task.total:,.0f} rows")
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), rows, console=out()) as bar:
        task = bar.add_task(last.entity_name, total=0)
        bar.update(task, completed=last.rows_fetched, total=last.total_records)
        for answer in watched:
            last = Batch.model_validate_json(answer)
            bar.update(task, completed=last.rows_fetched, total=last.total_records)
    return last


def _show_line(batch: Batch) -> None:
    """Two lines, so that eighty columns hold the uid and every count."""
    kind = batch.sync_type + (" (dry run)" if batch.dry_run else "")
    status = (batch.status, _STYLES.get(batch.status, "red"))
    out().print(Text.assemble(f"{batch.batch_uid}  {batch.entity_name}  {kind}  ", status), soft_wrap=True)
    counts = "  ".join(f"{name} {getattr(batch, f'rows_{name}'):,}" for name in ("fetched", *_COUNTS))
    out().print(f"    {counts}", soft_wrap=True)
