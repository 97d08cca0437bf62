"""Follows one sync to its end: a live bar for a person, a line of JSON per event for a script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from cli.answers import NoSync, Problem, Progress
from cli.api_client import Api
from cli.console import emit
from cli.errors import CliError

_ANSWER: Final = TypeAdapter[Progress | NoSync](Progress | NoSync)


class _RateColumn(ProgressColumn):
    """Rows per second and the time left, as the API reckons them."""

    def render(self, task: Task) -> Text:
        latest: Progress = task.fields["latest"]
        rate = f"{latest.rate_per_second:,.0f}/s" if latest.rate_per_second else ""
        left = f"{timedelta(seconds=round(latest.eta_seconds))} left" if latest.eta_seconds else ""
        return Text("  ".join(filter(None, (rate, left))), style="cyan")


def read_progress(body: str) -> Progress:
    """The answer of `GET /progress`.

    Raises:
        CliError: the account was never synchronised.
    """
    answer = _ANSWER.validate_json(body)
    if isinstance(answer, NoSync):
        raise CliError(f"{answer.message}. Start one with `sync start`.")
    return answer


def events(api: Api, user_id: UUID) -> Iterator[Progress]:
    """Progress from now until the sync is over.

    Raises:
        RefusedError, UnreachableError: as the API client.
        CliError: there is no sync, or the stream ended while it was running.
    """
    for event in api.events(user_id):
        if event.name == "error":
            problem = Problem.model_validate_json(event.data)
            raise CliError(f"{problem.code}: {problem.message} The sync runs on; ask again with `sync progress`.")
        latest = read_progress(event.data)
        yield latest
        if latest.is_over:
            return
    raise CliError("The API closed the stream before the sync was over. It runs on; ask again with `sync progress`.")


def follow(api: Api, user_id: UUID, console: Console) -> Progress:
    """Show a live bar and return the final progress; errors as `events`."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[latest].phase:<11}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} products"),
        _RateColumn(),
    )
    updates = events(api, user_id)
    # Before the bar is drawn: a refusal then stands alone.
    latest = next(updates)
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("sync", total=0, latest=latest)
        while True:
            bar.update(task, completed=latest.processed, total=latest.total_products, latest=latest)
            if latest.is_over:
                return latest
            latest = next(updates)


def relay(api: Api, user_id: UUID) -> Progress:
    """Print each event as one line of JSON and return the final one; errors as `events`."""
    updates = events(api, user_id)
    while True:
        latest = next(updates)
        emit(latest.model_dump_json())
        if latest.is_over:
            return latest
